// Whose a request is that came by way of proxies. Pure.
#pragma once

#include <string>
#include <vector>

#include "drivers/http/address_rules.h"
#include "drivers/http/http.h"

namespace tidemark {

// The address that connected; where that is one of `proxies`, the last one of `X-Forwarded-For`
// that is none of them. What a client wrote there itself stands before what its proxy saw, and is
// not believed.
std::string client_address(const HttpRequest& request, const std::vector<IpNetwork>& proxies);

}  // namespace tidemark

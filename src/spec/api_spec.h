// ApiSpec: where `tidemark serve` listens for requests of its HTTP API. A plain value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "spec/location.h"

namespace tidemark {

struct ApiTls {
  bool is_off = false;      // a person says that others may read along
  std::string certificate;  // files of PEM
  std::string key;
};

struct ApiSpec {
  Located<std::string> listen{"127.0.0.1:8080", {}};
  std::optional<ApiTls> tls;
  std::vector<std::string> proxies;  // networks of proxies that say whose a request is
};

// An address of this machine to listen on, as it is written: `HOST:PORT`, `[::1]:PORT`.
struct ListenAddress {
  std::string host;
  int port = 0;  // 0: any that is free
  // Nobody else reaches it.
  bool is_loopback() const;
  // `spec.bad_listen` where it is none.
  static Result<ListenAddress> parse(const std::string& text);
};

// Whether an API may listen there: over the network with TLS, or where a person gives it up.
Status check_listen(const ListenAddress& address, const std::optional<ApiTls>& tls);

}  // namespace tidemark

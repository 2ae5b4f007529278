// What a connection text means for TLS. Pure but for PGSSLMODE and its like, which libpq reads too.
#pragma once

#include <string>

#include "base/result.h"
#include "env/tls_trust.h"

namespace tidemark::postgres {

// How far its sessions are safe from who is in between. Errors: those of check_conninfo().
Result<TlsTrust> tls_trust(const std::string& conninfo);

}  // namespace tidemark::postgres

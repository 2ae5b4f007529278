// How a PostgreSQL server stands: its kind, what this user may see, how many sessions it has and
// which are ours, how far its replica is behind. Blocking; changes nothing.
#pragma once

#include "connect/connector.h"
#include "connectors/postgres/source.h"

namespace tidemark::postgres {

Result<ConnectionState> connection_state(const SourceAccess& access, Cancel& cancel);

}  // namespace tidemark::postgres

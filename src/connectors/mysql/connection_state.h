// How a MySQL or MariaDB server stands: which it is, what this user may see, and which sessions are
// ours, where the server keeps their names. Blocking; changes nothing.
#pragma once

#include "connect/connector.h"
#include "connectors/mysql/source.h"

namespace tidemark::mysql {

Result<ConnectionState> connection_state(const SourceAccess& access, Cancel& cancel);

}  // namespace tidemark::mysql

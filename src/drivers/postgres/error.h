// What a failure of PostgreSQL means: SQLSTATE in, Error out.
//
// Pure functions, any thread. The class of an error is read from its SQLSTATE only; messages are
// for people.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tidemark::postgres {

// Whose system a connection talks to, and so whose fault its failures are.
enum class Side { source, target };

// The words of one failure as the server sent them.
struct ServerMessage {
  std::string sqlstate;  // five characters; empty when the failure is not the server's
  std::string primary;
  std::string detail;
  std::string hint;
};

// `postgres.wrong_password`, `postgres.table_missing`, ...; `postgres.<sqlstate>` for states
// without a name.
std::string error_code(std::string_view sqlstate);

Error classify(const ServerMessage& message, Side side);

// True when the session is gone, so that a COMMIT that met it may or may not have happened.
bool is_connection_loss(const Error& error);

}  // namespace tidemark::postgres

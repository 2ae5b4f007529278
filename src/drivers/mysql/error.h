// What a failure of MySQL or MariaDB means: its error number in, Error out.
//
// Pure functions, any thread. The class of an error is read from its number only; messages are for
// people.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tidemark::mysql {

// Whose system a connection talks to, and so whose fault its failures are.
enum class Side { source, target };

// The words of one failure.
struct ServerMessage {
  unsigned number = 0;  // of the server below 2000 and from 3000 up, of the client between
  std::string text;
};

// `mysql.table_missing`, ...; `mysql.error_1234` for numbers without a name.
std::string error_code(unsigned number);

Error classify(const ServerMessage& message, Side side);

// True when the session is gone, so that a COMMIT that met it may or may not have happened.
bool is_connection_loss(const Error& error);

}  // namespace tidemark::mysql

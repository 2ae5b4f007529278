// The sessions of a source between two runs: one that a run has done with is kept by the guard of
// its connection, cleaned, and the next run of any job takes it over. To open one costs the server
// a process and its caches, and both sides the work of a password.
//
// Functions, any thread.
#pragma once

#include <memory>
#include <string>

#include "connect/guard.h"
#include "drivers/postgres/connection.h"

namespace tidemark::postgres {

// How a source is reached, whose guard it is, and for which job.
struct SessionAccess {
  const ConnectOptions& options;
  Guard* guard = nullptr;
  const std::string& job;
};

// One that was kept, set up as a new one; nothing where there is none that answers.
std::unique_ptr<Connection> kept_session(const SessionAccess& access, Cancel& cancel);

// One that was kept, or a new one. Blocking.
Result<std::unique_ptr<Connection>> open_session(const SessionAccess& access, Cancel& cancel);

// Ends the session, unless it is kept: it is one of open_session(), and nothing failed in it.
void let_go(const SessionAccess& access, std::unique_ptr<Connection> session);

}  // namespace tidemark::postgres

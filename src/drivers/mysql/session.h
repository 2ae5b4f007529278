// Session: the libmariadb handle of one Connection and the waiting on its socket; private to this
// folder.
//
// The library works in its non-blocking form: a call that must wait is left, the socket is polled
// here, and the call is gone on with. Owned by Connection; one thread at a time.
#pragma once

#include <mysql.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "drivers/mysql/connection.h"
#include "env/failpoints.h"

namespace tidemark::mysql {

using SteadyClock = std::chrono::steady_clock;

struct ResultDeleter {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using ResultHandle = std::unique_ptr<MYSQL_RES, ResultDeleter>;

struct Rows::Impl {
  ResultHandle result;
  std::vector<std::vector<std::optional<std::string_view>>> cells;
  std::int64_t changed = 0;
};

struct Connection::Impl {
  MYSQL* mysql = nullptr;
  std::shared_ptr<void> admitted;  // let go last, when the session has ended
  ConnectOptions options;
  Flavour flavour;
  std::int64_t packet_bytes_max = 0;
  std::int64_t bytes_sent = 0;
  bool lost = false;
  bool transaction = false;
  bool stop_asked = false;
  SteadyClock::time_point stop_deadline;
  // While set, a call that is still without its answer then closes the session and fails.
  std::optional<SteadyClock::time_point> answer_by;

  ~Impl();
  bool shake_hands(Cancel& cancel);
  // Prepares for a new call; fails when cancelled or lost.
  Status start(Cancel& cancel);
  // Drives one call of the library: `begin` gives what it waits for, 0 when it is done; `go_on`
  // the same, given what came true.
  template <class Begin, class GoOn>
  void drive(Begin begin, GoOn go_on, Cancel& cancel) {
    for (int wanted = begin(); wanted != 0;)
      wanted = go_on(wait(wanted, cancel));
  }
  // What of `wanted` came true. After the end of all patience the socket is shut down, so that the
  // call fails.
  int wait(int wanted, Cancel& cancel);
  // Asks the server by another session to stop what runs here.
  void ask_stop() noexcept;
  // Makes every later call fail, at once and without waiting.
  void close() noexcept;
  // Of the last call of the handle, or of a statement.
  Error failure(unsigned number, const char* text, Cancel& cancel);
  Error failure(Cancel& cancel);
  Error loss() const;
  Result<Rows> ask(const std::string& sql, Cancel& cancel);
  // Nothing, except where a test armed the failpoint: then the session is really cut.
  void injected_fault(Failpoint point);
};

struct StatementDeleter {
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};

// Before the handshake: what of TLS is asked for, and that the server may not ask for files.
void set_security(MYSQL* mysql, const ConnectOptions& options);
// After it: whether the session has the TLS that was required.
bool is_secure_enough(MYSQL* mysql, const ConnectOptions& options);

// What a column is, from what the server says of it.
Field field_of(const MYSQL_FIELD& field, const Flavour& flavour);

}  // namespace tidemark::mysql

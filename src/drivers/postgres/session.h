// Session: the libpq handles of one Connection and the waiting on its socket; private to this
// folder.
//
// Owned by Connection; one thread at a time, except `interrupt`.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "drivers/postgres/connection.h"
#include "env/failpoints.h"

namespace tidemark::postgres {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ResultDeleter>;

struct Rows::Impl {
  ResultHandle result;
};

struct Connection::Impl {
  std::shared_ptr<void> admitted;  // let go last, when the session has ended
  PGconn* conn = nullptr;
  PGcancel* cancel_key = nullptr;
  Side side = Side::source;
  // Set by interrupt(), so that the stopped call can tell it from a statement_timeout.
  std::atomic<bool> interrupted{false};
  bool stop_asked = false;
  // A call failed, or may still be stopped by a request that is on its way.
  std::atomic<bool> spoiled{false};
  std::chrono::steady_clock::time_point opened_at = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point stop_deadline;
  // While set, a call that is still without its answer then closes the session and fails.
  std::optional<std::chrono::steady_clock::time_point> answer_by;
  std::chrono::seconds commit_timeout{};
  // The texts that ask() knows, and whether they are prepared: from the second time on, since most
  // sessions of a command are asked once.
  std::unordered_map<std::string, bool> asked;
  bool loses_prepared = false;  // a server did not know one that was prepared
  bool was_cleaned = false;     // so it will be again
  std::int64_t bytes_copied = 0;

  ~Impl();
  // Not on a standby, which takes no `unlisten`, nor where the server does not say that it is none:
  // one before 14, and many a pooler, which would not give the same session again.
  bool may_prepare() const;
  // Prepares for a new statement; fails when cancelled or lost.
  Status start(Cancel& cancel);
  // Sends what libpq has buffered, reading meanwhile so that neither side blocks the other.
  Status flush(Cancel& cancel);
  // Waits until the socket can be read, or written too where that is asked, then takes in what
  // came. A stream is much that comes without being asked for: where nothing is there, some of it
  // may gather, since to be woken costs as much as to read.
  enum class Wait { read, write, stream };
  Status wait(Wait wait_for, Cancel& cancel);
  // Everything the server answers to what was sent: the last result, or the first error.
  Result<Rows> collect(Cancel& cancel);
  // The next single result; null at the end of the answer.
  Result<ResultHandle> next_result(Cancel& cancel);
  // Asks the server to stop and gives it a few seconds; then the session is closed.
  void ask_stop();
  // Reads and forgets the rest of the answer; closes the session when that takes too long.
  void drain() noexcept;
  // Makes every later call fail without freeing the handle under somebody's feet.
  void close() noexcept;
  Error failure(const PGresult* result, const Cancel& cancel) const;
  Error connection_failure() const;
  // The other side's words without the password.
  std::string told(const std::string& text) const;
  // Nothing, except where a test armed the failpoint: then the session, or the server, really has
  // that fault.
  Status injected_fault(Failpoint point, Cancel& cancel);
};

}  // namespace tidemark::postgres

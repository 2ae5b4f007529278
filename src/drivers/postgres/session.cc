#include "drivers/postgres/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/redact.h"

namespace tidemark::postgres {
namespace {

constexpr int poll_ms = 50;
// At 100 MB/s some thirty kilobytes come meanwhile, and the kernel holds many times that.
constexpr std::chrono::microseconds pause_of_stream{300};
constexpr std::chrono::seconds stop_patience{5};

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

// libpq ends its messages with a newline and may write several.
std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

// The server ends a session a moment after it was told to, and until then the session counts there.
void finish_and_wait(PGconn* conn) {
  constexpr std::chrono::seconds patience{1};
  const int line = ::fcntl(PQsocket(conn), F_DUPFD_CLOEXEC, 0);
  PQfinish(conn);
  if (line < 0) return;
  const auto end = std::chrono::steady_clock::now() + patience;
  char dropped[4096];
  for (bool is_open = true; is_open && std::chrono::steady_clock::now() < end;) {
    pollfd waiting{line, POLLIN, 0};
    if (::poll(&waiting, 1, poll_ms) <= 0) continue;
    const ssize_t got = ::recv(line, dropped, sizeof(dropped), MSG_DONTWAIT);
    is_open = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
  ::close(line);
}

}  // namespace

Connection::Impl::~Impl() {
  if (cancel_key != nullptr) PQfreeCancel(cancel_key);
  if (conn == nullptr) return;
  // Whoever has a place of a guard gives it back when the server has let go.
  if (admitted && PQstatus(conn) == CONNECTION_OK) {
    finish_and_wait(conn);
  } else {
    PQfinish(conn);
  }
}

bool Connection::Impl::may_prepare() const {
  const char* standby = PQparameterStatus(conn, "in_hot_standby");
  return !loses_prepared && standby != nullptr && std::string_view(standby) == "off";
}

Status Connection::Impl::start(Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (PQstatus(conn) != CONNECTION_OK) return connection_failure();
  interrupted = false;
  stop_asked = false;
  return {};
}

void Connection::Impl::ask_stop() {
  if (stop_asked) return;
  stop_asked = true;
  spoiled = true;
  stop_deadline = std::chrono::steady_clock::now() + stop_patience;
  char message[256];
  PQcancel(cancel_key, message, sizeof(message));
}

void Connection::Impl::close() noexcept {
  if (const int socket = PQsocket(conn); socket >= 0) shutdown(socket, SHUT_RDWR);
  // libpq notices the end of the stream only when it reads.
  PQconsumeInput(conn);
}

Status Connection::Impl::wait(Wait wait_for, Cancel& cancel) {
  while (true) {
    if (cancel.requested()) ask_stop();
    if (stop_asked && std::chrono::steady_clock::now() > stop_deadline) {
      close();
      return cancel.requested() ? std::move(cancel.check()).error() : connection_failure();
    }
    if (answer_by && std::chrono::steady_clock::now() > *answer_by) {
      close();
      return classify({"08006", "the server did not answer in time", {}, {}}, side);
    }
    const int socket = PQsocket(conn);
    if (socket < 0) return connection_failure();
    pollfd slot{socket, static_cast<short>(wait_for == Wait::write ? POLLIN | POLLOUT : POLLIN), 0};
    int ready = 0;
    if (wait_for == Wait::stream) {
      ready = poll(&slot, 1, 0);
      if (ready == 0) std::this_thread::sleep_for(pause_of_stream);
    }
    if (ready == 0) ready = poll(&slot, 1, poll_ms);
    if (ready < 0 && errno != EINTR) return connection_failure();
    if (ready <= 0) continue;
    if ((slot.revents & ~POLLOUT) != 0 && PQconsumeInput(conn) == 0) return connection_failure();
    return {};
  }
}

Status Connection::Impl::flush(Cancel& cancel) {
  while (true) {
    const int left = PQflush(conn);
    if (left == 0) return {};
    if (left < 0) {
      // The server may have said why before it closed; the reader of the answer will find that.
      PQconsumeInput(conn);
      return {};
    }
    TM_CHECK(wait(Wait::write, cancel));
  }
}

Result<ResultHandle> Connection::Impl::next_result(Cancel& cancel) {
  while (PQisBusy(conn) != 0)
    TM_CHECK(wait(Wait::read, cancel));
  return ResultHandle(PQgetResult(conn));
}

Result<Rows> Connection::Impl::collect(Cancel& cancel) {
  TM_CHECK(flush(cancel));
  std::optional<Error> first_error;
  ResultHandle last;
  while (true) {
    TM_TRY(ResultHandle result, next_result(cancel));
    if (!result) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      close();
      return internal_error("postgres.copy_misused", "a COPY was sent as an ordinary statement");
    }
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (!first_error) first_error = failure(result.get(), cancel);
    } else {
      last = std::move(result);
    }
    if (PQstatus(conn) == CONNECTION_BAD) break;
  }
  spoiled = spoiled || first_error || !last;
  if (first_error) return std::move(*first_error);
  if (!last) return connection_failure();
  auto rows = std::make_unique<Rows::Impl>();
  rows->result = std::move(last);
  return Rows(std::move(rows));
}

void Connection::Impl::drain() noexcept {
  ask_stop();
  Cancel none;
  while (true) {
    char* buffer = nullptr;
    const int size = PQgetCopyData(conn, &buffer, 1);
    if (buffer != nullptr) PQfreemem(buffer);
    if (size < 0) break;
    if (size == 0 && !wait(Wait::read, none).ok()) return;
  }
  while (true) {
    auto result = next_result(none);
    if (!result.ok() || !*result || PQstatus(conn) == CONNECTION_BAD) return;
    const ExecStatusType status = PQresultStatus(result->get());
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH)
      return close();
  }
}

Error Connection::Impl::failure(const PGresult* result, const Cancel& cancel) const {
  ServerMessage message{
      field(result, PG_DIAG_SQLSTATE), told(field(result, PG_DIAG_MESSAGE_PRIMARY)),
      told(field(result, PG_DIAG_MESSAGE_DETAIL)), told(field(result, PG_DIAG_MESSAGE_HINT))};
  if (message.sqlstate == "57014" && (cancel.requested() || interrupted)) {
    return user_error("run.cancelled", "the run was cancelled");
  }
  // Made by libpq itself: the session broke.
  if (message.sqlstate.empty()) return connection_failure();
  return classify(message, side);
}

Error Connection::Impl::connection_failure() const {
  return classify({"08006", told(one_line(PQerrorMessage(conn))), {}, {}}, side);
}

// A server that asked for the password as it is may repeat it at any time.
std::string Connection::Impl::told(const std::string& text) const {
  const char* const password = PQpass(conn);
  return password == nullptr ? text : redact(text, Secret(password));
}

Status Connection::Impl::injected_fault(Failpoint point, Cancel& cancel) {
  const std::optional<std::string> fault = failpoints::reach(point);
  if (!fault) return {};
  std::string statement;
  if (fault->starts_with("sqlstate:")) {
    statement = "do $$ begin raise exception 'injected fault' using errcode = '" +
                fault->substr(fault->find(':') + 1) + "'; end $$";
  } else if (*fault == "shutdown") {
    statement = "select pg_terminate_backend(pg_backend_pid())";
  }
  // In the middle of a COPY no statement can be sent.
  if (statement.empty() || PQtransactionStatus(conn) == PQTRANS_ACTIVE) {
    ::shutdown(PQsocket(conn), SHUT_RDWR);
    return {};
  }
  if (PQsendQuery(conn, statement.c_str()) == 0) return connection_failure();
  TM_CHECK(collect(cancel));
  return {};
}

}  // namespace tidemark::postgres

#include "drivers/mysql/session.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/redact.h"
#include "observe/statement_log.h"

namespace tidemark::mysql {
namespace {

constexpr int poll_ms = 50;
constexpr std::chrono::seconds stop_patience{5};
constexpr unsigned stop_timeout_s = 2;
constexpr unsigned query_interrupted = 1317;
constexpr unsigned server_gone = 2006;
constexpr unsigned server_lost = 2013;
constexpr unsigned session_killed = 1927;
constexpr unsigned server_stops = 1053;

}  // namespace

Connection::Impl::~Impl() {
  if (mysql == nullptr) return;
  // The farewell must not wait for a server that does not read.
  if (lost) close();
  mysql_close(mysql);
}

Status Connection::Impl::start(Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (lost) return loss();
  stop_asked = false;
  return {};
}

int Connection::Impl::wait(int wanted, Cancel& cancel) {
  const auto begun = SteadyClock::now();
  while (true) {
    const auto now = SteadyClock::now();
    if (cancel.requested() && !stop_asked && !lost) ask_stop();
    const bool stop_failed = stop_asked && now > stop_deadline;
    if (stop_failed || (answer_by && now > *answer_by)) close();
    const int socket = mysql_get_socket(mysql);
    if (socket < 0) return wanted & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE);
    short events = 0;
    if ((wanted & MYSQL_WAIT_READ) != 0) events |= POLLIN;
    if ((wanted & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
    if ((wanted & MYSQL_WAIT_EXCEPT) != 0) events |= POLLPRI;
    pollfd slot{socket, events, 0};
    const int ready = poll(&slot, 1, poll_ms);
    if (ready > 0) {
      int came = 0;
      if ((slot.revents & (POLLIN | POLLHUP | POLLERR)) != 0) came |= MYSQL_WAIT_READ;
      if ((slot.revents & (POLLOUT | POLLHUP | POLLERR)) != 0) came |= MYSQL_WAIT_WRITE;
      if ((slot.revents & POLLPRI) != 0) came |= MYSQL_WAIT_EXCEPT;
      if ((came & wanted) != 0) return came & wanted;
    }
    if ((wanted & MYSQL_WAIT_TIMEOUT) == 0) continue;
    if (SteadyClock::now() - begun >= std::chrono::milliseconds(mysql_get_timeout_value_ms(mysql)))
      return MYSQL_WAIT_TIMEOUT;
  }
}

void Connection::Impl::ask_stop() noexcept {
  stop_asked = true;
  stop_deadline = SteadyClock::now() + stop_patience;
  const unsigned long id = mysql_thread_id(mysql);
  // Not connected yet: there is nothing to stop but the connecting.
  if (id == 0) return close();
  const Address& address = options.address;
  MYSQL* other = mysql_init(nullptr);
  if (other == nullptr) return;
  mysql_options(other, MYSQL_OPT_CONNECT_TIMEOUT, &stop_timeout_s);
  mysql_options(other, MYSQL_OPT_READ_TIMEOUT, &stop_timeout_s);
  mysql_options(other, MYSQL_OPT_WRITE_TIMEOUT, &stop_timeout_s);
  set_security(other, options);
  if (mysql_get_ssl_cipher(mysql) == nullptr) other->options.use_ssl = 0;  // as shake_hands() does
  if (mysql_real_connect(other, address.host.empty() ? nullptr : address.host.c_str(),
                         address.user.c_str(), options.password.reveal().c_str(), nullptr,
                         address.port, address.socket.empty() ? nullptr : address.socket.c_str(),
                         0) != nullptr &&
      is_secure_enough(other, options)) {
    mysql_query(other, ("KILL QUERY " + std::to_string(id)).c_str());
  }
  mysql_close(other);
}

void Connection::Impl::close() noexcept {
  lost = true;
  if (const int socket = mysql_get_socket(mysql); socket >= 0) shutdown(socket, SHUT_RDWR);
}

Error Connection::Impl::failure(unsigned number, const char* text, Cancel& cancel) {
  const bool gone = number == server_gone || number == server_lost || number == session_killed ||
                    number == server_stops;
  if (gone) close();
  if (stop_asked && cancel.requested() && (number == query_interrupted || lost))
    return user_error("run.cancelled", "the run was cancelled");
  if (answer_by && SteadyClock::now() > *answer_by)
    return classify({server_lost, "the server did not answer in time"}, options.side);
  // A server may repeat what it was told.
  return classify({number, redact(text == nullptr ? "" : text, options.password)}, options.side);
}

Error Connection::Impl::failure(Cancel& cancel) {
  return failure(mysql_errno(mysql), mysql_error(mysql), cancel);
}

Error Connection::Impl::loss() const {
  return classify({server_gone, "the session was closed"}, options.side);
}

Result<Rows> Connection::Impl::ask(const std::string& sql, Cancel& cancel) {
  const StatementLog log(LogComponent::mysql, sql, DoubleQuotes::value);
  TM_CHECK(start(cancel));
  bytes_sent += static_cast<std::int64_t>(sql.size());
  int failed = 0;
  drive([&] { return mysql_real_query_start(&failed, mysql, sql.data(), sql.size()); },
        [&](int came) { return mysql_real_query_cont(&failed, mysql, came); }, cancel);
  if (failed != 0) return failure(cancel);
  auto rows = std::make_unique<Rows::Impl>();
  MYSQL_RES* result = nullptr;
  drive([&] { return mysql_store_result_start(&result, mysql); },
        [&](int came) { return mysql_store_result_cont(&result, mysql, came); }, cancel);
  rows->result.reset(result);
  if (result == nullptr && mysql_errno(mysql) != 0) return failure(cancel);
  const auto affected = mysql_affected_rows(mysql);
  rows->changed = result == nullptr ? static_cast<std::int64_t>(affected) : 0;
  if (result == nullptr) return Rows(std::move(rows));
  const unsigned columns = mysql_num_fields(result);
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    auto& cells = rows->cells.emplace_back();
    for (unsigned at = 0; at < columns; ++at) {
      cells.push_back(row[at] == nullptr ? std::nullopt
                                         : std::optional(std::string_view(row[at], lengths[at])));
    }
  }
  return Rows(std::move(rows));
}

void Connection::Impl::injected_fault(Failpoint point) {
  if (failpoints::reach(point)) {
    if (const int socket = mysql_get_socket(mysql); socket >= 0) ::shutdown(socket, SHUT_RDWR);
  }
}

}  // namespace tidemark::mysql

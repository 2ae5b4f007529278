#include "drivers/mysql/connection.h"

#include <charconv>
#include <utility>

#include "drivers/mysql/session.h"

namespace tidemark::mysql {

// --- Rows
// --------------------------------------------------------------------------------------------

Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;
Rows::~Rows() = default;

std::size_t Rows::rows() const {
  return impl_->cells.size();
}
std::size_t Rows::columns() const {
  return impl_->result ? mysql_num_fields(impl_->result.get()) : 0;
}
std::int64_t Rows::changed() const {
  return impl_->changed;
}

std::optional<std::string_view> Rows::text(std::size_t row, std::size_t column) const {
  TM_ASSERT(row < rows() && column < columns());
  return impl_->cells[row][column];
}

std::string Rows::string(std::size_t row, std::size_t column) const {
  return std::string(text(row, column).value_or(std::string_view()));
}

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  const std::optional<std::string_view> value = text(row, column);
  if (!value) return 0;
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(value->data(), value->data() + value->size(), number);
  TM_ASSERT(fault == std::errc() && end == value->data() + value->size());
  return number;
}

// --- Connection: statements
// --------------------------------------------------------------------------

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<Rows> Connection::query(const std::string& sql, Cancel& cancel) {
  TM_CHECK(impl_->start(cancel));
  impl_->injected_fault(Failpoint::mysql_query);
  return impl_->ask(sql, cancel);
}

Result<std::int64_t> Connection::execute(const std::string& sql, Cancel& cancel) {
  TM_TRY(const Rows rows, query(sql, cancel));
  return rows.changed();
}

// --- transactions
// ------------------------------------------------------------------------------------

Status Connection::begin(const std::string& mode, Cancel& cancel) {
  TM_CHECK(query("start transaction" + (mode.empty() ? mode : " " + mode), cancel));
  impl_->transaction = true;
  return {};
}

Status Connection::commit(Cancel& cancel) {
  TM_CHECK(impl_->start(cancel));
  impl_->injected_fault(Failpoint::mysql_commit);
  impl_->answer_by = SteadyClock::now() + std::chrono::seconds(impl_->options.commit_timeout_s);
  const Result<Rows> answer = impl_->ask("commit", cancel);
  impl_->answer_by.reset();
  if (!answer.ok()) return answer.error();
  impl_->transaction = false;
  // The answer got lost on its way.
  if (failpoints::reach(Failpoint::mysql_committed)) {
    impl_->close();
    return impl_->loss();
  }
  return {};
}

void Connection::rollback() noexcept {
  if (!impl_->transaction) return;
  impl_->transaction = false;
  Cancel none;
  if (!impl_->lost && !impl_->ask("rollback", none).ok()) impl_->close();
}

bool Connection::in_transaction() const {
  return impl_->transaction;
}

Result<Transaction> Transaction::begin(Connection& connection, const std::string& mode,
                                       Cancel& cancel) {
  TM_CHECK(connection.begin(mode, cancel));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ != nullptr) connection_->rollback();
}

Status Transaction::commit(Cancel& cancel) {
  TM_CHECK(connection_->commit(cancel));
  connection_ = nullptr;
  return {};
}

// --- facts
// -------------------------------------------------------------------------------------------

std::uint64_t Connection::session_id() const {
  return mysql_thread_id(impl_->mysql);
}
const Flavour& Connection::flavour() const {
  return impl_->flavour;
}
std::int64_t Connection::bytes_sent() const {
  return impl_->bytes_sent;
}
std::int64_t Connection::packet_bytes_max() const {
  return impl_->packet_bytes_max;
}
const std::string& Connection::database() const {
  return impl_->options.address.dbname;
}
bool Connection::lost() const {
  return impl_->lost;
}
Side Connection::side() const {
  return impl_->options.side;
}

}  // namespace tidemark::mysql

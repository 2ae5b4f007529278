#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "drivers/duckdb/batches.h"
#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/errors.h"
#include "drivers/duckdb/state.h"
#include "drivers/duckdb/types.h"
#include "env/failpoints.h"
#include "observe/statement_log.h"

namespace tidemark::duck {
namespace {

// As many as run at a time in most projects.
constexpr std::size_t idle_max = 16;
// Of texts that differ from run to run the first ones stay.
constexpr std::size_t prepared_max = 64;

// What a statement meets while it is prepared, beside faults of its text: it opens files by then.
duckdb_error_type type_of_unprepared(const char* message) {
  const duckdb_error_type type = error_type_of(message);
  const bool is_met = type == DUCKDB_ERROR_IO || type == DUCKDB_ERROR_OUT_OF_MEMORY ||
                      type == DUCKDB_ERROR_INTERRUPT || type == DUCKDB_ERROR_TRANSACTION ||
                      type == DUCKDB_ERROR_FATAL;
  return is_met ? type : DUCKDB_ERROR_BINDER;
}

}  // namespace

Schema schema_of(duckdb_result* result) {
  Schema schema;
  for (idx_t at = 0; at < duckdb_column_count(result); ++at) {
    TypeHandle logical(duckdb_column_logical_type(result, at));
    const char* name = duckdb_column_name(result, at);
    schema.columns.push_back({name == nullptr ? "" : name, from_logical(logical.get()), true, {}});
  }
  return schema;
}

Schema schema_of(duckdb_prepared_statement statement) {
  Schema schema;
  for (idx_t at = 0; at < duckdb_prepared_statement_column_count(statement); ++at) {
    TypeHandle logical(duckdb_prepared_statement_column_logical_type(statement, at));
    const char* name = duckdb_prepared_statement_column_name(statement, at);
    schema.columns.push_back({name == nullptr ? "" : name, from_logical(logical.get()), true, {}});
    duckdb_free(const_cast<char*>(name));
  }
  return schema;
}

std::optional<Session> IdleSessions::take() {
  const std::lock_guard lock(mutex_);
  if (sessions_.empty()) return std::nullopt;
  Session session = std::move(sessions_.back());
  sessions_.pop_back();
  return session;
}

void IdleSessions::give(Session session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() < idle_max) sessions_.push_back(std::move(session));
}

void IdleSessions::end() {
  const std::lock_guard lock(mutex_);
  sessions_.clear();
}

Error Connection::Impl::fail(duckdb_error_type type, const char* message) {
  is_as_new = false;
  failed = in_transaction;
  for (const auto& [text, id] : own_feeds) {
    if (auto entry = feeds.find(id); entry && entry->error) {
      Error error = std::move(*entry->error);
      entry->error.reset();
      return error;
    }
  }
  return engine_error(type, message);
}

Result<StatementHandle> Connection::Impl::prepare(const std::string& sql) {
  StatementHandle statement;
  ExtractedHandle extracted;
  const idx_t count =
      duckdb_extract_statements(session.connection.get(), sql.c_str(), extracted.fill());
  if (count == 0) {
    const char* problem = duckdb_extract_statements_error(extracted.get());
    return fail(DUCKDB_ERROR_PARSER, problem == nullptr ? "there is no statement" : problem);
  }
  if (count != 1) return fail(DUCKDB_ERROR_PARSER, "one statement was expected, there are more");
  if (duckdb_prepare_extracted_statement(session.connection.get(), extracted.get(), 0,
                                         statement.fill()) != DuckDBSuccess) {
    const char* problem = duckdb_prepare_error(statement.get());
    return fail(type_of_unprepared(problem), problem);
  }
  return statement;
}

Result<duckdb_prepared_statement> Connection::Impl::prepare_kept(const std::string& sql,
                                                                 StatementHandle& own) {
  const auto found = session.prepared.find(sql);
  if (is_as_new && found != session.prepared.end()) return found->second.get();
  TM_TRY(own, prepare(sql));
  if (!is_as_new || session.prepared.size() >= prepared_max) return own.get();
  return session.prepared.emplace(sql, std::move(own)).first->second.get();
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Connection::~Connection() {
  for (const auto& [text, id] : impl_->own_feeds)
    impl_->feeds.remove(id);
  if (impl_->is_as_new) impl_->idle->give(std::move(impl_->session));
}

Result<Answer> Connection::query(const std::string& sql) {
  return query(sql, {});
}

Result<Answer> Connection::select(const std::string& sql) {
  {
    TM_TRY(StatementHandle statement, impl_->prepare(sql));
    if (duckdb_prepared_statement_type(statement.get()) != DUCKDB_STATEMENT_TYPE_SELECT) {
      return user_error("engine.no_select", "this is no SELECT, so it was not run",
                        "write one SELECT; what a job loads is changed by its job");
    }
  }
  return query(sql);
}

Result<Answer> Connection::query(const std::string& sql,
                                 const std::vector<std::optional<std::string>>& parameters) {
  const StatementLog log(LogComponent::duckdb, sql);
  TM_CHECK(impl_->injected_fault());
  Answer answer;
  Answer::Impl& held = *answer.impl_;
  duckdb_state state;
  if (parameters.empty()) {
    impl_->is_as_new = false;
    state = duckdb_query(impl_->session.connection.get(), sql.c_str(), held.result.get());
  } else {
    StatementHandle own;
    TM_TRY(duckdb_prepared_statement statement, impl_->prepare_kept(sql, own));
    for (std::size_t at = 0; at < parameters.size(); ++at) {
      const auto& value = parameters[at];
      const duckdb_state bound =
          value ? duckdb_bind_varchar_length(statement, at + 1, value->data(), value->size())
                : duckdb_bind_null(statement, at + 1);
      if (bound != DuckDBSuccess)
        return impl_->fail(DUCKDB_ERROR_INVALID_INPUT, "a parameter was refused");
    }
    state = duckdb_execute_prepared(statement, held.result.get());
  }
  if (state != DuckDBSuccess) {
    return impl_->fail(duckdb_result_error_type(held.result.get()),
                       duckdb_result_error(held.result.get()));
  }
  held.take_rows();
  return answer;
}

Status Connection::execute(const std::string& sql) {
  TM_CHECK(impl_->injected_fault());
  return impl_->run(sql);
}

Status Connection::execute_waiting(const std::string& sql) {
  TM_CHECK(impl_->injected_fault());
  ResultHandle result;
  return impl_->run_waiting(sql, result);
}

Result<Answer> Connection::query_waiting(const std::string& sql) {
  TM_CHECK(impl_->injected_fault());
  Answer answer;
  TM_CHECK(impl_->run_waiting(sql, answer.impl_->result));
  answer.impl_->take_rows();
  return answer;
}

Status Connection::Impl::run_waiting(const std::string& sql, ResultHandle& result) {
  const StatementLog log(LogComponent::duckdb, sql);
  is_as_new = false;
  // Short for a short statement; in a long one each look costs other threads a switch.
  constexpr std::chrono::microseconds pause_max(2'000);
  std::chrono::microseconds pause(50);
  TM_TRY(StatementHandle statement, prepare(sql));
  PendingHandle pending;
  const auto failed = [&] {
    const char* problem = duckdb_pending_error(pending.get());
    return fail(error_type_of(problem), problem);
  };
  if (duckdb_pending_prepared(statement.get(), pending.fill()) != DuckDBSuccess) return failed();
  duckdb_pending_state state = DUCKDB_PENDING_RESULT_NOT_READY;
  while (state != DUCKDB_PENDING_RESULT_READY && state != DUCKDB_PENDING_ERROR) {
    state = duckdb_pending_execute_task(pending.get());
    if (state != DUCKDB_PENDING_NO_TASKS_AVAILABLE) continue;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause + pause / 8, pause_max);
  }
  if (state == DUCKDB_PENDING_ERROR) return failed();
  if (duckdb_execute_pending(pending.get(), result.get()) != DuckDBSuccess)
    return fail(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
  return {};
}

Status Connection::Impl::run(const std::string& sql) {
  const StatementLog log(LogComponent::duckdb, sql);
  is_as_new = false;
  ResultHandle result;
  if (duckdb_query(session.connection.get(), sql.c_str(), result.get()) != DuckDBSuccess) {
    return fail(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()));
  }
  return {};
}

// A statement that really fails, so that the transaction is really aborted.
Status Connection::Impl::injected_fault() {
  if (failpoints::reach(Failpoint::engine_query)) return run("SELECT error('injected fault')");
  return {};
}

Result<std::int64_t> Connection::count(const std::string& sql) {
  TM_TRY(Answer answer, query(sql));
  TM_ASSERT(answer.rows() == 1 && answer.schema().columns.size() == 1);
  return answer.integer(0, 0);
}

Result<Schema> Connection::describe(const std::string& select) {
  TM_TRY(StatementHandle statement, impl_->prepare(select));
  return schema_of(statement.get());
}

Result<std::string> Connection::register_feed(const Schema& schema, Feed feed,
                                              std::function<void(const RejectedRow&)> reject,
                                              Drain also) {
  impl_->is_as_new = false;
  const std::uint64_t id =
      impl_->feeds.add({schema, std::move(feed), std::move(reject), std::move(also), std::nullopt});
  std::string text = "tidemark_feed(" + std::to_string(id) + "::UBIGINT)";
  impl_->own_feeds.emplace(text, id);
  return text;
}

void Connection::release_feed(const std::string& from_text) {
  const auto found = impl_->own_feeds.find(from_text);
  if (found == impl_->own_feeds.end()) return;
  impl_->feeds.remove(found->second);
  impl_->own_feeds.erase(found);
}

std::optional<SqlProblem> Connection::check_syntax(const std::string& sql) {
  ExtractedHandle extracted;
  const idx_t count =
      duckdb_extract_statements(impl_->session.connection.get(), sql.c_str(), extracted.fill());
  if (count == 1) return std::nullopt;
  if (count > 1) return SqlProblem{"one statement was expected, there are more", 0};
  const char* problem = duckdb_extract_statements_error(extracted.get());
  if (problem == nullptr) return SqlProblem{"there is no SQL here", 0};
  // The message ends with the line and a caret under the place: "LINE n: text\n     ^".
  SqlProblem found{problem, 0};
  const std::size_t line_mark = found.message.find("\nLINE ");
  if (line_mark == std::string::npos) return found;
  const std::size_t colon = found.message.find(": ", line_mark);
  const std::size_t line_end = found.message.find('\n', colon);
  const std::size_t caret = found.message.find('^', line_end);
  const long line_number = std::strtol(found.message.c_str() + line_mark + 6, nullptr, 10);
  if (caret != std::string::npos && line_end != std::string::npos) {
    const std::size_t in_line = caret - line_end - 1 - (colon + 2 - line_mark - 1);
    std::size_t start = 0;
    for (long line = 1; line < line_number && start != std::string::npos; ++line) {
      start = sql.find('\n', start);
      if (start != std::string::npos) ++start;
    }
    if (start != std::string::npos && start + in_line <= sql.size()) found.offset = start + in_line;
  }
  while (line_mark > 0 && found.message.size() > line_mark)
    found.message.resize(line_mark);
  while (!found.message.empty() && found.message.back() == '\n')
    found.message.pop_back();
  return found;
}

Result<std::vector<std::string>> Connection::table_names(const std::string& sql) {
  ValueHandle names(duckdb_get_table_names(impl_->session.connection.get(), sql.c_str(), true));
  if (!names) return engine_error(DUCKDB_ERROR_PARSER, "the tables of a query could not be read");
  std::vector<std::string> tables;
  for (idx_t at = 0; at < duckdb_get_list_size(names.get()); ++at) {
    ValueHandle name(duckdb_get_list_child(names.get(), at));
    char* text = duckdb_get_varchar(name.get());
    tables.emplace_back(text);
    duckdb_free(text);
  }
  return tables;
}

Status Connection::begin() {
  TM_ASSERT(!impl_->in_transaction);
  TM_CHECK(execute("BEGIN TRANSACTION"));
  impl_->in_transaction = true;
  impl_->failed = false;
  return {};
}

Status Connection::commit() {
  TM_ASSERT(impl_->in_transaction);
  if (impl_->failed) {
    TM_CHECK(rollback());
    return internal_error("engine.failed_transaction",
                          "a statement of this transaction failed; it was rolled back");
  }
  // A failed COMMIT has already ended the transaction.
  impl_->in_transaction = false;
  // A worker of the engine may do it, and waits for the disk.
  ResultHandle result;
  Status done = impl_->run_waiting("COMMIT", result);
  // One that was interrupted before it began has not.
  if (!done.ok()) static_cast<void>(impl_->run("ROLLBACK").ok());
  return done;
}

Status Connection::rollback() {
  if (!impl_->in_transaction) return {};
  impl_->in_transaction = false;
  impl_->failed = false;
  return impl_->run("ROLLBACK");
}

bool Connection::in_transaction() const {
  return impl_->in_transaction;
}

void Connection::interrupt() {
  impl_->is_as_new = false;
  duckdb_interrupt(impl_->session.connection.get());
}

std::optional<double> Connection::progress() const {
  const duckdb_query_progress_type seen = duckdb_query_progress(impl_->session.connection.get());
  if (seen.percentage < 0) return std::nullopt;
  return seen.percentage / 100;
}

Result<Transaction> Transaction::begin(Connection& connection) {
  TM_CHECK(connection.begin());
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  // Nothing can be done about a failed rollback: the engine drops the transaction with its
  // connection.
  if (connection_ != nullptr) static_cast<void>(connection_->rollback().ok());
}

Status Transaction::commit() {
  TM_FAILPOINT(engine_commit);
  Status done = std::exchange(connection_, nullptr)->commit();
  if (!done.ok()) {
    Error error = std::move(done).error();
    // The engine calls it a transaction's conflict, whatever it was.
    if (error.code == "engine.transaction") error.code = "engine.commit_failed";
    return error;
  }
  TM_FAILPOINT(engine_committed);
  return {};
}

}  // namespace tidemark::duck

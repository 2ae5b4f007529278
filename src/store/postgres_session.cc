#include "store/postgres_session.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "env/process.h"
#include "store/postgres_text.h"

namespace tidemark {
namespace {

constexpr std::string_view drivers_area = "postgres.";

bool is_constraint(std::string_view what) {
  return what.ends_with("_violation");
}

// What only who wrote the project's files, or runs the server, can change.
bool is_of_the_project(std::string_view what) {
  return what == "wrong_password" || what == "login_refused" || what == "database_missing" ||
         what == "not_permitted" || what == "read_only";
}

std::string hint_of(std::string_view what, std::string hint) {
  if (what == "wrong_password" || what == "login_refused") {
    return "check the user and the password: `store: {postgres: \"host=... user=...\", password: "
           "\"${env:NAME}\"}` in tidemark.yaml; the server's pg_hba.conf must let this user in "
           "from this machine";
  }
  if (what == "database_missing")
    return "make it (`createdb NAME`), or correct `store:` in tidemark.yaml";
  if (what == "cannot_connect") {
    return "check host and port in `store:` of tidemark.yaml, that the server runs, and that "
           "nothing between blocks the port";
  }
  if (what == "not_permitted")
    return "give this user all rights on the store's schema and what is in it, or make it their "
           "owner: docs/store.md";
  return hint;
}

}  // namespace

Error store_error(Error error) {
  if (!error.code.starts_with(drivers_area)) return error;
  const std::string what = error.code.substr(drivers_area.size());
  error.code = "store." + (is_constraint(what) ? "constraint" : what);
  const bool asks_password = error.fault == Fault::user;
  error.fault = asks_password || is_of_the_project(what) ? Fault::user : Fault::internal;
  if (!asks_password)
    error.hint = is_constraint(what) ? std::string() : hint_of(what, std::move(error.hint));
  return error;
}

class PostgresSession::Statement final : public SqlStatement::Impl {
 public:
  Statement(PostgresSession& session, std::string sql) : session_(session), sql_(std::move(sql)) {}

  void bind_null(int index) override { slot(index).reset(); }
  void bind_int64(int index, std::int64_t value) override { slot(index) = std::to_string(value); }
  void bind_text(int index, std::string_view value) override {
    slot(index) = postgres_text::held(value);
  }

  Result<bool> step() override {
    if (!rows_) {
      parameters_.resize(count_of_parameters());
      TM_TRY(rows_, session_.query(sql_, parameters_));
      session_.changed_ = rows_->changed();
      row_ = 0;
    } else {
      ++row_;
    }
    if (row_ < rows_->rows()) {
      texts_.assign(rows_->columns(), std::nullopt);
      for (std::size_t i = 0; i < texts_.size(); ++i) {
        if (const auto text = rows_->text(row_, i)) texts_[i] = postgres_text::bytes_of(*text);
      }
      return true;
    }
    rows_.reset();
    return false;
  }

  bool is_null(int index) const override { return !texts_[static_cast<std::size_t>(index)]; }
  std::int64_t int64_at(int index) const override {
    std::int64_t number = 0;
    const std::string_view text = text_at(index);
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::string_view text_at(int index) const override {
    const std::optional<std::string>& text = texts_[static_cast<std::size_t>(index)];
    return text ? std::string_view(*text) : std::string_view();
  }

 private:
  std::optional<std::string>& slot(int index) {
    const auto at = static_cast<std::size_t>(index);
    if (parameters_.size() <= at) parameters_.resize(at + 1);
    return parameters_[at];
  }
  // Those that nobody bound are NULL, and have to be sent too.
  std::size_t count_of_parameters() const {
    std::size_t count = 0;
    for (std::size_t at = sql_.find('$'); at != std::string::npos; at = sql_.find('$', at + 1)) {
      std::size_t number = 0;
      std::from_chars(sql_.data() + at + 1, sql_.data() + sql_.size(), number);
      count = std::max(count, number);
    }
    return count;
  }

  PostgresSession& session_;
  const std::string sql_;
  std::vector<std::optional<std::string>> parameters_;
  std::optional<postgres::Rows> rows_;
  std::size_t row_ = 0;
  std::vector<std::optional<std::string>> texts_;  // of the row that `step` went to
};

Error PostgresSession::note(Error error) {
  if (!failure_) failure_ = error;
  return store_error(std::move(error));
}

Result<postgres::Rows> PostgresSession::query(
    const std::string& sql, const std::vector<std::optional<std::string>>& parameters) {
  auto rows = connection_.query(sql, parameters, cancel_);
  if (!rows.ok()) return note(std::move(rows).error());
  return rows;
}

Result<SqlStatement> PostgresSession::prepare(std::string_view sql) {
  return SqlStatement(std::make_unique<Statement>(*this, postgres_text::numbered(sql)));
}

Status PostgresSession::execute(std::string_view sql) {
  auto changed = connection_.execute(postgres_text::ddl(sql), cancel_);
  if (!changed.ok()) return note(std::move(changed).error());
  changed_ = *changed;
  return {};
}

Status PostgresSession::lock_schema(const std::string& schema) {
  TM_CHECK(query("select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))",
                 {"tidemark store " + schema}));
  return {};
}

Result<std::vector<std::string>> PostgresSession::columns_of(std::string_view table) {
  TM_TRY(const postgres::Rows rows,
         query("select a.attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on "
               "c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where "
               "n.nspname = current_schema() and c.relname = $1 and a.attnum > 0 and not "
               "a.attisdropped order by a.attnum",
               {std::string(table)}));
  std::vector<std::string> names;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    names.push_back(rows.string(row, 0));
  return names;
}

Result<UtcMicros> PostgresSession::now() {
  if (now_) return *now_;
  machine_now_ = clock_.now_utc();
  TM_TRY(const postgres::Rows rows,
         query("select (extract(epoch from clock_timestamp()) * 1000000)::bigint", {}));
  now_ = UtcMicros(rows.integer(0, 0));
  return *now_;
}

Result<UtcMicros> PostgresSession::by_store_clock(UtcMicros at) {
  TM_TRY(const UtcMicros store_now, now());
  return UtcMicros(store_now.get() - (machine_now_.get() - at.get()));
}

std::string PostgresSession::passing_over_locked(std::string_view table) const {
  return " FOR UPDATE OF " + std::string(table) + " SKIP LOCKED";
}

// Their rows, which each write needs, are taken out. Who joins meanwhile waits for the lock, and
// then sees which version the store has.
Status PostgresSession::turn_others_away() {
  TM_CHECK(execute("lock table tidemark_writes in share row exclusive mode"));
  TM_CHECK(
      query("delete from tidemark_writes where $1 || session <> "
            "pg_catalog.current_setting('application_name')",
            {name_of_sessions}));
  return {};
}

bool PostgresSession::is_gone(std::string_view process) const {
  return process_is_gone_here(process);
}

}  // namespace tidemark

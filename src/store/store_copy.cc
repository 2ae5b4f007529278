#include "store/store_copy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "store/migrations.h"

namespace tidemark {
namespace {

constexpr std::array<std::string_view, 25> tables{
    "etl_jobs",         "etl_job_texts",    "etl_runs",      "etl_run_streams",
    "run_events",       "etl_leases",       "etl_servers",   "etl_source_memory",
    "etl_proofs",       "etl_fires",        "etl_backfills", "etl_backfill_parts",
    "etl_guard_shares", "etl_shared_stage", "etl_changes",   "etl_tokens",
    "etl_audit",        "etl_project",      "etl_secrets",   "etl_stored_jobs",
    "etl_api_answers",  "etl_turns",        "etl_alerts",    "etl_alert_outbox",
    "etl_silences"};

// Few enough for the parameters of one statement anywhere.
constexpr std::size_t rows_at_a_time = 100;

using Row = std::vector<std::optional<std::string>>;

Result<std::int64_t> count(SqlSession& session, const std::string& table) {
  TM_TRY(auto rows, session.prepare("SELECT count(*) FROM " + table));
  TM_TRY(const bool has_row, rows.step());
  return has_row ? rows.int64_at(0) : 0;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words)
    list += (list.empty() ? "" : ", ") + word;
  return "(" + list + ")";
}

Status insert(SqlSession& session, const std::string& into, const std::vector<Row>& rows) {
  if (rows.empty()) return {};
  const std::string one = list_of(std::vector<std::string>(rows.front().size(), "?"));
  std::string sql = into;
  for (std::size_t i = 0; i < rows.size(); ++i)
    sql += (i == 0 ? "" : ", ") + one;
  TM_TRY(auto statement, session.prepare(sql));
  int at = 0;
  for (const Row& row : rows) {
    for (const std::optional<std::string>& value : row)
      statement.bind_optional_text(at++, value);
  }
  return statement.run();
}

Result<CopiedTable> copy_table(SqlSession& from, SqlSession& to, const std::string& table) {
  TM_TRY(const std::vector<std::string> columns, to.columns_of(table));
  const std::string list = list_of(columns);
  const std::string into = "INSERT INTO " + table + " " + list + " VALUES ";
  TM_TRY(auto source, from.prepare("SELECT " + list.substr(1, list.size() - 2) + " FROM " + table));
  CopiedTable copied{table, 0};
  std::vector<Row> rows;
  while (true) {
    TM_TRY(const bool has_row, source.step());
    if (!has_row || rows.size() == rows_at_a_time) {
      TM_CHECK(insert(to, into, rows));
      rows.clear();
    }
    if (!has_row) break;
    Row row;
    for (std::size_t i = 0; i < columns.size(); ++i)
      row.push_back(source.optional_text_at(static_cast<int>(i)));
    rows.push_back(std::move(row));
    ++copied.rows;
  }
  TM_TRY(const std::int64_t there, count(to, table));
  if (there == copied.rows) return copied;
  return internal_error("store.copy_differs",
                        "of the " + std::to_string(copied.rows) + " rows of " + table + " " +
                            std::to_string(there) + " are in the copy",
                        Retry::never, "nothing was kept of it; see that nobody else writes there");
}

Result<std::vector<CopiedTable>> copy_all(SqlSession& from, SqlSession& to,
                                          const std::string& name) {
  for (const std::string_view table : tables) {
    TM_TRY(const std::int64_t there, count(to, std::string(table)));
    if (there == 0) continue;
    return user_error("store.not_empty",
                      "the store " + name + " is not empty: " + std::string(table) + " has " +
                          std::to_string(there) + (there == 1 ? " row" : " rows"),
                      "a copy is whole or not there: if one was made before, it is this; name an "
                      "empty one else, for example another `schema`");
  }
  std::vector<CopiedTable> copied;
  for (const std::string_view table : tables) {
    TM_TRY(CopiedTable one, copy_table(from, to, std::string(table)));
    copied.push_back(std::move(one));
  }
  return copied;
}

}  // namespace

std::span<const std::string_view> store_tables() {
  return tables;
}

Status check_is_store(SqlDatabase& database, const std::string& name) {
  return database.read([&](SqlSession& session) -> Status {
    TM_TRY(const std::vector<std::string> columns, session.columns_of("tidemark_schema"));
    if (!columns.empty()) return {};
    return user_error("user.no_backup", name + " is no backup of a store",
                      "name a file that `tidemark backup` wrote");
  });
}

Result<std::vector<CopiedTable>> copy_store(SqlDatabase& from, SqlDatabase& to) {
  TM_CHECK(migrate(from, store_migrations()));
  TM_CHECK(migrate(to, store_migrations()));
  std::vector<CopiedTable> copied;
  TM_CHECK(from.read([&](SqlSession& source) {
    return to.write([&](SqlSession& target) -> Status {
      TM_TRY(copied, copy_all(source, target, to.name()));
      return {};
    });
  }));
  return copied;
}

}  // namespace tidemark

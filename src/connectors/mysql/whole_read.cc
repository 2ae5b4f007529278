#include "connectors/mysql/whole_read.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "connect/expression.h"

namespace tidemark::mysql {
namespace {

// Runs `before` + a SELECT of all rows of the source.
Result<duck::Answer> read_whole(const SourceAccess& access, const SourceSpec& spec,
                                const std::string& before, duck::Connection& engine,
                                Cancel& cancel) {
  MysqlSource source(access, spec, LoadStrategy::full);
  TM_TRY(const Schema schema, source.discover(cancel));
  TM_TRY(const std::vector<Split> splits, source.split(Window{}, cancel));
  TM_TRY(Extraction extraction, source.open(splits.front(), cancel));
  auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
  std::optional<Error> refused;
  const auto refuse = [&](const RejectedRow& row) {
    if (refused) return;
    refused = source_error(
        "source.value_not_held", "column `" + row.column + "`, " + row.locator + ": " + row.reason,
        Retry::never,
        "read the column as text: `cast(" + row.column + " as char)`, in the query or in a view");
  };
  TM_TRY(const std::string from,
         engine.register_feed(
             schema, [&](BatchWriter& writer) { return reader->next(writer, cancel); }, refuse));
  auto answer = engine.query(before + "SELECT * FROM " + from);
  engine.release_feed(from);
  if (refused) return *std::move(refused);
  return answer;
}

Status make_full(const SourceAccess& access, const SourceSpec& spec, const std::string& create,
                 duck::Connection& engine, Cancel& cancel) {
  TM_TRY([[maybe_unused]] const duck::Answer made,
         read_whole(access, spec, create, engine, cancel));
  return {};
}

Status make_empty(const SourceAccess& access, const SourceSpec& spec, const std::string& create,
                  duck::Connection& engine, Cancel& cancel) {
  MysqlSource source(access, spec, LoadStrategy::full);
  TM_TRY(const Schema schema, source.discover(cancel));
  return engine.execute(create + "SELECT * FROM " + no_rows(schema));
}

}  // namespace

Result<duck::Answer> read_answer(const SourceAccess& access, const std::string& sql,
                                 duck::Connection& engine, Cancel& cancel) {
  SourceSpec spec;
  spec.input = QueryInput{SqlText{sql, {}, {}}};
  return read_whole(access, spec, {}, engine, cancel);
}

Status copy_answer(const SourceAccess& access, const std::string& sql, const std::string& table,
                   duck::Connection& engine, Cancel& cancel) {
  SourceSpec spec;
  spec.input = QueryInput{SqlText{sql, {}, {}}};
  return make_full(access, spec, "CREATE OR REPLACE TEMP TABLE " + table + " AS ", engine, cancel);
}

Status copy_table(const SourceAccess& access, const std::string& written, CopyDepth depth,
                  const std::string& database, duck::Connection& engine, Cancel& cancel) {
  const TableName name = TableName::parse(written);
  std::vector<std::string> path{database};
  if (!name.database.empty()) {
    path.push_back(name.database);
    TM_CHECK(engine.execute("CREATE SCHEMA IF NOT EXISTS " + duck::quote_path(path)));
  } else {
    path.emplace_back("main");
  }
  path.push_back(name.table);
  SourceSpec spec;
  spec.input = TableInput{{written, {}}};
  const std::string create = "CREATE OR REPLACE TABLE " + duck::quote_path(path) + " AS ";
  Status copied = depth == CopyDepth::rows ? make_full(access, spec, create, engine, cancel)
                                           : make_empty(access, spec, create, engine, cancel);
  if (copied.ok()) return {};
  return std::move(copied).error().with_context("reading " + name.show() +
                                                " for lookups and rules");
}

}  // namespace tidemark::mysql

#include "connect/key_read.h"

#include "connect/expression.h"
#include "connect/staged_table.h"
#include "connect/whole_read.h"

namespace tidemark {
namespace {

constexpr const char* read_table = "_tm_keys_read";
constexpr const char* live_table = "_tm_keys_live";

std::string as_text(const std::string& column) {
  return "cast(" + column + " as text)";
}

// A key that came in another type would be equal to none.
Status check_types(const Schema& now, const Schema& planned) {
  for (const Column& column : now.columns) {
    const auto at = find_column(planned, column.name);
    if (!at || sql_name(planned.columns[*at].type) != sql_name(column.type))
      return column_changed("column `" + column.name + "` has changed its type");
  }
  return {};
}

}  // namespace

Result<StagedTable> read_keys(Source& source, const Schema& planned, const KeyRead& read,
                              duck::Connection& engine, Cancel& cancel) {
  TM_TRY(const Schema now, source.discover(cancel));
  TM_CHECK(check_types(now, planned));
  TM_TRY([[maybe_unused]] const duck::Answer made,
         read_whole(source, "CREATE OR REPLACE TEMP TABLE " + std::string(read_table) + " AS ",
                    as_text, engine, cancel));
  TM_CHECK(source.verify(Window{}, cancel));
  TM_CHECK(cancel.check());
  std::string columns;
  std::string where = read.deleted.empty() ? "true" : "NOT coalesce(" + read.deleted + ", false)";
  for (std::size_t at = 0; at < read.columns.size(); ++at) {
    const std::string name = duck::quote_name(read.columns[at]);
    columns +=
        (columns.empty() ? "" : ", ") + name + " AS " + duck::quote_name(read.key.columns[at].name);
    where += " AND " + name + " IS NOT NULL";
  }
  std::string held = "true";
  for (const std::string& condition : read.held)
    held += " AND coalesce(" + condition + ", true)";
  TM_TRY(StagedTable live,
         make_staged_table(live_table,
                           "SELECT DISTINCT * FROM (SELECT " + columns + " FROM temp." +
                               read_table + " WHERE " + where + ") WHERE " + held,
                           read.key, engine));
  TM_CHECK(engine.execute("DROP TABLE temp." + std::string(read_table)));
  return live;
}

}  // namespace tidemark

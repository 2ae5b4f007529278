#include "quality/versions.h"

#include <fmt/format.h>

#include <map>

#include "connect/expression.h"

namespace tidemark {

namespace {

constexpr const char* table_name = "_tm_closed";

std::string refused_key_sql(const RowKey& key) {
  return fmt::format("CASE WHEN _tm_reject.step = 0 OR _tm_reject.step > {} THEN {} END",
                     key.last_writer, row_key_sql(key.columns));
}

Result<StagedTable> make_table(const std::string& select, duck::Connection& connection) {
  const Schema schema = closed_schema();
  TM_CHECK(
      connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", table_name, select)));
  TM_TRY(const std::int64_t rows,
         connection.count(fmt::format("SELECT count(*) FROM temp.{}", table_name)));
  return StagedTable{table_name, schema, RowCount(rows)};
}

StagedTable none() {
  return {no_rows(closed_schema()), closed_schema(), RowCount(0)};
}

std::string resolution(const char* what, const RunId& run) {
  return duck::quote_text(std::string(what) + " by run " + run.get());
}

// The refused rows of this load whose good version comes after them in the order.
std::string own_superseded(const VersionsInput& input) {
  const RowKey& key = input.key;
  const std::string order =
      key.order.empty() ? "0" : duck::quote_name(key.order);  // equal for all: as read
  const char* newer = key.newest_first ? ">" : "<";
  return fmt::format(
      "SELECT {run}, concat('segment ', refused.s, ' row ', refused.r), {why} FROM (SELECT {bad} "
      "AS "
      "row_key, {order} AS v, _tm_segment AS s, _tm_row AS r FROM {marked} WHERE _tm_reject IS NOT "
      "NULL AND NOT _tm_reject.dropped AND _tm_segment >= 0) AS refused JOIN (SELECT {key} AS "
      "row_key, {order} AS v, _tm_segment AS s, _tm_row AS r FROM {marked} WHERE _tm_reject IS "
      "NULL) AS good USING (row_key) WHERE good.v {newer} refused.v OR (refused.v IS NULL "
      "AND good.v IS NOT NULL) OR (good.v IS NOT DISTINCT FROM refused.v AND (good.s, good.r) "
      "{newer} (refused.s, refused.r))",
      fmt::arg("run", duck::quote_text(input.run.get())),
      fmt::arg("why", resolution("superseded", input.run)), fmt::arg("bad", refused_key_sql(key)),
      fmt::arg("order", order), fmt::arg("marked", input.marked),
      fmt::arg("key", row_key_sql(key.columns)), fmt::arg("newer", newer));
}

}  // namespace

std::string row_key_sql(const std::vector<Column>& columns, const std::string& alias) {
  std::map<std::string, std::string> texts;
  std::string whole;
  for (const Column& column : columns) {
    const std::string name = (alias.empty() ? "" : alias + ".") + duck::quote_name(column.name);
    const bool is_float =
        column.type.kind == TypeKind::float32 || column.type.kind == TypeKind::float64;
    texts[column.name] = "CAST(" + name + (is_float ? " + 0" : "") + " AS VARCHAR)";
    whole += (whole.empty() ? "" : " AND ") + name + " IS NOT NULL";
  }
  std::string parts;
  for (const auto& [name, text] : texts)
    parts += (parts.empty() ? "" : ", ") + duck::quote_text(name) + ", " + text;
  return "CASE WHEN " + whole + " THEN CAST(json_object(" + parts + ") AS VARCHAR) END";
}

std::string refused_keys_sql(const RowKey& key, const std::string& marked) {
  if (key.columns.empty()) return {};
  return "SELECT _tm_segment, _tm_row, " + refused_key_sql(key) + " AS row_key FROM " + marked +
         " WHERE _tm_reject IS NOT NULL";
}

Result<StagedTable> superseded_rows(const VersionsInput& input, duck::Connection& connection) {
  if (input.key.columns.empty()) return none();
  std::string select;
  if (input.open.rows.get() > 0) {
    select = fmt::format(
        "SELECT run_id, locator, {} AS resolution FROM {} AS open WHERE row_key IN (SELECT {} FROM "
        "{} WHERE _tm_reject IS NULL)",
        resolution("superseded", input.run), input.open.relation, row_key_sql(input.key.columns),
        input.marked);
  }
  if (input.refused.get() > 0 && !input.key.order_of_steps)
    select += (select.empty() ? "" : "\nUNION ALL ") + own_superseded(input);
  if (select.empty()) return none();
  return make_table("SELECT * FROM (" + select + ") AS closed(run_id, locator, resolution)",
                    connection);
}

Result<StagedTable> tried_rows(const VersionsInput& input, duck::Connection& connection) {
  const bool keyed = !input.key.columns.empty();
  const std::string key = keyed ? row_key_sql(input.key.columns) : "NULL::VARCHAR";
  std::string select = fmt::format(
      "WITH good AS MATERIALIZED (SELECT _tm_segment AS s, _tm_row AS r, {} AS row_key FROM {} "
      "WHERE _tm_reject IS NULL) SELECT open.run_id, open.locator, {} AS resolution FROM {} AS "
      "open "
      "JOIN good ON open.segment = good.s AND open.row = good.r",
      key, input.marked, resolution("loaded", input.run), input.open.relation);
  if (keyed) {
    select += fmt::format(
        "\nUNION ALL SELECT open.run_id, open.locator, {} FROM {} AS open JOIN good USING "
        "(row_key) "
        "WHERE open.segment IS DISTINCT FROM good.s OR open.row IS DISTINCT FROM good.r",
        resolution("superseded", input.run), input.open.relation);
  }
  return make_table(select, connection);
}

}  // namespace tidemark

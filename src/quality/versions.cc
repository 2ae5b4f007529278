#include "quality/versions.h"

#include <fmt/format.h>

#include <map>

#include "connect/refusal.h"
#include "connect/staged_table.h"
#include "quality/row_edits.h"

namespace tidemark {

namespace {

constexpr const char* table_name = "_tm_closed";
constexpr const char* refused_versions = "_tm_refused_versions";

std::string resolution(const char* what, const RunId& run) {
  return duck::quote_text(std::string(what) + " by run " + run.get());
}

std::string order_sql(const RowKey& key) {
  return key.order.empty() ? "0" : duck::quote_name(key.order);  // equal for all: as read
}

// With which edit a row was tried, if with one.
std::string tried_resolution(const char* what, const RunId& run) {
  return fmt::format(
      "concat({}, CASE WHEN open.edit IS NOT NULL THEN concat(' with edit ', open.edit) ELSE '' "
      "END, {})",
      duck::quote_text(what), duck::quote_text(" by run " + run.get()));
}

std::string try_locator_sql(const RunId& run) {
  return "concat(" + duck::quote_text(try_locator(run, "")) + ", open.locator)";
}

std::string from_refused_again(const VersionsInput& input) {
  return fmt::format(
      "FROM {} AS open JOIN {} AS refused ON open.segment = refused._tm_segment AND open.row = "
      "refused._tm_row WHERE open.told AND refused._tm_reject IS NOT NULL AND NOT "
      "refused._tm_reject.dropped AND open.tried IS DISTINCT FROM {}",
      input.open.relation, input.marked,
      why_tried_sql("refused._tm_reject.rule", "refused._tm_reject.message"));
}

// The refused rows of this load, with the value that orders versions. A table: the engine then
// knows that they are few, and does not keep the keys of all good rows in memory to find them.
Status make_refused_versions(const VersionsInput& input, duck::Connection& connection) {
  const RowKey& key = input.key;
  return connection.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} AS row_key, {} AS v, _tm_segment AS s, _tm_row "
      "AS r FROM {} WHERE _tm_reject IS NOT NULL AND NOT _tm_reject.dropped AND _tm_segment >= 0",
      refused_versions, refused_key_sql(key), order_sql(key), input.marked));
}

// The refused rows of this load whose good version comes after them in the order.
std::string own_superseded(const VersionsInput& input) {
  const RowKey& key = input.key;
  return fmt::format(
      "SELECT {run}, concat('segment ', refused.s, ' row ', refused.r), {why} FROM {refused} AS "
      "refused JOIN (SELECT {key} AS row_key, {order} AS v, _tm_segment AS s, _tm_row AS r FROM "
      "{marked} WHERE _tm_reject IS NULL) AS good USING (row_key) WHERE good.v {newer} refused.v "
      "OR (refused.v IS NULL AND good.v IS NOT NULL) OR (good.v IS NOT DISTINCT FROM refused.v AND "
      "(good.s, good.r) {newer} (refused.s, refused.r))",
      fmt::arg("run", duck::quote_text(input.run.get())),
      fmt::arg("why", resolution("superseded", input.run)), fmt::arg("refused", refused_versions),
      fmt::arg("order", order_sql(key)), fmt::arg("marked", input.marked),
      fmt::arg("key", row_key_sql(key.columns)), fmt::arg("newer", key.newest_first ? ">" : "<"));
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

std::string refused_key_sql(const RowKey& key) {
  // The steps of drift come before all others, whatever their numbers.
  const std::string late =
      key.last_writer == 0 ? "" : fmt::format(" AND _tm_reject.step < {}", lead_number);
  return fmt::format("CASE WHEN _tm_reject.step = 0 OR (_tm_reject.step > {}{}) THEN {} END",
                     key.last_writer, late, row_key_sql(key.columns));
}

std::string refused_keys_sql(const RowKey& key, const std::string& marked) {
  if (key.columns.empty()) return {};
  return "SELECT _tm_segment, _tm_row, " + refused_key_sql(key) + " AS row_key FROM " + marked +
         " WHERE _tm_reject IS NOT NULL";
}

Result<StagedTable> superseded_rows(const VersionsInput& input, duck::Connection& connection) {
  if (input.key.columns.empty()) return no_staged_rows(closed_schema());
  std::string select;
  if (input.open.rows.get() > 0) {
    select = fmt::format(
        "SELECT DISTINCT run_id, locator, {} AS resolution FROM {} AS open JOIN (SELECT {} AS "
        "row_key FROM {} WHERE _tm_reject IS NULL) AS good USING (row_key)",
        resolution("superseded", input.run), input.open.relation, row_key_sql(input.key.columns),
        input.marked);
  }
  if (input.refused.get() > 0 && !input.key.order_of_steps) {
    TM_CHECK(make_refused_versions(input, connection));
    select += (select.empty() ? "" : "\nUNION ALL ") + own_superseded(input);
  }
  if (select.empty()) return no_staged_rows(closed_schema());
  return make_staged_table(table_name,
                           "SELECT * FROM (" + select + ") AS closed(run_id, locator, resolution)",
                           closed_schema(), connection);
}

Result<StagedTable> tried_rows(const VersionsInput& input, duck::Connection& connection) {
  const bool keyed = !input.key.columns.empty();
  const std::string key = keyed ? row_key_sql(input.key.columns) : "NULL::VARCHAR";
  std::string select = fmt::format(
      "WITH good AS MATERIALIZED (SELECT _tm_segment AS s, _tm_row AS r, {} AS row_key FROM {} "
      "WHERE _tm_reject IS NULL) SELECT open.run_id, open.locator, {} AS resolution FROM {} AS "
      "open "
      "JOIN good ON open.segment = good.s AND open.row = good.r",
      key, input.marked, tried_resolution("loaded", input.run), input.open.relation);
  select += fmt::format("\nUNION ALL SELECT open.run_id, {}, {} {}", try_locator_sql(input.run),
                        tried_resolution("refused again", input.run), from_refused_again(input));
  if (keyed) {
    select += fmt::format(
        "\nUNION ALL SELECT open.run_id, open.locator, {} FROM {} AS open JOIN good USING "
        "(row_key) "
        "WHERE open.segment IS DISTINCT FROM good.s OR open.row IS DISTINCT FROM good.r",
        resolution("superseded", input.run), input.open.relation);
  }
  return make_staged_table(table_name, select, closed_schema(), connection);
}

Result<StagedTable> refused_again(const VersionsInput& input, const StreamId& stream,
                                  const std::string& at, duck::Connection& connection) {
  return make_staged_table(
      "_tm_refused_again",
      fmt::format("SELECT {}::VARCHAR AS job, {}::VARCHAR AS stream, open.run_id, open.seq, "
                  "refused._tm_reject.rule AS rule, refused._tm_reject.\"column\" AS column_name, "
                  "refused._tm_reject.message AS message, {} AS locator, NULL::VARCHAR AS payload, "
                  "NULL::BLOB AS raw, CAST({} AS TIMESTAMP WITH TIME ZONE) AS refused_at, open.id "
                  "AS row_key {}",
                  duck::quote_text(stream.job.get()), duck::quote_text(stream.stream.get()),
                  try_locator_sql(input.run), duck::quote_text(at), from_refused_again(input)),
      quarantine_schema(), connection);
}

}  // namespace tidemark

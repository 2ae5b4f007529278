#include "quality/quarantine.h"

#include <fmt/format.h>

#include "connect/staged_table.h"

namespace tidemark {

namespace {

constexpr const char* table_name = "_tm_quarantine";
constexpr const char* refusals_table = "_tm_refusals";

// The columns that are the same in every row of a run, and the rest as given.
std::string row_sql(const QuarantineInput& input, const std::string& rule,
                    const std::string& column, const std::string& message,
                    const std::string& locator, const std::string& payload, const std::string& raw,
                    const std::string& row_key) {
  return fmt::format(
      "SELECT {}::VARCHAR AS job, {}::VARCHAR AS stream, {}::VARCHAR AS run_id, {}::BIGINT AS seq, "
      "{} AS rule, "
      "{} AS column_name, {} AS message, {} AS locator, {} AS payload, {} AS raw, "
      "CAST({} AS TIMESTAMP WITH TIME ZONE) AS refused_at, {} AS row_key",
      duck::quote_text(input.stream.job.get()), duck::quote_text(input.stream.stream.get()),
      duck::quote_text(input.run_id.get()), input.seq.get(), rule, column, message, locator,
      payload, raw, duck::quote_text(input.refused_at), row_key);
}

std::string extract_part(const QuarantineInput& input) {
  return row_sql(input, duck::quote_text(extract_rule) + "::VARCHAR",
                 "nullif(refused.column_name, '')", "refused.reason", "refused.locator",
                 "NULL::VARCHAR", "refused.raw", "NULL::VARCHAR") +
         " FROM (" + input.stage_rejects + ") AS refused";
}

std::string origin_part(const QuarantineInput& input, const RowOrigin& origin) {
  const std::string mine =
      origin.is_stage ? "_tm_segment >= 0" : "_tm_segment = " + std::to_string(origin.segment);
  const std::string locator =
      origin.is_stage ? "concat(" + duck::quote_text(origin.label + " ") +
                            ", refused._tm_segment, ' row ', refused._tm_row)"
                      : "concat(" + duck::quote_text(origin.label + " row ") + ", refused._tm_row)";
  return row_sql(input, "refused.rule", "refused.\"column\"", "refused.message", locator,
                 payload_sql(origin.schema, "origin"), "NULL::BLOB", "refused.row_key") +
         " FROM (SELECT * FROM " + refusals_table + " WHERE " + mine + ") AS refused JOIN (" +
         origin.relation +
         ") AS origin ON refused._tm_segment = origin._tm_segment AND refused._tm_row = "
         "origin._tm_row";
}

// The refusals as a table: the engine then knows that they are few, and reads their origins past
// them instead of keeping whole origins in memory.
Status make_refusals(const QuarantineInput& input, duck::Connection& connection) {
  const std::string rows =
      input.row_keys.empty()
          ? "SELECT *, NULL::VARCHAR AS row_key FROM (" + input.refusals.relation + ")"
          : "SELECT refused.*, keys.row_key FROM (" + input.refusals.relation +
                ") AS refused LEFT JOIN (" + input.row_keys +
                ") AS keys USING (_tm_segment, _tm_row)";
  return connection.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", refusals_table, rows));
}

}  // namespace

std::string payload_sql(const Schema& schema, const std::string& alias) {
  std::string sql = "CAST(json_object(";
  for (std::size_t at = 0; at < schema.columns.size(); ++at) {
    const Column& column = schema.columns[at];
    const std::string value = alias + "." + duck::quote_name(column.name);
    sql += (at == 0 ? "" : ", ") + duck::quote_text(column.name) + ", " +
           (column.type.kind == TypeKind::blob ? "hex(" + value + ")"
                                               : "CAST(" + value + " AS VARCHAR)");
  }
  return sql + ") AS VARCHAR)";
}

Result<StagedTable> build_quarantine(const QuarantineInput& input, duck::Connection& connection) {
  std::string parts;
  std::int64_t expected = input.refusals.rows.get();
  if (!input.stage_rejects.empty()) {
    TM_TRY(const std::int64_t at_extract,
           connection.count("SELECT count(*) FROM (" + input.stage_rejects + ")"));
    expected += at_extract;
    if (at_extract > 0) parts = extract_part(input);
  }
  if (input.refusals.rows.get() > 0) {
    TM_CHECK(make_refusals(input, connection));
    for (const RowOrigin& origin : input.refusals.origins) {
      parts += (parts.empty() ? "" : "\nUNION ALL ") + origin_part(input, origin);
    }
  }
  const Schema schema = quarantine_schema();
  if (parts.empty()) return no_staged_rows(schema);
  TM_TRY(StagedTable refused, make_staged_table(table_name, parts, schema, connection));
  // Every refused row has its reason and its original: a row without would have vanished.
  TM_ASSERT(refused.rows.get() == expected);
  return refused;
}

}  // namespace tidemark

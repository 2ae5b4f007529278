#include "connectors/mysql/row_insert.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tidemark::mysql {
namespace {

// A statement of this size costs little per byte.
constexpr std::int64_t statement_bytes = std::int64_t{1} << 20;
// What the protocol adds to a statement.
constexpr std::int64_t packet_slack = 1024;

std::string select_sql(const std::string& relation, const std::vector<LoadColumn>& columns) {
  std::string list;
  for (const LoadColumn& column : columns) {
    list += list.empty() ? "SELECT " : ", ";
    if (column.holds.empty()) {
      list += column.select;
      continue;
    }
    // Such rows were refused before; one that came through all the same must not be altered.
    list += "CASE WHEN (" + column.holds + ") IS FALSE THEN error(" +
            duck::quote_text("column " + column.name + ": " + column.reason) + ") ELSE " +
            column.select + " END";
  }
  return list + " FROM " + relation;
}

// With an exponent the server takes it for a float and not for a decimal; 17 digits name one double
// and no other.
void append_float(std::string& sql, double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.16e", value);
  sql += text.data();
}

void append_value(std::string& sql, Literal literal, const ColumnReader& column, std::size_t row) {
  switch (literal) {
    case Literal::number:
      sql += column.bytes(row);
      return;
    case Literal::text:
      return append_text(sql, column.bytes(row));
    case Literal::blob:
      sql += "_binary";
      return append_text(sql, column.bytes(row));
    case Literal::float32:
      return append_float(sql, static_cast<double>(static_cast<const float*>(column.data())[row]));
    case Literal::float64:
      return append_float(sql, static_cast<const double*>(column.data())[row]);
  }
}

Error too_large(std::int64_t bytes, std::int64_t limit) {
  return target_error("target.row_too_large",
                      "a row takes " + std::to_string(bytes) + " bytes, and the server takes " +
                          std::to_string(limit),
                      Retry::never, "raise max_allowed_packet of the target's server");
}

}  // namespace

Error rows_lost(std::int64_t expected, std::int64_t found) {
  return target_error(
      "target.rows_lost",
      "of " + std::to_string(expected) + " rows, the target took " + std::to_string(found),
      Retry::never, "look for triggers on the table that change rows");
}

Status insert_rows(duck::Connection& engine, Connection& connection, const std::string& relation,
                   const std::string& table, const std::vector<LoadColumn>& columns,
                   RowCount expected, Cancel& cancel) {
  std::vector<std::string> names;
  for (const LoadColumn& column : columns)
    names.push_back(column.name);
  const std::string head = "insert into " + table + " (" + quote_list(names) + ") values ";
  const std::int64_t packet = connection.packet_bytes_max() - packet_slack;
  const auto full = static_cast<std::size_t>(std::min(statement_bytes, packet / 2));
  std::string sql = head;
  std::int64_t inserted = 0;
  const auto send = [&](std::size_t size) -> Status {
    if (static_cast<std::int64_t>(size) > packet)
      return too_large(static_cast<std::int64_t>(size), packet);
    const std::string rest = sql.substr(size);
    sql.resize(size);
    TM_TRY(const std::int64_t changed, connection.execute(sql, cancel));
    inserted += changed;
    sql = head;
    // The row that did not fit, without its comma.
    if (!rest.empty()) sql += rest.substr(1);
    return {};
  };
  const auto drain = [&](const BatchReader& batch) -> Status {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      const std::size_t before = sql.size();
      sql += before == head.size() ? "(" : ",(";
      for (std::size_t at = 0; at < columns.size(); ++at) {
        if (at > 0) sql += ',';
        const ColumnReader& column = batch.column(at);
        if (column.valid(row)) {
          append_value(sql, columns[at].literal, column, row);
        } else {
          sql += "null";
        }
      }
      sql += ')';
      if (sql.size() > full && before > head.size()) {
        TM_CHECK(send(before));
      }
      if (sql.size() > full) TM_CHECK(send(sql.size()));
    }
    return {};
  };
  TM_CHECK(engine.stream(select_sql(relation, columns), drain, cancel));
  if (sql.size() > head.size()) TM_CHECK(send(sql.size()));
  // Rows are conserved: what drops some is found here, before anything is committed.
  return inserted == expected.get() ? Status() : rows_lost(expected.get(), inserted);
}

}  // namespace tidemark::mysql

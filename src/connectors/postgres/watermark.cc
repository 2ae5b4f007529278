#include "connectors/postgres/watermark.h"

#include "base/nearest.h"
#include "connect/table_source.h"
#include "connectors/postgres/row_transaction_watermark.h"
#include "connectors/postgres/transaction_watermark.h"
#include "connectors/postgres/watermark_rules.h"

namespace tidemark::postgres {
namespace {

// What would earn a better label than times and numbers can.
std::string better(const BoundRequest& request) {
  if (!request.is_table) return {};
  if (!request.transaction_column.empty()) {
    return "; `watermark: " + request.transaction_column +
           "` is `exact-upsert` where every write of the table sets it";
  }
  return "; `tidemark source prepare` prints what would make it `exact-upsert`" +
         std::string(request.keyed ? ", as `watermark: xmin` is without a change of the table"
                                   : "");
}

Status check_last(const BoundRequest& request, Standing& standing) {
  if (!request.lo) return {};
  PlacedValue last = parse_position(*request.lo);
  standing.lo = std::move(last.value);
  if (!last.place) return {};
  const CursorKind kind = request.cursor.kind;
  if (kind == CursorKind::transaction || kind == CursorKind::row_transaction)
    TM_CHECK(check_server(*last.place, standing.here));
  TM_CHECK(check_place(*last.place, standing.here, request.same_source));
  standing.moved = position_at("", *last.place) != position_at("", standing.here);
  return {};
}

WindowBound window_to(const BoundRequest& request, const Standing& standing, Reach reach) {
  WindowBound bound;
  bound.window.lo = request.lo;
  if (reach.hi) bound.window.hi = position_at(*reach.hi, standing.here);
  // A position that stays is the same to the letter.
  if (reach.hi == standing.lo && !standing.moved) bound.window.hi = request.lo;
  if (!request.keyed) bound.window.top = bound.window.hi;
  bound.guarantee = reach.guarantee;
  bound.reason = std::move(reach.reason) + better(request);
  bound.notes = std::move(reach.notes);
  bound.is_held = reach.is_held;
  bound.nothing_new = reach.nothing_new;
  return bound;
}

}  // namespace

Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone) {
  if (name == row_transaction_column && std::string("rpm").find(relation.kind) != std::string::npos)
    return Cursor{name, name, CursorKind::row_transaction, {}, std::nullopt, true};
  std::vector<std::string> names;
  for (const CatalogColumn& column : relation.columns) {
    names.push_back(column.name);
    if (column.name != name) continue;
    Cursor cursor{name, quote_name(name), CursorKind::number, {}, timezone, column.not_null};
    switch (column.type.oid) {
      case 1184:
        cursor.kind = CursorKind::timestamptz, cursor.type_name = "timestamptz";
        return cursor;
      case 1114:
        cursor.kind = CursorKind::timestamp, cursor.type_name = "timestamp";
        return cursor;
      case 1082:
        cursor.kind = CursorKind::date, cursor.type_name = "date";
        return cursor;
      case 21:
      case 23:
      case 20:
        cursor.type_name = "bigint";
        return cursor;
      case 5069:
        cursor.kind = CursorKind::transaction, cursor.type_name = "xid8";
        return cursor;
      case 1700:
        cursor.type_name = "numeric";
        return cursor;
      default:
        return user_error(
            "plan.cursor_type",
            "column `" + name + "` is " + column.type.name + " and cannot be a watermark",
            "use a timestamp, a date, a growing number, or an xid8 that `tidemark source prepare` "
            "makes");
    }
  }
  std::string hint;
  if (const auto near = nearest_word(name, names)) hint = "did you mean `" + *near + "`?";
  return user_error("plan.no_column", "the source has no column `" + name + "` to be the watermark",
                    hint);
}

Result<Cursor> expression_cursor(Connection& connection, const std::string& from,
                                 const std::string& expression,
                                 const std::optional<std::string>& timezone, Cancel& cancel) {
  // The newline ends a comment it may end with.
  const std::string sql = "(" + expression + "\n)";
  auto described =
      describe_query(connection, "select " + sql + " as watermark from " + from, cancel);
  if (!described.ok())
    return std::move(described).error().with_context("reading `watermark: " + expression + "`");
  if (described->columns.size() == 1) described->columns[0].name = expression;
  TM_TRY(Cursor cursor, cursor_of(*described, expression, timezone));
  cursor.sql = sql;
  cursor.is_expression = true;
  return cursor;
}

Result<std::int64_t> bytes_scanned(Connection& connection, const std::string& relation,
                                   const Cursor& cursor, Cancel& cancel) {
  if (!cursor.is_expression)
    return bytes_without_index(connection, relation, cursor.column, cancel);
  // Only the planner knows which index is for an expression.
  const std::string least = cursor.kind == CursorKind::number ? "0" : "2000-01-01";
  TM_TRY(Transaction transaction, Transaction::begin(connection, "read only", cancel));
  TM_CHECK(connection.execute("set local enable_seqscan = off", cancel));
  TM_TRY(const Rows plan,
         connection.query("explain (costs off) select 1 from " + relation + " where " + cursor.sql +
                              " >= " + cast(cursor, least),
                          cancel));
  TM_CHECK(transaction.commit(cancel));
  for (std::size_t row = 0; row < plan.rows(); ++row) {
    if (plan.string(row, 0).find("Seq Scan") != std::string::npos)
      return bytes_without_index(connection, relation, {}, cancel);
  }
  return std::int64_t{0};
}

Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request,
                               Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  Standing standing;
  TM_TRY(standing.here,
         read_place(connection, request.is_table ? request.relation : std::string(), cancel));
  TM_CHECK(check_last(request, standing));
  WindowBound bound;
  if (cursor.kind == CursorKind::transaction) {
    TM_TRY(bound, find_transaction_bound(connection, request, standing, cancel));
  } else if (cursor.kind == CursorKind::row_transaction) {
    TM_TRY(bound, find_row_transaction_bound(connection, request, standing, cancel));
  } else {
    const std::string of = position_at(cursor.column, standing.here).text;
    WatermarkMemory memory = WatermarkMemory::parse(request.memory, of);
    const RuleRequest rule{request, standing.lo, standing.here.standby};
    const bool clock = cursor.kind == CursorKind::timestamptz ||
                       (cursor.kind == CursorKind::timestamp && cursor.timezone);
    TM_TRY(Reach reach, clock ? reach_of_times(connection, rule, memory, cancel)
                              : reach_of_values(connection, rule, memory, cancel));
    bound = window_to(request, standing, std::move(reach));
    bound.memory = memory.text(of);
  }
  if (standing.moved) bound.nothing_new = false;
  bound.skip_if_empty = request.lo.has_value() && !standing.moved;
  return bound;
}

Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel) {
  // Rows older than the column that stamps them belong to the first window.
  if (cursor.not_null || cursor.kind == CursorKind::transaction ||
      cursor.kind == CursorKind::row_transaction)
    return 0;
  TM_TRY(const Rows rows,
         connection.query("select count(*) from (select 1 from " + relation + " where " +
                              cursor.sql + " is null limit " +
                              std::to_string(null_cursors_counted_max + 1) + ") nulls",
                          cancel));
  return rows.integer(0, 0);
}

std::string window_condition(const Cursor& cursor, const Window& window, NullCursor nulls) {
  if (cursor.kind == CursorKind::transaction) return transaction_condition(cursor, window);
  if (cursor.kind == CursorKind::row_transaction) return row_transaction_condition(window);
  const std::string& column = cursor.sql;
  std::string condition;
  if (window.lo) condition = column + " >= " + cast(cursor, parse_position(*window.lo).value);
  if (window.top)
    condition += (condition.empty() ? "" : " and ") + column + " < " +
                 cast(cursor, parse_position(*window.top).value);
  if (reads_null_cursors(nulls, window))
    return condition.empty() ? condition : "(" + condition + ") or " + column + " is null";
  // A row that got a NULL since the probe must not slip into an open window.
  if (condition.empty() && !cursor.not_null) return column + " is not null";
  return condition;
}

}  // namespace tidemark::postgres

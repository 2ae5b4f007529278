#include "connectors/postgres/watermark.h"

#include "base/nearest.h"
#include "base/units.h"
#include "connectors/postgres/transaction_watermark.h"

namespace tidemark::postgres {
namespace {

// Covers the moment between fixing now() and showing it in pg_stat_activity.
constexpr const char* margin = "interval '1 second'";
// A best effort stays this far behind the clock: a transaction that lasts longer may be passed.
constexpr const char* overlap = "interval '60 seconds'";
constexpr const char* overlap_words = "60 seconds";
// Of numbers: a keyed target reads this many again.
constexpr int number_overlap = 1000;
constexpr std::int64_t null_count_max = 100'001;

// What can be known of transactions in flight; empty: everything.
struct Probe {
  std::string obstacle;
  std::string hint;
};

Result<Probe> probe(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query(
             "select pg_catalog.pg_is_in_recovery(), pg_catalog.pg_has_role(current_user, "
             "'pg_read_all_stats', 'usage'), current_user",
             cancel));
  if (rows.boolean(0, 0)) {
    return Probe{"the server is a standby, which does not see the primary's running transactions",
                 "connect to the primary for a `bounded` watermark"};
  }
  if (!rows.boolean(0, 1)) {
    return Probe{"this user cannot see when other sessions' transactions started",
                 "run `grant pg_read_all_stats to " + quote_name(rows.string(0, 2)) +
                     "` for a `bounded` watermark"};
  }
  return Probe{};
}

std::string cast(const Cursor& cursor, const std::string& text) {
  return quote_text(text) + "::" + cursor.type_name;
}

std::string or_null(const std::optional<Position>& position, const Cursor& cursor) {
  return position ? cast(cursor, position->text) : "null::" + cursor.type_name;
}

// `moment` (a timestamptz) as a value of the cursor's type, never later than any row written from
// then on.
std::string as_cursor(const Cursor& cursor, const std::string& moment) {
  if (cursor.kind != CursorKind::timestamp) return moment;
  const std::string zone = quote_text(*cursor.timezone);
  const std::string local = "((" + moment + ") at time zone " + zone + ")";
  // In a zone with summer time the local clock goes back an hour once a year, so one hour is kept
  // clear.
  return "(" + local +
         " - case when exists (select 1 from generate_series(now() - interval '1 year', now() + "
         "interval "
         "'1 year', interval '30 days') m where (m at time zone " +
         zone +
         ") - (m at time zone 'UTC') <> (now() at time "
         "zone " +
         zone + ") - (now() at time zone 'UTC')) then interval '1 hour' else interval '0' end)";
}

struct Holder {
  std::string moment;  // oldest start or the clock, minus the margin
  std::string note;    // who holds it, when that is long
};

// The activity must be read before the prepared transactions: one that moves from the first to the
// second meanwhile is then seen in either.
Result<Holder> oldest_in_flight(Connection& connection, Cancel& cancel) {
  TM_TRY(
      const Rows rows,
      connection.query(
          // least() passes over NULL: with nobody else the clock is the bound.
          "select (least(clock.now_, oldest.xact_start) - " + std::string(margin) +
              ")::text, pid, application_name, state, extract(epoch from now_ - "
              "xact_start)::bigint from "
              "(select pg_catalog.statement_timestamp() as now_) clock left join (select pid, "
              "application_name, "
              "state, xact_start from pg_catalog.pg_stat_activity where datid = (select oid from "
              "pg_catalog.pg_database where datname = pg_catalog.current_database()) and pid <> "
              "pg_catalog.pg_backend_pid() and xact_start is not null and backend_type <> "
              "'autovacuum worker' "
              "order by xact_start limit 1) oldest on true",
          cancel));
  Holder holder{rows.string(0, 0), {}};
  if (rows.text(0, 1) && rows.integer(0, 4) >= 10) {
    holder.note = "the watermark waits for a transaction that has run for " +
                  std::to_string(rows.integer(0, 4)) + " s: pid " + rows.string(0, 1) +
                  ", application `" + rows.string(0, 2) + "`, " + rows.string(0, 3);
  }
  return holder;
}

Result<std::string> prepared_transactions(Connection& connection, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query(
             "select string_agg(gid, ', ' order by prepared) from pg_catalog.pg_prepared_xacts "
             "where database = pg_catalog.current_database()",
             cancel));
  return rows.string(0, 0);
}

WindowBound window_to(const BoundRequest& request, std::optional<Position> hi) {
  WindowBound bound;
  bound.window.lo = request.lo;
  bound.window.hi = hi;
  if (!request.keyed) bound.window.top = std::move(hi);
  return bound;
}

Result<std::string> later_of(Connection& connection, const BoundRequest& request,
                             const std::string& value, Cancel& cancel) {
  const std::string sql =
      "select greatest(" + or_null(request.lo, request.cursor) + ", " + value + ")::text";
  TM_TRY(const Rows rows, connection.query(sql, cancel));
  return rows.string(0, 0);
}

Result<WindowBound> bounded(Connection& connection, const BoundRequest& request, Cancel& cancel) {
  TM_TRY(Holder holder, oldest_in_flight(connection, cancel));
  TM_TRY(const std::string prepared, prepared_transactions(connection, cancel));
  std::optional<Position> hi = request.lo;
  if (prepared.empty()) {
    // The clock of a server may be set back; the watermark then waits instead of going back.
    TM_TRY(
        std::string later,
        later_of(connection, request,
                 as_cursor(request.cursor, quote_text(holder.moment) + "::timestamptz"), cancel));
    hi = Position{std::move(later)};
  } else if (!request.lo && !request.keyed) {
    // Nobody knows when a prepared transaction started, only that it was after the last window's
    // end; the first window has none before it.
    return source_error("source.watermark_held",
                        "prepared transactions hold the first window: " + prepared, Retry::backoff,
                        "end them with COMMIT PREPARED or ROLLBACK PREPARED");
  } else {
    holder.note = "prepared transactions hold the watermark where it is: " + prepared;
  }
  WindowBound bound = window_to(request, std::move(hi));
  bound.guarantee = Guarantee::bounded;
  bound.reason =
      "`" + request.cursor.column +
      "` must be set by the database to the time of the transaction or later (now(), a trigger); "
      "no transaction still open started before the window's end";
  if (!holder.note.empty()) bound.notes.push_back(std::move(holder.note));
  if (bound.window.top && bound.window.lo == bound.window.top) bound.nothing_new = true;
  return bound;
}

Result<WindowBound> behind_the_clock(Connection& connection, const BoundRequest& request,
                                     Cancel& cancel) {
  TM_TRY(std::string hi, later_of(connection, request,
                                  as_cursor(request.cursor, "pg_catalog.statement_timestamp() - " +
                                                                std::string(overlap)),
                                  cancel));
  WindowBound bound = window_to(request, Position{std::move(hi)});
  bound.notes.push_back(std::string("rows of transactions longer than ") + overlap_words +
                        " may be passed by the watermark");
  return bound;
}

// A cursor that says nothing of when its row was written. The newest value is never counted as
// read, because more rows may come with it.
Result<WindowBound> below_the_newest(Connection& connection, const BoundRequest& request,
                                     Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  // An infinity or NaN would stop the watermark for good.
  const std::string finite = cursor.kind == CursorKind::number
                                 ? " <> 'NaN'::numeric"
                                 : " not in ('infinity', '-infinity')";
  std::string newest = "max(" + quote_name(cursor.column) + ") filter (where " +
                       quote_name(cursor.column) +
                       (cursor.type_name == "bigint" ? " is not null" : finite) + ")";
  std::string note = "rows at the newest `" + cursor.column + "` are read again by the next run";
  if (cursor.kind == CursorKind::timestamp) {
    newest += " - " + std::string(overlap);
    note = std::string("the last ") + overlap_words + " of `" + cursor.column +
           "` are read again by the next run";
  } else if (cursor.kind == CursorKind::number && request.keyed) {
    newest += " - " + std::to_string(number_overlap);
    note = "the last " + std::to_string(number_overlap) + " values of `" + cursor.column +
           "` are read again by the next run";
  }
  if (!request.keyed)
    note = "rows at the newest `" + cursor.column +
           "` wait for the next run, since more of them may come";
  TM_TRY(const Rows rows,
         connection.query("select greatest(" + or_null(request.lo, cursor) + ", " + newest +
                              ")::" + cursor.type_name + "::text from " + request.relation,
                          cancel));
  std::optional<Position> hi = request.lo;
  const bool empty = !rows.text(0, 0);
  if (!empty) hi = Position{rows.string(0, 0)};
  WindowBound bound = window_to(request, std::move(hi));
  bound.notes.push_back(std::move(note));
  bound.nothing_new = empty || (!request.keyed && bound.window.lo == bound.window.hi);
  return bound;
}

}  // namespace

Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone) {
  std::vector<std::string> names;
  for (const CatalogColumn& column : relation.columns) {
    names.push_back(column.name);
    if (column.name != name) continue;
    Cursor cursor{name, CursorKind::number, {}, timezone, column.not_null};
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

Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request,
                               Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  if (cursor.kind == CursorKind::transaction)
    return find_transaction_bound(connection, request, cancel);
  const bool clock = cursor.kind == CursorKind::timestamptz ||
                     (cursor.kind == CursorKind::timestamp && cursor.timezone);
  if (!clock) {
    TM_TRY(WindowBound bound, below_the_newest(connection, request, cancel));
    bound.reason =
        cursor.kind == CursorKind::timestamp
            ? "`" + cursor.column +
                  "` has no time zone: write `timezone:` in the job's `from`, the zone it is "
                  "written in"
            : "`" + cursor.column +
                  "` is no time, so a row that commits late can stand below the watermark";
    return bound;
  }
  TM_TRY(const Probe found, probe(connection, cancel));
  if (found.obstacle.empty()) return bounded(connection, request, cancel);
  TM_TRY(WindowBound bound, behind_the_clock(connection, request, cancel));
  bound.reason = found.obstacle + "; " + found.hint;
  return bound;
}

Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel) {
  // Rows older than the column that stamps them belong to the first window.
  if (cursor.not_null || cursor.kind == CursorKind::transaction) return 0;
  TM_TRY(const Rows rows,
         connection.query("select count(*) from (select 1 from " + relation + " where " +
                              quote_name(cursor.column) + " is null limit " +
                              std::to_string(null_count_max) + ") nulls",
                          cancel));
  return rows.integer(0, 0);
}

std::string window_condition(const Cursor& cursor, const Window& window, NullCursor nulls) {
  if (cursor.kind == CursorKind::transaction) return transaction_condition(cursor, window);
  const std::string column = quote_name(cursor.column);
  std::string condition;
  if (window.lo) condition = column + " >= " + cast(cursor, window.lo->text);
  if (window.top)
    condition +=
        (condition.empty() ? "" : " and ") + column + " < " + cast(cursor, window.top->text);
  const bool with_nulls =
      nulls == NullCursor::every_run || (nulls == NullCursor::once && !window.lo);
  if (with_nulls)
    return condition.empty() ? condition : "(" + condition + ") or " + column + " is null";
  // A row that got a NULL since the probe must not slip into an open window.
  if (condition.empty() && !cursor.not_null) return column + " is not null";
  return condition;
}

}  // namespace tidemark::postgres

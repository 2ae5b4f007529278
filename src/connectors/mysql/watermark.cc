#include "connectors/mysql/watermark.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/nearest.h"
#include "connect/placed_position.h"
#include "connect/table_source.h"
#include "connectors/mysql/in_flight.h"

namespace tidemark::mysql {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Covers the moment between a statement's start and its place in the list, and a server that rounds
// fractions of a second up.
constexpr const char* margin = "interval 1 second";
// A best effort stays this far behind the clock: a transaction that lasts longer may be passed.
constexpr const char* overlap = "interval 60 second";
constexpr const char* overlap_words = "60 seconds";
// Of numbers: a keyed target reads this many again.
constexpr int number_overlap = 1000;
// The margin is for a clock that is set by a little.
constexpr std::int64_t clock_slack_us = 500'000;
// What is in flight at the first look has mostly ended a moment later.
constexpr std::chrono::milliseconds look_again{250};
constexpr std::chrono::milliseconds look_patience{1500};
// Without a window there is nothing to keep samples with, so the first one waits longer.
constexpr std::chrono::milliseconds first_patience{10'000};

// A position comes from the ledger, which people can write into.
Result<std::string> literal(const Cursor& cursor, const std::string& text) {
  const bool number = cursor.kind == CursorKind::number;
  const bool plain =
      !text.empty() &&
      text.find_first_not_of(number ? "+-.0123456789" : "-.: 0123456789") == std::string::npos;
  if (!plain) {
    return source_error("source.bad_position",
                        "`" + text + "` is no position of `" + cursor.column + "`", Retry::never,
                        "somebody changed the ledger, or the watermark's column");
  }
  if (number) return text;
  return (cursor.kind == CursorKind::date ? "date'" : "timestamp'") + text + "'";
}

// Cut, not rounded, to what the column keeps.
std::string cut(const Cursor& cursor, std::string moment) {
  const std::size_t point = moment.find('.');
  if (point == std::string::npos) return moment;
  const auto digits = static_cast<std::size_t>(cursor.fraction);
  moment.resize(std::min(moment.size(), digits == 0 ? point : point + 1 + digits));
  return moment;
}

// The value of a position.
std::optional<std::string> value_of(const std::optional<Position>& position) {
  if (!position) return std::nullopt;
  return parse_placed(*position).value;
}

// The later of two moments as texts, with or without a fraction.
std::string later(const std::optional<std::string>& lo, const std::string& moment) {
  if (!lo) return moment;
  const auto full = [](std::string text) {
    if (text.find('.') == std::string::npos) text += '.';
    text.resize(26, '0');
    return text;
  };
  return full(*lo) < full(moment) ? moment : *lo;
}

// A zone as MySQL takes it without tables of zones, where that is possible.
std::string zone_name(const std::string& zone) {
  return zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" ? "+00:00" : zone;
}

// `moment` (a datetime in UTC) as a value of the cursor, never later than any row written from then
// on; NULL where the server does not know the zone.
std::string as_cursor(const Cursor& cursor, const std::string& moment) {
  if (cursor.kind != CursorKind::datetime) return moment;
  const std::string zone = quote_text(zone_name(*cursor.timezone));
  const auto local = [&](const std::string& utc) {
    return "convert_tz(" + utc + ", '+00:00', " + zone + ")";
  };
  const auto offset = [&](const std::string& utc) {
    return "timestampdiff(second, " + utc + ", " + local(utc) + ")";
  };
  // In a zone with summer time the local clock goes back an hour once a year, so one hour is kept
  // clear.
  std::string moves;
  for (const int month : {-10, -8, -6, -4, -2, 2, 4, 6, 8, 10}) {
    const std::string other = "(utc_timestamp() + interval " + std::to_string(month) + " month)";
    moves += (moves.empty() ? "" : " or ") + offset(other) + " <> " + offset("utc_timestamp()");
  }
  return "(" + local(moment) + " - interval if(" + moves + ", 1, 0) hour)";
}

// `hi` without its place, which find_bound() adds.
WindowBound window_to(const BoundRequest& request, std::optional<Position> hi) {
  WindowBound bound;
  bound.window.lo = request.lo;
  bound.window.hi = hi;
  if (!request.keyed) bound.window.top = std::move(hi);
  bound.nothing_new = !request.keyed && value_of(request.lo) == value_of(bound.window.hi);
  return bound;
}

// A moment minus `distance` as a position; nothing where the server does not know the zone.
Result<std::optional<Position>> position_before(Connection& connection, const BoundRequest& request,
                                                const std::string& moment,
                                                const std::string& distance, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("select cast(" +
                              as_cursor(request.cursor, "(" + moment + " - " + distance + ")") +
                              " as char)",
                          cancel));
  if (!rows.text(0, 0)) return std::optional<Position>();
  return std::optional(
      Position{later(value_of(request.lo), cut(request.cursor, rows.string(0, 0)))});
}

Error unknown_zone(const Cursor& cursor) {
  return source_error(
      "source.unknown_zone", "the MySQL server does not know the time zone " + *cursor.timezone,
      Retry::never,
      "load its tables of time zones there: mysql_tzinfo_to_sql "
      "/usr/share/zoneinfo | mysql -u root mysql; or write an offset like `+02:00`");
}

// Looks until a moment is settled that the window can move to, or the patience is over. False: the
// clock has gone back.
Result<bool> look_around(Connection& connection, Looks& looks, const std::string& server,
                         WatermarkMemory& memory, std::chrono::milliseconds patience,
                         Cancel& cancel) {
  const auto deadline = SteadyClock::now() + patience;
  const SampleRing& ring = memory.ring;
  std::optional<std::string> first;
  while (true) {
    TM_TRY(const std::optional<Seen> now, looks.look(connection, server, cancel));
    if (now) {
      if (!add(*now, memory)) return false;
      if (!first) first = now->moment;
    }
    const bool settled = first && ring.settled() && *ring.settled() >= *first;
    if (settled || SteadyClock::now() > deadline) return true;
    std::this_thread::sleep_for(look_again);
  }
}

// How far the server's clock is behind a moment, in microseconds.
Result<std::int64_t> behind(Connection& connection, const std::string& moment, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("select timestampdiff(microsecond, utc_timestamp(6), timestamp" +
                              quote_text(moment) + ")",
                          cancel));
  return rows.integer(0, 0);
}

Result<WindowBound> bounded(Connection& connection, const BoundRequest& request, Cancel& cancel) {
  TM_TRY(const std::string server, server_identity(connection, cancel));
  WatermarkMemory memory = WatermarkMemory::parse(request.memory, server);
  const bool first = !request.lo && !request.keyed;
  Looks own;
  Looks& looks = request.looks == nullptr ? own : *request.looks;
  TM_TRY(const bool goes_on, look_around(connection, looks, server, memory,
                                         first ? first_patience : look_patience, cancel));
  if (!goes_on && request.lo) {
    TM_TRY(const std::int64_t back_us, behind(connection, memory.clock, cancel));
    if (back_us > clock_slack_us && !request.same_source)
      return clock_went_back(std::to_string(back_us / 1'000'000) + " s");
    if (request.same_source) {
      memory = {};
      TM_CHECK(look_around(connection, looks, server, memory, look_patience, cancel));
    }
  }
  const SampleRing& ring = memory.ring;
  std::optional<Position> hi;
  if (request.lo) hi = Position{*value_of(request.lo)};
  if (ring.settled()) {
    TM_TRY(hi, position_before(connection, request, "timestamp'" + *ring.settled() + "'", margin,
                               cancel));
    if (!hi) return unknown_zone(request.cursor);
  }
  if (!hi && !request.keyed) {
    return source_error(
        "source.watermark_held",
        (ring.newest_is_settled() ? "others read the list of transactions all the while, which"
                                  : holder(ring)) +
            " holds the first window",
        Retry::backoff, "the next try looks again; end it if it stays");
  }
  WindowBound bound = window_to(request, std::move(hi));
  bound.guarantee = Guarantee::bounded;
  bound.reason =
      "`" + request.cursor.column +
      "` must be set by the database to the time of the statement or later (CURRENT_TIMESTAMP, ON "
      "UPDATE, a trigger); nothing still in flight started before the window's end";
  bound.is_held = !ring.newest_is_settled();
  if (bound.is_held) bound.notes.push_back("the watermark waits for " + holder(ring));
  bound.memory = memory.text(server);
  return bound;
}

Result<WindowBound> behind_the_clock(Connection& connection, const BoundRequest& request,
                                     Cancel& cancel) {
  TM_TRY(std::optional<Position> hi,
         position_before(connection, request, "utc_timestamp(6)", overlap, cancel));
  if (!hi) return unknown_zone(request.cursor);
  WindowBound bound = window_to(request, std::move(hi));
  bound.notes.push_back(std::string("rows of transactions longer than ") + overlap_words +
                        " may be passed by the watermark");
  return bound;
}

// A cursor that says nothing of when its row was written. The newest value is never counted as
// read, because more rows may come with it.
Result<WindowBound> below_the_newest(Connection& connection, const BoundRequest& request,
                                     Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  std::string newest = "max(" + cursor.sql + ")";
  std::string note = "rows at the newest `" + cursor.column + "` are read again by the next run";
  if (cursor.kind == CursorKind::datetime) {
    newest += " - " + std::string(overlap);
    note = std::string("the last ") + overlap_words + " of `" + cursor.column +
           "` are read again by the next run";
  } else if (cursor.kind == CursorKind::number) {
    // Signed, whatever the column is: there is nothing below 0 in an unsigned one.
    newest = "cast(" + newest + " as decimal(65," + std::to_string(cursor.fraction) + "))";
    if (request.keyed) {
      newest += " - " + std::to_string(number_overlap);
      note = "the last " + std::to_string(number_overlap) + " values of `" + cursor.column +
             "` are read again by the next run";
    }
  }
  if (!request.keyed)
    note = "rows at the newest `" + cursor.column +
           "` wait for the next run, since more of them may come";
  std::string select = newest;
  if (request.lo) {
    TM_TRY(const std::string lo, literal(cursor, *value_of(request.lo)));
    select = "greatest(" + lo + ", coalesce(" + newest + ", " + lo + "))";
  }
  TM_TRY(const Rows rows,
         connection.query("select cast(" + select + " as char) from " + request.relation, cancel));
  std::optional<Position> hi;
  if (request.lo) hi = Position{*value_of(request.lo)};
  const bool empty = !rows.text(0, 0);
  if (!empty) hi = Position{cut(cursor, rows.string(0, 0))};
  WindowBound bound = window_to(request, std::move(hi));
  bound.notes.push_back(std::move(note));
  if (empty) bound.nothing_new = true;
  return bound;
}

Result<WindowBound> bound_by_kind(Connection& connection, const BoundRequest& request,
                                  Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  const bool clock = cursor.kind == CursorKind::timestamp ||
                     (cursor.kind == CursorKind::datetime && cursor.timezone);
  if (!clock) {
    TM_TRY(WindowBound bound, below_the_newest(connection, request, cancel));
    bound.reason =
        cursor.kind == CursorKind::datetime
            ? "`" + cursor.column +
                  "` has no time zone: write `timezone:` in the job's `from`, the zone it is "
                  "written in" +
                  (cursor.is_expression ? " (UTC where it is made of TIMESTAMP columns)" : "")
            : "`" + cursor.column +
                  "` is no time, so a row that commits late can stand below the watermark";
    return bound;
  }
  TM_TRY(const Obstacle obstacle, find_obstacle(connection, cancel));
  if (obstacle.what.empty()) return bounded(connection, request, cancel);
  TM_TRY(WindowBound bound, behind_the_clock(connection, request, cancel));
  bound.reason = obstacle.what + "; " + obstacle.hint;
  return bound;
}

}  // namespace

Result<Cursor> cursor_of(const Relation& relation, const std::string& name,
                         const std::optional<std::string>& timezone) {
  std::vector<std::string> names;
  for (const CatalogColumn& column : relation.columns) {
    const Field& field = column.field;
    names.push_back(field.name);
    if (field.name != name) continue;
    Cursor cursor{name,        quote_name(name), false,         CursorKind::number,
                  field.scale, timezone,         field.not_null};
    switch (field.type) {
      case FieldType::timestamp:
        cursor.kind = CursorKind::timestamp;
        return cursor;
      case FieldType::datetime:
        cursor.kind = CursorKind::datetime;
        return cursor;
      case FieldType::date:
        cursor.kind = CursorKind::date;
        return cursor;
      case FieldType::integer:
      case FieldType::decimal:
        return cursor;
      default:
        return user_error(
            "plan.cursor_type",
            "column `" + name + "` is " + column.type_name + " and cannot be a watermark",
            "use a timestamp, a datetime, a date or a growing number");
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
  auto described = describe_query(
      connection, "select " + sql + " as watermark from " + from + " limit 0", cancel);
  if (!described.ok())
    return std::move(described).error().with_context("reading `watermark: " + expression + "`");
  if (described->columns.size() == 1) described->columns[0].field.name = expression;
  TM_TRY(Cursor cursor, cursor_of(*described, expression, timezone));
  cursor.sql = sql;
  cursor.is_expression = true;
  return cursor;
}

Result<std::int64_t> bytes_scanned(Connection& connection, const TableName& table,
                                   const Cursor& cursor, Cancel& cancel) {
  if (!cursor.is_expression) return bytes_without_index(connection, table, cursor.column, cancel);
  // Only the planner knows which index is for an expression.
  const char* const some = cursor.kind == CursorKind::number ? "0"
                           : cursor.kind == CursorKind::date ? "2000-01-01"
                                                             : "2000-01-01 00:00:00";
  TM_TRY(const std::string least, literal(cursor, some));
  const auto plan = connection.query("explain format=traditional select 1 from " + table.sql() +
                                         " where " + cursor.sql + " >= " + least,
                                     cancel);
  if (!plan.ok()) {
    TM_CHECK(cancel.check());
    if (connection.lost()) return plan.error();
    // Of a view it may not be asked.
    return bytes_without_index(connection, table, {}, cancel);
  }
  // The columns are `type` and `possible_keys`; MySQL has `partitions` before them.
  constexpr std::size_t columns_of_mariadb = 10;
  const std::size_t type = plan->columns() == columns_of_mariadb ? 3 : 4;
  const bool known = plan->rows() > 0 && plan->columns() >= columns_of_mariadb;
  if (known && (!plan->text(0, type) || plan->text(0, type + 1))) return std::int64_t{0};
  return bytes_without_index(connection, table, {}, cancel);
}

Result<WindowBound> find_bound(Connection& connection, const BoundRequest& request,
                               Cancel& cancel) {
  TM_TRY(const std::string here, server_identity(connection, cancel));
  std::optional<std::string> place;
  if (request.lo) place = parse_placed(*request.lo).place;
  const bool moved = place && *place != here;
  if (moved && !request.same_source) {
    return source_changed("the source is another server than the last window was read from", true);
  }
  TM_TRY(WindowBound bound, bound_by_kind(connection, request, cancel));
  const bool stays = value_of(bound.window.hi) == value_of(request.lo) && !moved;
  for (std::optional<Position>* end : {&bound.window.hi, &bound.window.top}) {
    // A position that stays is the same to the letter.
    if (*end) *end = stays ? request.lo : std::optional(position_at((*end)->text, here));
  }
  if (moved) bound.nothing_new = false;
  bound.skip_if_empty = request.lo.has_value() && !moved;
  return bound;
}

Result<std::int64_t> count_null_cursors(Connection& connection, const std::string& relation,
                                        const Cursor& cursor, Cancel& cancel) {
  if (cursor.not_null) return 0;
  TM_TRY(const Rows rows,
         connection.query("select count(*) from (select 1 from " + relation + " where " +
                              cursor.sql + " is null limit " +
                              std::to_string(null_cursors_counted_max + 1) + ") as `nulls`",
                          cancel));
  return rows.integer(0, 0);
}

Result<std::string> window_condition(const Cursor& cursor, const Window& window, NullCursor nulls) {
  const std::string& column = cursor.sql;
  std::string condition;
  if (window.lo) {
    TM_TRY(const std::string lo, literal(cursor, *value_of(window.lo)));
    condition = column + " >= " + lo;
  }
  if (window.top) {
    TM_TRY(const std::string top, literal(cursor, *value_of(window.top)));
    condition += (condition.empty() ? "" : " and ") + column + " < " + top;
  }
  if (reads_null_cursors(nulls, window))
    return condition.empty() ? condition : "(" + condition + ") or " + column + " is null";
  // A row that got a NULL since the probe must not slip into an open window.
  if (condition.empty() && !cursor.not_null) return column + " is not null";
  return condition;
}

}  // namespace tidemark::mysql

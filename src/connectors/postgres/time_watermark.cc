// Rule PG-5: times that the database sets to the time of the transaction, or later.
#include "connectors/postgres/in_flight.h"
#include "connectors/postgres/watermark_rules.h"

namespace tidemark::postgres {
namespace {

// A best effort stays this far behind the clock: a transaction that lasts longer may be passed.
constexpr const char* overlap = "interval '60 seconds'";
constexpr const char* overlap_words = "60 seconds";
// A moment is this long before the look at what is in flight: a transaction fixes its time before
// it can be seen.
constexpr const char* moment_sql =
    "select (pg_catalog.clock_timestamp() - interval '1 second')::text";

// What the server lets this user know.
struct Probe {
  bool sees_sessions = false;
  std::string user;
  std::string clock;
  bool clock_went_back = false;
  std::string back_by;
};

// Half of the margin that windows keep from the clock is for a clock that is set by a little.
Result<Probe> probe(Connection& connection, const std::string& last_clock, Cancel& cancel) {
  std::optional<std::string> last;
  if (!last_clock.empty()) last = last_clock;
  TM_TRY(const Rows rows,
         connection.ask(
             "select pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage'), "
             "current_user, now_::text, coalesce(now_ < $1::timestamptz - interval '500 ms', "
             "false), ($1::timestamptz - now_)::text from pg_catalog.clock_timestamp() now_",
             {last}, cancel));
  return Probe{rows.boolean(0, 0), rows.string(0, 1), rows.string(0, 2), rows.boolean(0, 3),
               rows.string(0, 4)};
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

// The later of the last position and `moment`: a watermark never goes back.
Result<std::string> later_of(Connection& connection, const RuleRequest& request,
                             const std::string& moment, Cancel& cancel) {
  const Cursor& cursor = request.asked.cursor;
  const std::string sql = "select greatest(" + or_null(request.lo, cursor) + ", " +
                          as_cursor(cursor, moment) + ")::text";
  TM_TRY(const Rows rows, connection.query(sql, cancel));
  return rows.string(0, 0);
}

std::string as_moment(const std::string& text) {
  return quote_text(text) + "::timestamptz";
}

std::string assumption(const Cursor& cursor) {
  return "`" + cursor.column +
         "` must be set by the database to the time of the transaction or later (now(), a trigger)";
}

Result<Reach> by_sessions(Connection& connection, const RuleRequest& request, Cancel& cancel) {
  // The activity first: a transaction that is prepared between the two questions is then seen in
  // either.
  TM_TRY(Oldest oldest, oldest_running(connection, cancel));
  TM_TRY(const std::string prepared, prepared_transactions(connection, cancel));
  Reach reach;
  reach.hi = request.lo;
  if (prepared.empty()) {
    TM_TRY(reach.hi, later_of(connection, request, as_moment(oldest.moment), cancel));
  } else if (!request.lo && !request.asked.keyed) {
    // Nobody knows when a prepared transaction started, only that it was after the last window's
    // end; the first window has none before it.
    return source_error("source.watermark_held",
                        "prepared transactions hold the first window: " + prepared, Retry::backoff,
                        "end them with COMMIT PREPARED or ROLLBACK PREPARED");
  } else {
    oldest.note = "prepared transactions hold the watermark where it is: " + prepared;
  }
  reach.guarantee = Guarantee::bounded;
  reach.reason = assumption(request.asked.cursor) +
                 "; no transaction still open started before the window's end";
  reach.is_held = !oldest.note.empty();
  if (reach.is_held) reach.notes.push_back(std::move(oldest.note));
  return reach;
}

Result<Reach> by_ring(Connection& connection, const RuleRequest& request, const Probe& found,
                      WatermarkMemory& memory, Cancel& cancel) {
  TM_CHECK(sample(connection, moment_sql, memory.ring, cancel));
  Reach reach;
  reach.hi = request.lo;
  if (memory.ring.settled()) {
    TM_TRY(reach.hi, later_of(connection, request, as_moment(*memory.ring.settled()), cancel));
  }
  reach.guarantee = Guarantee::bounded;
  reach.reason =
      assumption(request.asked.cursor) +
      "; no transaction that was open at the window's end still is. This user cannot see when they "
      "began: `grant pg_read_all_stats to " +
      quote_name(found.user) + "` makes rows come sooner beside long ones";
  reach.is_held = !memory.ring.newest_is_settled();
  if (reach.is_held) reach.notes.emplace_back("the watermark waits for transactions that are open");
  return reach;
}

Result<Reach> behind_the_clock(Connection& connection, const RuleRequest& request, Cancel& cancel) {
  Reach reach;
  TM_TRY(reach.hi, later_of(connection, request,
                            "pg_catalog.statement_timestamp() - " + std::string(overlap), cancel));
  reach.reason =
      "the server is a standby, which does not see the primary's running transactions; connect to "
      "the primary for a `bounded` watermark";
  reach.notes.push_back(std::string("rows of transactions longer than ") + overlap_words +
                        " may be passed by the watermark");
  return reach;
}

}  // namespace

Result<Reach> reach_of_times(Connection& connection, const RuleRequest& request,
                             WatermarkMemory& memory, Cancel& cancel) {
  TM_TRY(const Probe found, probe(connection, memory.clock, cancel));
  if (found.clock_went_back && request.lo && !request.asked.same_source)
    return tidemark::clock_went_back(found.back_by);
  memory.clock = found.clock;
  Reach reach;
  if (request.standby) {
    TM_TRY(reach, behind_the_clock(connection, request, cancel));
  } else if (found.sees_sessions) {
    TM_TRY(reach, by_sessions(connection, request, cancel));
  } else {
    TM_TRY(reach, by_ring(connection, request, found, memory, cancel));
  }
  reach.nothing_new = !request.asked.keyed && request.lo == reach.hi;
  return reach;
}

}  // namespace tidemark::postgres

// Rule PG-6: numbers that a sequence counts; and values that say nothing of when their row was
// written.
#include "base/units.h"
#include "connectors/postgres/in_flight.h"
#include "connectors/postgres/watermark_rules.h"

namespace tidemark::postgres {
namespace {

// Of numbers: a keyed target reads this many again.
constexpr int number_overlap = 1000;
// Of times without a zone, the same.
constexpr const char* time_overlap = "interval '60 seconds'";
constexpr const char* time_overlap_words = "60 seconds";

// The sequence behind a column, and what speaks against it; no name: there is none.
struct Sequence {
  std::string name;  // in SQL
  std::string obstacle;
};

// Only the next number that the sequence itself gives, one at a time, tells where it stands.
constexpr const char* sequence_sql = R"(
select s.oid::regclass::text, p.seqincrement, p.seqcache, p.seqcycle,
  pg_catalog.has_sequence_privilege(s.oid, 'select'), current_user, s.sequence
from (select q.sequence, pg_catalog.to_regclass(q.sequence)::oid as oid
  from (select pg_catalog.pg_get_serial_sequence($1, $2) as sequence
    where pg_catalog.to_regclass($1) is not null) q) s
join pg_catalog.pg_sequence p on p.seqrelid = s.oid)";

Result<Sequence> sequence_of(Connection& connection, const RuleRequest& request, Cancel& cancel) {
  const Cursor& cursor = request.asked.cursor;
  const bool may_have = request.asked.is_table && !cursor.is_expression;
  if (!may_have || cursor.type_name != "bigint") return Sequence{};
  TM_TRY(const Rows rows, connection.query(sequence_sql,
                                           std::vector<std::optional<std::string>>{
                                               request.asked.relation, cursor.column},
                                           cancel));
  if (rows.rows() == 0) return Sequence{};
  Sequence found{rows.string(0, 6), {}};
  const std::string& name = rows.string(0, 0);
  if (rows.integer(0, 1) != 1) {
    found.obstacle = "`" + name + "` counts by " + rows.string(0, 1) +
                     ", so its users may hand out numbers later";
  } else if (rows.integer(0, 2) != 1) {
    found.obstacle = "`" + name + "` gives each session " + rows.string(0, 2) +
                     " numbers at once (CACHE), to be used later";
  } else if (rows.boolean(0, 3)) {
    found.obstacle = "`" + name + "` begins again when it has reached its end (CYCLE)";
  } else if (!rows.boolean(0, 4)) {
    found.obstacle = "this user cannot read where the sequence stands; `grant select on sequence " +
                     name + " to " + quote_name(rows.string(0, 5)) +
                     "` makes the watermark `bounded`";
  }
  return found;
}

Result<Reach> by_sequence(Connection& connection, const RuleRequest& request,
                          const Sequence& sequence, WatermarkMemory& memory, Cancel& cancel) {
  TM_CHECK(
      sample(connection,
             "select (case when is_called then last_value + 1 else last_value end)::text from " +
                 sequence.name,
             memory.ring, cancel));
  Reach reach;
  reach.hi = request.lo;
  if (memory.ring.settled()) {
    TM_TRY(const Rows rows,
           connection.query("select greatest(" + or_null(request.lo, request.asked.cursor) + ", " +
                                cast(request.asked.cursor, *memory.ring.settled()) + ")::text",
                            cancel));
    reach.hi = rows.string(0, 0);
  }
  reach.guarantee = Guarantee::bounded;
  reach.reason = "`" + request.asked.cursor.column +
                 "` must come from its sequence in each row that is inserted; no transaction that "
                 "was open when it stood at the window's end still is. Changed rows are not seen";
  reach.is_held = !memory.ring.newest_is_settled();
  if (reach.is_held) reach.notes.emplace_back("the watermark waits for transactions that are open");
  return reach;
}

// The newest value is never counted as read, because more rows may come with it.
Result<Reach> below_the_newest(Connection& connection, const RuleRequest& request, Cancel& cancel) {
  const Cursor& cursor = request.asked.cursor;
  // An infinity or NaN would stop the watermark for good.
  const std::string finite = cursor.kind == CursorKind::number
                                 ? " <> 'NaN'::numeric"
                                 : " not in ('infinity', '-infinity')";
  std::string newest = "max(" + cursor.sql + ") filter (where " + cursor.sql +
                       (cursor.type_name == "bigint" ? " is not null" : finite) + ")";
  std::string note = "rows at the newest `" + cursor.column + "` are read again by the next run";
  if (cursor.kind == CursorKind::timestamp) {
    newest += " - " + std::string(time_overlap);
    note = std::string("the last ") + time_overlap_words + " of `" + cursor.column +
           "` are read again by the next run";
  } else if (cursor.kind == CursorKind::number && request.asked.keyed) {
    newest += " - " + std::to_string(number_overlap);
    note = "the last " + std::to_string(number_overlap) + " values of `" + cursor.column +
           "` are read again by the next run";
  }
  if (!request.asked.keyed)
    note = "rows at the newest `" + cursor.column +
           "` wait for the next run, since more of them may come";
  TM_TRY(const Rows rows,
         connection.query("select greatest(" + or_null(request.lo, cursor) + ", " + newest +
                              ")::" + cursor.type_name + "::text from " + request.asked.relation,
                          cancel));
  Reach reach;
  reach.hi = request.lo;
  const bool empty = !rows.text(0, 0);
  if (!empty) reach.hi = rows.string(0, 0);
  reach.notes.push_back(std::move(note));
  reach.nothing_new = empty;
  return reach;
}

}  // namespace

Result<Reach> reach_of_values(Connection& connection, const RuleRequest& request,
                              WatermarkMemory& memory, Cancel& cancel) {
  const Cursor& cursor = request.asked.cursor;
  Sequence sequence;
  if (cursor.kind == CursorKind::number && !request.standby) {
    TM_TRY(sequence, sequence_of(connection, request, cancel));
  }
  Reach reach;
  if (!sequence.name.empty() && sequence.obstacle.empty()) {
    TM_TRY(reach, by_sequence(connection, request, sequence, memory, cancel));
  } else {
    TM_TRY(reach, below_the_newest(connection, request, cancel));
    reach.reason =
        cursor.kind == CursorKind::timestamp
            ? "`" + cursor.column +
                  "` has no time zone: write `timezone:` in the job's `from`, the zone it is "
                  "written in"
            : "`" + cursor.column +
                  "` is no time, so a row that commits late can stand below the watermark";
    if (!sequence.obstacle.empty()) reach.reason += "; " + sequence.obstacle;
  }
  if (!request.asked.keyed && request.lo == reach.hi) reach.nothing_new = true;
  return reach;
}

}  // namespace tidemark::postgres

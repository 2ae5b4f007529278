#include "connectors/postgres/transaction_watermark.h"

#include <algorithm>
#include <optional>

namespace tidemark::postgres {
namespace {

constexpr const char* column_type = "xid8";
constexpr const char* trigger_name = "tidemark_stamp";

// The top-level transaction, also inside a savepoint.
std::string stamp_body(const std::string& column) {
  return "begin new." + quote_name(column) + " := pg_catalog.pg_current_xact_id(); return new; end";
}

// How many tables hold the rows of $1, and one of them whose writes are not all stamped with the
// body $2: by a trigger for each row, before INSERT and UPDATE, without conditions, and also where
// a session replays the changes of another server.
constexpr const char* stamped_sql = R"(
with recursive part as (
  select pg_catalog.to_regclass($1)::oid as oid
  union select i.inhrelid from part join pg_catalog.pg_inherits i on i.inhparent = part.oid),
holder as (select c.oid, exists (
    select from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = c.oid and t.tgenabled = 'A' and t.tgtype & 23 = 23 and t.tgtype & 64 = 0
      and t.tgqual is null and t.tgattr = '' and p.prosrc = $2) as stamped
  from part join pg_catalog.pg_class c on c.oid = part.oid where c.relkind in ('r', 'f', 'v', 'm'))
select count(*), min(oid::regclass::text) filter (where not stamped) from holder)";

struct Stamps {
  bool all = false;
  std::string missing;  // a table without, for people
};

Result<Stamps> read_stamps(Connection& connection, const std::string& table,
                           const std::string& column, Cancel& cancel) {
  TM_TRY(
      const Rows rows,
      connection.query(stamped_sql,
                       std::vector<std::optional<std::string>>{table, stamp_body(column)}, cancel));
  return Stamps{rows.integer(0, 0) > 0 && !rows.text(0, 1), rows.string(0, 1)};
}

bool is_snapshot(const std::string& text) {
  return std::count(text.begin(), text.end(), ':') == 2 &&
         text.find_first_not_of("0123456789:,") == std::string::npos;
}

Error other_watermark(const Cursor& cursor, const Position& lo) {
  return user_error("plan.watermark_changed",
                    "`" + cursor.column + "` holds transactions, and the watermark of the last " +
                        "window is `" + lo.text + "`, which is none",
                    "the job had another watermark before: read everything again with `tidemark "
                    "run JOB --full`");
}

// The snapshot now, and whether all that `lo` calls ended has ended in it. On a standby ($2) only
// what is older than every transaction is known.
constexpr const char* snapshot_sql = R"(
with bound as (select case when $2::boolean
    then (pg_catalog.pg_snapshot_xmin(s)::text || ':' || pg_catalog.pg_snapshot_xmin(s)::text || ':')::pg_snapshot
    else s end as s from pg_catalog.pg_current_snapshot() s)
select s::text, $1::pg_snapshot is null or (
  pg_catalog.pg_snapshot_xmax(s) >= pg_catalog.pg_snapshot_xmax($1::pg_snapshot) and not exists (
    select from pg_catalog.pg_snapshot_xip(s) x where pg_catalog.pg_visible_in_snapshot(x, $1::pg_snapshot)))
from bound)";

std::string reason_of(const Stamps& stamps, const Cursor& cursor) {
  if (stamps.all) {
    return "each row carries the transaction that wrote it, and a window holds those that ended in "
           "it; deleted rows are not seen";
  }
  return "every write must set `" + cursor.column + "` to its transaction, which " +
         (stamps.missing.empty() ? "cannot be seen of a query or view"
                                 : "nothing does for " + stamps.missing +
                                       ": `tidemark source prepare` prints what would make it "
                                       "`exact-upsert`");
}

}  // namespace

Result<WindowBound> find_transaction_bound(Connection& connection, const BoundRequest& request,
                                           const Standing& standing, Cancel& cancel) {
  const Cursor& cursor = request.cursor;
  if (standing.lo && !is_snapshot(*standing.lo)) return other_watermark(cursor, *request.lo);
  Stamps stamps;
  if (request.is_table) {
    TM_TRY(stamps, read_stamps(connection, request.relation, cursor.column, cancel));
  }
  TM_TRY(const Rows rows, connection.query(snapshot_sql,
                                           std::vector<std::optional<std::string>>{
                                               standing.lo, standing.here.standby ? "t" : "f"},
                                           cancel));
  WindowBound bound;
  bound.window.lo = request.lo;
  bound.guarantee = stamps.all ? Guarantee::exact_upsert : Guarantee::bounded;
  bound.reason = reason_of(stamps, cursor);
  if (!rows.boolean(0, 1)) {
    if (!standing.here.standby)
      return source_changed(
          "the server has not seen transactions that had ended at the last window", false);
    return behind_the_last(std::move(bound));
  }
  if (standing.here.standby)
    bound.notes.emplace_back("a standby: rows wait for the oldest transaction that was open");
  bound.window.hi = bound.window.top = position_at(rows.string(0, 0), standing.here);
  bound.nothing_new = standing.lo == rows.string(0, 0);
  return bound;
}

WindowBound behind_the_last(WindowBound bound) {
  bound.window.hi = bound.window.top = bound.window.lo;
  bound.nothing_new = true;
  bound.notes.emplace_back(
      "this standby has not come to where the last window ended; it is read again when it has");
  return bound;
}

std::string transaction_condition(const Cursor& cursor, const Window& window) {
  const std::string& column = cursor.sql;
  const auto snapshot = [](const Position& position) {
    return quote_text(parse_position(position).value) + "::pg_snapshot";
  };
  const auto ended = [&](const Position& position) {
    return "pg_catalog.pg_visible_in_snapshot(" + column + ", " + snapshot(position) + ")";
  };
  std::string condition;
  // The first part is for the index.
  if (window.lo) {
    condition = column + " >= pg_catalog.pg_snapshot_xmin(" + snapshot(*window.lo) + ") and not " +
                ended(*window.lo);
  }
  if (!window.top) return condition;
  if (window.lo) return condition + " and " + ended(*window.top);
  return "(" + column + " is null or " + ended(*window.top) + ")";
}

Result<SourcePreparation> source_preparation(Connection& connection, const TableName& table,
                                             const std::string& column, Cancel& cancel) {
  TM_TRY(const Rows found,
         connection.query(
             "select c.relkind, n.nspname, c.relname, (select format_type(atttypid, null) from "
             "pg_catalog.pg_attribute where attrelid = c.oid and attname = $2 and not "
             "attisdropped), exists (select from pg_catalog.pg_index i join "
             "pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] where "
             "i.indrelid = c.oid and i.indisvalid and i.indpred is null and a.attname = $2), "
             "current_setting('server_version_num')::int from pg_catalog.pg_class c join "
             "pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = "
             "pg_catalog.to_regclass($1)",
             std::vector<std::optional<std::string>>{table.sql(), column}, cancel));
  if (found.rows() == 0) {
    return user_error("source.table_missing", "there is no table `" + table.show() + "`",
                      "name it as `schema.table`");
  }
  constexpr std::int64_t version_min = 130000;
  if (found.integer(0, 5) < version_min) {
    return source_error("source.too_old",
                        "the server has no type xid8: it is older than version 13", Retry::never,
                        "use a timestamp that the database sets as the watermark");
  }
  const std::string kind = found.string(0, 0);
  if (kind != "r" && kind != "p") {
    return user_error("source.no_table", "`" + table.show() + "` is no table",
                      "name the table behind it");
  }
  const std::string type = found.string(0, 3);
  if (!type.empty() && type != column_type) {
    return user_error("source.column_taken",
                      "`" + table.show() + "` has a column `" + column + "` of type " + type,
                      "name another with --column");
  }
  TM_TRY(const Stamps stamps, read_stamps(connection, table.sql(), column, cancel));
  const TableName whole{found.string(0, 1), found.string(0, 2)};
  const std::string function =
      TableName{whole.schema, std::string(trigger_name) + "_" + column}.sql();
  const std::string trigger = quote_name(std::string(trigger_name) + "_" + column);
  SourcePreparation made;
  if (type.empty()) {
    // No default: rows of before stay NULL, and the table is not written anew.
    made.together.push_back("alter table " + whole.sql() + " add column " + quote_name(column) +
                            " " + column_type);
  }
  if (!stamps.all) {
    made.together.push_back("create or replace function " + function +
                            "() returns trigger language plpgsql as " +
                            quote_text(stamp_body(column)));
    made.together.push_back("drop trigger if exists " + trigger + " on " + whole.sql());
    made.together.push_back("create trigger " + trigger + " before insert or update on " +
                            whole.sql() + " for each row execute function " + function + "()");
    made.together.push_back("alter table " + whole.sql() + " enable always trigger " + trigger);
  }
  if (!found.boolean(0, 4)) {
    made.index = "create index " + std::string(kind == "r" ? "concurrently " : "") + "on " +
                 whole.sql() + " (" + quote_name(column) + ")";
  }
  return made;
}

Status apply_preparation(Connection& connection, const SourcePreparation& preparation,
                         Cancel& cancel) {
  if (!preparation.together.empty()) {
    // The lock waits out every transaction that wrote before, so what follows is stamped; and who
    // waits for it holds up everybody else.
    TM_TRY(Transaction transaction,
           Transaction::begin(connection, "isolation level read committed read write", cancel));
    TM_CHECK(connection.execute("set local lock_timeout = '2s'", cancel));
    for (const std::string& statement : preparation.together) {
      auto done = connection.execute(statement, cancel);
      if (!done.ok()) return std::move(done).error().with_context("preparing the source");
    }
    TM_CHECK(transaction.commit(cancel));
  }
  if (preparation.index.empty()) return {};
  TM_CHECK(connection.execute(preparation.index, cancel));
  return {};
}

}  // namespace tidemark::postgres

#include "connectors/postgres/sink_swap.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "connectors/postgres/table_lock.h"

namespace tidemark::postgres {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

// What `like ... including all` copies, a line each. The order of columns counts, not their
// numbers: dropped columns leave gaps.
constexpr const char* copied_sql = R"(
select 'column ' || row_number() over (order by a.attnum) || ' ' || quote_ident(a.attname) || ' '
  || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
  || ' collation ' || a.attcollation || ' storage ' || concat_ws(' ', a.attstorage, a.attcompression, a.attgenerated)
  || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  || coalesce(' comment ' || col_description(a.attrelid, a.attnum), '') as what
from pg_catalog.pg_attribute a
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
union all
select 'index ' || pg_get_indexdef(indexrelid) || coalesce(' comment ' || obj_description(indexrelid, 'pg_class'), '')
from pg_catalog.pg_index where indrelid = $1::oid
union all
select 'constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
  || coalesce(' comment ' || obj_description(oid, 'pg_constraint'), '')
from pg_catalog.pg_constraint where conrelid = $1::oid and contype <> 'f')";

// All else that a table can have. Some servers number columns by an option that nobody set. What
// the catalog calls a normal dependency is an object that uses the table: a view, a foreign key of
// another table, a function, a column of its row type.
constexpr const char* losses_sql = R"(
with t as (select * from pg_catalog.pg_class where oid = $1::oid),
part as (select a.* from pg_catalog.pg_attribute a join t on t.oid = a.attrelid where a.attnum > 0 and not attisdropped)
select 'it belongs to `' || r.rolname || '`' from t join pg_catalog.pg_roles r on r.oid = t.relowner
where r.rolname <> current_user
union all select 'it is partitioned' from t where relkind <> 'r'
union all select 'it is a part of another table, or another is a part of it' from t
where exists (select from pg_catalog.pg_inherits where t.oid in (inhrelid, inhparent))
union all select 'privileges were granted on it' from t where relacl is not null
union all select 'privileges were granted on its column `' || attname || '`' from part where attacl is not null
union all select 'it has the trigger `' || tgname || '`' from pg_catalog.pg_trigger, t
where tgrelid = t.oid and not tgisinternal
union all select 'it has the rule `' || rulename || '`' from pg_catalog.pg_rewrite, t where ev_class = t.oid
union all select 'it has row security' from t where relrowsecurity or relforcerowsecurity
  or exists (select from pg_catalog.pg_policy where polrelid = t.oid)
union all select 'it has the foreign key `' || conname || '`' from pg_catalog.pg_constraint, t
where conrelid = t.oid and contype = 'f'
union all select distinct pg_describe_object(d.classid, d.objid, d.objsubid) || ' depends on it'
from pg_catalog.pg_depend d, t
where d.deptype = 'n' and (d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
    or d.refclassid = 'pg_type'::regclass and d.refobjid in
      (t.reltype, (select typarray from pg_catalog.pg_type where oid = t.reltype)))
  and not exists (select from pg_catalog.pg_constraint c
    where d.classid = 'pg_constraint'::regclass and c.oid = d.objid and c.conrelid = t.oid)
  and not exists (select from pg_catalog.pg_attrdef f
    where d.classid = 'pg_attrdef'::regclass and f.oid = d.objid and f.adrelid = t.oid)
union all select 'the sequence ' || s.oid::regclass || ' belongs to it'
from t join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
join pg_catalog.pg_class s on d.classid = 'pg_class'::regclass and s.oid = d.objid and s.relkind = 'S'
union all select 'it is published by `' || p.pubname || '`' from t
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_publication_tables p on p.schemaname = n.nspname and p.tablename = t.relname
union all select 'a subscription writes it' from t
where exists (select from pg_catalog.pg_subscription_rel where srrelid = t.oid)
union all select 'it has the statistics `' || stxname || '`' from pg_catalog.pg_statistic_ext, t where stxrelid = t.oid
union all select 'it has a comment' from t where obj_description(t.oid, 'pg_class') is not null
union all select 'it has a security label' from t
where exists (select from pg_catalog.pg_seclabel where objoid = t.oid and classoid = 'pg_class'::regclass)
union all select 'it belongs to an extension' from t where exists (select from pg_catalog.pg_depend
  where classid = 'pg_class'::regclass and objid = t.oid and deptype = 'e')
union all select 'it has storage of its own kind' from t
left join pg_catalog.pg_class toast on toast.oid = t.reltoastrelid
join pg_catalog.pg_am am on am.oid = t.relam
where t.relpersistence <> 'p' or t.reloptions is not null or toast.reloptions is not null or t.reltablespace <> 0
  or t.relreplident <> 'd' or am.amname <> 'heap'
union all select 'its column `' || attname || '` has options' from part
where coalesce(attstattarget, -1) <> -1 or attidentity <> ''
  or exists (select from unnest(attoptions) option where option not like 'pg\_attver=%')
union all select 'its index ' || indexrelid::regclass || ' is not an ordinary one' from pg_catalog.pg_index, t
where indrelid = t.oid and (not indisvalid or indisclustered or indisreplident))";

// The name an index had in the first table, and has in the second. Those that cannot be told apart
// may change places.
constexpr const char* renamed_sql = R"(
with own as (
  select i.indrelid, c.relname, row_number() over (partition by i.indrelid, kind.text order by i.indexrelid) as number,
         kind.text as kind
  from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  cross join lateral (
    select concat_ws(' ', i.indisunique, i.indisprimary, i.indisexclusion, i.indimmediate, i.indnkeyatts, c.relam,
      i.indclass, i.indcollation, i.indoption, pg_get_expr(i.indpred, i.indrelid), c.reloptions,
      (select string_agg(pg_get_indexdef(i.indexrelid, k, false), ',' order by k) from generate_series(1, i.indnatts) k))
      as text) kind
  where i.indrelid in ($1::oid, $2::oid))
select now.relname, old.relname from own old join own now on now.kind = old.kind and now.number = old.number
where old.indrelid = $1::oid and now.indrelid = $2::oid)";

using Lines = std::vector<std::string>;

Result<Lines> lines(Connection& connection, const char* sql, const std::string& oid,
                    Cancel& cancel) {
  TM_TRY(const Rows rows, connection.query(sql, Parameters{oid}, cancel));
  Lines all;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    all.push_back(rows.string(row, 0));
  std::sort(all.begin(), all.end());
  return all;
}

Error would_lose(const TableState& state, const Lines& losses) {
  std::string all;
  for (const std::string& loss : losses)
    all += (all.empty() ? "" : "; ") + loss;
  return target_error(
      "target.swap_loses",
      "`replace: table` would put a new table in the place of " + state.name.show() +
          ", which does not have all that the old one has: " + all,
      Retry::never, "leave out `replace`: then the table stays and its rows are changed");
}

}  // namespace

Result<std::vector<std::string>> read_losses(Connection& connection, const TableState& state,
                                             Cancel& cancel) {
  return lines(connection, losses_sql, state.oid, cancel);
}

Result<FullSteps> compose_swap(const TableState& state, const LoadTarget& target, Fence fence) {
  Lines losses = state.losses;
  for (const TargetColumn& there : state.columns) {
    if (!target.schema.find(there.name) && !there.generated)
      losses.push_back("the rows do not have its column `" + there.name + "`");
  }
  if (!losses.empty()) return would_lose(state, losses);
  FullSteps steps;
  steps.way = ReplaceWay::swap;
  steps.table = state.name;
  // With the table's number, since streams of one job may load into one schema.
  steps.made = {state.name.schema,
                "tidemark_load_" + std::to_string(fence.get()) + "_" + state.oid};
  const std::string made = steps.made.sql();
  steps.shadow = "create table " + made + " (like " + state.name.sql() + " including all)";
  // FREEZE: a snapshot older than the load sees the new table, so it had better see its rows too.
  steps.copy = "copy " + made + " (" + quote_list(target.schema.names()) +
               ") from stdin (format binary, freeze)";
  if (!target.key.empty() &&
      std::none_of(state.unique_keys.begin(), state.unique_keys.end(),
                   [&](const UniqueKey& key) { return is_key_of(key, target.key); })) {
    const TableName check{state.name.schema, "tidemark_key_" + state.oid};
    steps.prepare = {"create unique index " + quote_name(check.table) + " on " + made + " (" +
                         quote_list(target.key) + ")",
                     "drop index " + check.sql()};
  }
  steps.prepare.push_back("analyze " + made);
  steps.verify = "select count(*) from " + state.name.sql();
  steps.lock = lock_sql(state.name, LockMode::access_exclusive);
  steps.swap = {"drop table " + state.name.sql(),
                "alter table " + made + " rename to " + quote_name(state.name.table)};
  steps.notes.push_back(
      "a new table takes the place of this one: readers wait a moment while the names change");
  return steps;
}

Status swap_tables(Connection& connection, const TableState& state, const FullSteps& full,
                   Cancel& cancel) {
  TM_TRY(const Rows made, connection.query("select pg_catalog.to_regclass($1)::oid",
                                           Parameters{full.made.sql()}, cancel));
  const std::string oid = made.string(0, 0);
  TM_TRY(const Lines before, lines(connection, copied_sql, state.oid, cancel));
  TM_TRY(const Rows indexes, connection.query(renamed_sql, Parameters{state.oid, oid}, cancel));
  for (const std::string& sql : full.swap)
    TM_CHECK(connection.execute(sql, cancel));
  for (std::size_t row = 0; row < indexes.rows(); ++row) {
    const TableName index{state.name.schema, indexes.string(row, 0)};
    TM_CHECK(connection.execute(
        "alter index " + index.sql() + " rename to " + quote_name(indexes.string(row, 1)), cancel));
  }
  TM_TRY(const Lines after, lines(connection, copied_sql, oid, cancel));
  TM_TRY(Lines differ, lines(connection, losses_sql, oid, cancel));
  std::set_symmetric_difference(before.begin(), before.end(), after.begin(), after.end(),
                                std::back_inserter(differ));
  if (differ.empty()) return {};
  return would_lose(state, differ);
}

}  // namespace tidemark::postgres

#include "connectors/postgres/sink_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "connectors/postgres/sink_swap.h"

namespace tidemark::postgres {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

// A domain stands for its base type: the wire is the same, and its modifier is what limits the
// values.
constexpr const char* columns_sql = R"(
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), base.oid::int8, base.typmod,
       case when base.typcategory = 'A' and base.typlen = -1 then base.typelem::int8 else 0 end,
       base.typtype = 'e', coalesce(e.typtype = 'e', false), a.attnotnull or base.domain_not_null,
       a.atthasdef or a.attidentity <> '' or base.domain_default, a.attgenerated <> '', a.attidentity = 'a',
       case when a.attcollation not in (0, base.own_collation)
         then quote_ident(cn.nspname) || '.' || quote_ident(c.collname) else '' end,
       (base.typtype = 'e' or base.oid = any ('{bool,int2,int4,int8,oid,bytea,uuid,date,time,timetz,timestamp,
         timestamptz,text,varchar}'::regtype[])) and coalesce(c.collisdeterministic, true)
from pg_catalog.pg_attribute a
cross join lateral (
  with recursive step as (
    select t.oid, a.atttypmod as typmod, t.typtype, t.typbasetype, t.typtypmod, t.typelem, t.typcategory, t.typlen,
           t.typcollation as own_collation, t.typnotnull as domain_not_null, t.typdefault is not null as domain_default
    from pg_catalog.pg_type t where t.oid = a.atttypid
    union all
    select t.oid, s.typtypmod, t.typtype, t.typbasetype, t.typtypmod, t.typelem, t.typcategory, t.typlen,
           s.own_collation, s.domain_not_null or t.typnotnull, s.domain_default or t.typdefault is not null
    from step s join pg_catalog.pg_type t on t.oid = s.typbasetype where s.typtype = 'd')
  select * from step where typtype <> 'd') base
left join pg_catalog.pg_type e on e.oid = base.typelem
left join pg_catalog.pg_collation c on c.oid = a.attcollation
left join pg_catalog.pg_namespace cn on cn.oid = c.collnamespace
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
order by a.attnum)";

constexpr const char* keys_sql = R"(
select i.indexrelid::int8, a.attname, i.indisprimary, i.indimmediate
from pg_catalog.pg_index i
join lateral unnest(i.indkey::int2[]) with ordinality k(attnum, at) on k.at <= i.indnkeyatts
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
order by i.indexrelid, k.at)";

// Kind (delete, insert, watch, rule), and what it is. An AFTER trigger does something beside the
// row, a BEFORE trigger on insert completes it.
constexpr const char* effects_sql = R"(
with recursive part as (
  select $1::oid as oid
  union select i.inhrelid from part join pg_catalog.pg_inherits i on i.inhparent = part.oid)
select 'delete', 'foreign key `' || conname || '` of ' || conrelid::regclass || ' changes rows there on delete'
from pg_catalog.pg_constraint
where contype = 'f' and confrelid in (select oid from part) and confdeltype in ('c', 'n', 'd') and conparentid = 0
union
select 'delete', 'trigger `' || tgname || '` runs on delete' from pg_catalog.pg_trigger
where tgrelid in (select oid from part) and not tgisinternal and tgenabled in ('O', 'A') and (tgtype & 8) <> 0
union
select 'insert', 'trigger `' || tgname || '` runs after insert' from pg_catalog.pg_trigger
where tgrelid in (select oid from part) and not tgisinternal and tgenabled in ('O', 'A') and (tgtype & 4) <> 0
  and (tgtype & 66) = 0
union
select 'watch', '' from pg_catalog.pg_trigger
where tgrelid in (select oid from part) and not tgisinternal and tgenabled in ('O', 'A')
union
select 'watch', '' from pg_catalog.pg_constraint
where contype = 'f' and confrelid in (select oid from part) and conrelid not in (select oid from part)
union
select 'rule', rulename from pg_catalog.pg_rewrite
where ev_class = $1::oid and ev_type in ('2', '3', '4') and ev_enabled in ('O', 'A')
order by 1, 2)";

std::string shown(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list;
}

// PostgreSQL cuts longer names without an error; two columns could become one.
Status check_name(const std::string& name, const char* what) {
  if (name.empty() || name.find('\0') != std::string::npos || name.size() > 63) {
    return target_error("target.bad_name",
                        std::string("the ") + what + " `" + name.substr(0, 80) +
                            "` cannot be made in PostgreSQL: names have 1 to 63 bytes and no NUL",
                        Retry::never, "give it a shorter name: rename in `transform`");
  }
  return {};
}

Result<std::string> create_table(const TableState& state, const LoadTarget& target) {
  TM_CHECK(check_name(state.name.table, "table"));
  std::string columns;
  for (const Column& column : target.schema.columns) {
    TM_CHECK(check_name(column.name, "column"));
    TM_TRY(const std::string type, postgres_type(column));
    columns += (columns.empty() ? "" : ", ") + quote_name(column.name) + " " + type;
    if (!column.nullable) columns += " not null";
  }
  return "create table " + state.name.sql() + " (" + columns + ")";
}

Status check_key(const LoadTarget& target) {
  if (target.strategy == LoadStrategy::append) return {};
  if (target.key.empty() && target.strategy == LoadStrategy::upsert) {
    return user_error("target.key_missing", "`load: upsert` into " + target.table + " needs a key",
                      "add key: [COLUMN, ...] below `to`");
  }
  for (const std::string& name : target.key) {
    if (!target.schema.find(name)) {
      return user_error("target.key_missing",
                        "the key's column `" + name + "` is not among the rows' columns",
                        "columns are: " + shown(target.schema.names()));
    }
  }
  return {};
}

Status check_unique(const TableState& state, const LoadTarget& target) {
  const bool found = std::any_of(
      state.unique_keys.begin(), state.unique_keys.end(),
      [&](const UniqueKey& key) { return key.immediate && is_key_of(key, target.key); });
  if (found) return {};
  return target_error(
      "target.no_unique_index",
      "table " + state.name.show() + " has no unique index on (" + shown(target.key) +
          "), which `load: upsert` needs",
      Retry::never,
      "run: CREATE UNIQUE INDEX ON " + state.name.sql() + " (" + quote_list(target.key) + ")");
}

Error column_missing(const TableState& state, const Column& column) {
  const auto type = postgres_type(column);
  if (!type.ok()) return type.error();
  return target_error(
      "target.schema_misfit",
      "column `" + column.name + "` (" + sql_name(column.type) + ") is not in the table",
      Retry::never,
      "run: ALTER TABLE " + state.name.sql() + " ADD COLUMN " + quote_name(column.name) + " " +
          *type + "; or drop the column in `transform`");
}

Error column_required(const TargetColumn& there) {
  return target_error(
      "target.schema_misfit",
      "column `" + there.name + "` (" + there.type_name +
          ") of the table is NOT NULL without a default, and the rows do not have it",
      Retry::never, "add it in `transform`, or give the table's column a default");
}

// All misfits at once, so that one look at the job mends them.
Error misfits(const TableState& state, std::vector<Error> errors) {
  Error all = std::move(errors.front());
  for (std::size_t at = 1; at < errors.size(); ++at) {
    all.message += "; " + errors[at].message;
    if (all.hint.find(errors[at].hint) == std::string::npos) all.hint += "; " + errors[at].hint;
  }
  all.message = "the rows do not fit table " + state.name.show() + ": " + all.message;
  return all;
}

Status check_existing(const TableState& state, const LoadTarget& target, LoadSteps& steps) {
  std::vector<Error> errors;
  for (const Column& column : target.schema.columns) {
    const auto found =
        std::find_if(state.columns.begin(), state.columns.end(),
                     [&](const TargetColumn& there) { return there.name == column.name; });
    if (found == state.columns.end()) {
      errors.push_back(column_missing(state, column));
      continue;
    }
    auto fits = fit(column, *found);
    if (!fits.ok()) {
      errors.push_back(std::move(fits).error());
      continue;
    }
    if (!fits->note.empty()) steps.notes.push_back("column `" + column.name + "`: " + fits->note);
    steps.columns.push_back(std::move(fits->copy));
  }
  for (const TargetColumn& there : state.columns) {
    if (there.not_null && !there.has_default && !target.schema.find(there.name))
      errors.push_back(column_required(there));
  }
  if (!errors.empty()) return misfits(state, std::move(errors));
  return {};
}

Status compose_new(const TableState& state, const LoadTarget& target, LoadSteps& steps) {
  if (!state.schema_exists) {
    TM_CHECK(check_name(state.name.schema, "schema"));
    steps.ddl.push_back("create schema if not exists " + quote_name(state.name.schema));
  }
  TM_TRY(std::string create, create_table(state, target));
  steps.ddl.push_back(std::move(create));
  for (const Column& column : target.schema.columns) {
    // The new column is of the type made for it, so it is fitted against exactly that.
    TM_TRY(CopyColumn copy, new_column(column));
    if (column.type.kind == TypeKind::timestamp_ns) {
      steps.notes.push_back("column `" + column.name + "`: times with nanoseconds are refused");
    }
    steps.columns.push_back(std::move(copy));
  }
  const std::string names = quote_list(target.schema.names());
  // FREEZE: a snapshot older than the load sees the new table, so it had better see its rows too.
  steps.copy = "copy " + state.name.sql() + " (" + names + ") from stdin (format binary, freeze)";
  // A key built after the rows costs two thirds of one kept up with each row.
  if (!target.key.empty()) {
    steps.finish =
        "alter table " + state.name.sql() + " add primary key (" + quote_list(target.key) + ")";
  }
  return {};
}

std::string merge_sql(const TableState& state, const LoadTarget& target,
                      const std::string& staging) {
  const std::vector<std::string> names = target.schema.names();
  std::string set;
  for (const std::string& name : names) {
    if (std::find(target.key.begin(), target.key.end(), name) != target.key.end()) continue;
    const std::string quoted = quote_name(name);
    set += (set.empty() ? "" : ", ") + quoted + " = ";
    set += name == target.mark
               ? "case when excluded." + quoted + " is not null then coalesce(old." + quoted +
                     ", excluded." + quoted + ") end"
               : "excluded." + quoted;
  }
  // Sorted by key the index is walked once, and two loads cannot wait for each other in a circle.
  return "insert into " + state.name.sql() + " as old (" + quote_list(names) +
         ") overriding system value select " + quote_list(names) + " from " + staging +
         " order by " + quote_list(target.key) + " on conflict (" + quote_list(target.key) +
         ") do " + (set.empty() ? "nothing" : "update set " + set);
}

Status read_columns(Connection& connection, const Parameters& oid, TableState& state,
                    Cancel& cancel) {
  TM_TRY(Rows columns, connection.query(columns_sql, oid, cancel));
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    state.columns.push_back(
        TargetColumn{.name = columns.string(row, 0),
                     .type_name = columns.string(row, 1),
                     .type_oid = static_cast<std::uint32_t>(columns.integer(row, 2)),
                     .type_modifier = static_cast<std::int32_t>(columns.integer(row, 3)),
                     .element_oid = static_cast<std::uint32_t>(columns.integer(row, 4)),
                     .is_enum = columns.boolean(row, 5),
                     .element_is_enum = columns.boolean(row, 6),
                     .not_null = columns.boolean(row, 7),
                     .has_default = columns.boolean(row, 8),
                     .generated = columns.boolean(row, 9),
                     .identity_always = columns.boolean(row, 10),
                     .equal_is_same = columns.boolean(row, 12),
                     .collation = columns.string(row, 11)});
  }
  for (TargetColumn& column : state.columns) {
    if (!column.is_enum && !column.element_is_enum) continue;
    const std::uint32_t type = column.is_enum ? column.type_oid : column.element_oid;
    TM_TRY(Rows labels,
           connection.query("select enumlabel from pg_catalog.pg_enum where enumtypid = $1::oid "
                            "order by enumsortorder",
                            Parameters{std::to_string(type)}, cancel));
    for (std::size_t row = 0; row < labels.rows(); ++row)
      column.labels.push_back(labels.string(row, 0));
  }
  return {};
}

Status read_keys(Connection& connection, const Parameters& oid, TableState& state, Cancel& cancel) {
  TM_TRY(Rows keys, connection.query(keys_sql, oid, cancel));
  for (std::size_t row = 0; row < keys.rows(); ++row) {
    if (row == 0 || keys.integer(row, 0) != keys.integer(row - 1, 0))
      state.unique_keys.push_back({{}, keys.boolean(row, 2), keys.boolean(row, 3)});
    state.unique_keys.back().columns.push_back(keys.string(row, 1));
    if (keys.boolean(row, 2)) state.primary_key.push_back(keys.string(row, 1));
  }
  return {};
}

Status read_effects(Connection& connection, const Parameters& oid, TableState& state,
                    Cancel& cancel) {
  TM_TRY(Rows effects, connection.query(effects_sql, oid, cancel));
  for (std::size_t row = 0; row < effects.rows(); ++row) {
    const std::string kind = effects.string(row, 0);
    std::string what = effects.string(row, 1);
    if (kind == "delete") state.delete_effects.push_back(std::move(what));
    if (kind == "insert") state.insert_effects.push_back(std::move(what));
    if (kind == "rule") state.rules.push_back(std::move(what));
    if (kind == "watch") state.watched = true;
  }
  return {};
}

}  // namespace

bool is_key_of(const UniqueKey& key, std::vector<std::string> columns) {
  std::vector<std::string> own = key.columns;
  std::sort(own.begin(), own.end());
  std::sort(columns.begin(), columns.end());
  return own == columns;
}

std::vector<std::string> LoadSteps::statements() const {
  if (full) return full->statements();
  std::vector<std::string> all;
  for (const std::string& sql : {lock, staging, copy, merge, finish}) {
    if (!sql.empty()) all.push_back(sql);
  }
  return all;
}

Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel) {
  TableState state;
  state.name = TableName::parse(table);
  if (state.name.table.empty() || table.find('\0') != std::string::npos) {
    return user_error("target.bad_name", "`" + table + "` is not the name of a table");
  }
  TM_TRY(
      Rows found,
      connection.query("select c.oid::int8, c.relkind, n.nspname, c.reltuples::int8, "
                       "pg_catalog.pg_relation_size(c.oid), "
                       "pg_catalog.row_security_active(c.oid), case when c.relkind = 'r' then "
                       "(select string_agg(inhrelid::regclass::text, ', ' order by "
                       "inhrelid::regclass::text) from pg_catalog.pg_inherits where inhparent = "
                       // The chunks of a TimescaleDB table are its own, as partitions are.
                       "c.oid and not starts_with(inhrelid::regclass::text, '_timescaledb_')) end "
                       "from pg_catalog.pg_class c "
                       "join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
                       "where c.oid = pg_catalog.to_regclass($1)",
                       Parameters{state.name.sql()}, cancel));
  if (found.rows() == 0) {
    TM_TRY(Rows schema,
           connection.query("select coalesce(nullif($1, ''), current_schema()), $1 = '' or exists "
                            "(select from pg_catalog.pg_namespace where nspname = $1)",
                            Parameters{state.name.schema}, cancel));
    if (!schema.text(0, 0)) {
      return target_error("target.no_schema",
                          "no schema of the connection's search_path exists for table " + table,
                          Retry::never, "write the table as schema.table");
    }
    state.name.schema = schema.string(0, 0);
    state.schema_exists = schema.boolean(0, 1);
    return state;
  }
  state.exists = true;
  state.name.schema = found.string(0, 2);
  if (found.string(0, 1) != "r" && found.string(0, 1) != "p") {
    return target_error("target.not_a_table",
                        state.name.show() + " is a view or another thing that is no table",
                        Retry::never, "name a table below `to`");
  }
  state.row_security = found.boolean(0, 5);
  state.children = found.text(0, 6).value_or("");
  state.oid = found.string(0, 0);
  const Parameters oid{state.oid};
  if (found.integer(0, 3) >= 0 && !(found.integer(0, 3) == 0 && found.integer(0, 4) > 0)) {
    state.rows_estimate = found.integer(0, 3);
  }
  TM_CHECK(read_columns(connection, oid, state, cancel));
  TM_CHECK(read_keys(connection, oid, state, cancel));
  TM_CHECK(read_effects(connection, oid, state, cancel));
  return state;
}

Result<TableState> read_target(Connection& connection, const LoadTarget& target, Cancel& cancel) {
  TM_TRY(TableState state, read_table(connection, target.table, cancel));
  if (state.exists && target.replace == Replace::table) {
    TM_TRY(state.losses, read_losses(connection, state, cancel));
  }
  return state;
}

Result<std::vector<std::string>> add_columns(TableState& state, const LoadTarget& target) {
  std::vector<std::string> statements;
  if (!state.exists) return statements;
  for (const Column& column : target.schema.columns) {
    const bool there =
        std::any_of(state.columns.begin(), state.columns.end(),
                    [&](const TargetColumn& known) { return known.name == column.name; });
    if (there || !target.adds(column.name)) continue;
    TM_CHECK(check_name(column.name, "column"));
    TM_TRY(TargetColumn made, made_column(column));
    statements.push_back("alter table " + state.name.sql() + " add column " +
                         quote_name(column.name) + " " + made.type_name);
    state.columns.push_back(std::move(made));
  }
  return statements;
}

Result<LoadSteps> compose(const TableState& state, const LoadTarget& target, Fence fence) {
  LoadSteps steps;
  TM_CHECK(check_key(target));
  if (target.schema.columns.empty())
    return user_error("target.no_columns", "the rows for " + target.table + " have no columns");
  if (!state.exists) {
    TM_CHECK(compose_new(state, target, steps));
    return steps;
  }
  TM_CHECK(check_existing(state, target, steps));
  const std::string table = state.name.sql();
  const std::string names = quote_list(target.schema.names());
  steps.copy = "copy " + table + " (" + names + ") from stdin (format binary)";
  switch (target.strategy) {
    case LoadStrategy::append:
      steps.lock = "lock table " + table + " in row exclusive mode";
      break;
    case LoadStrategy::full: {
      TM_TRY(steps.full, target.replace == Replace::table ? compose_swap(state, target, fence)
                                                          : compose_full(state, target, fence));
      steps.notes.insert(steps.notes.end(), steps.full->notes.begin(), steps.full->notes.end());
      steps.copy = steps.full->copy;
      break;
    }
    case LoadStrategy::upsert: {
      TM_CHECK(check_unique(state, target));
      const std::string staging =
          "pg_temp." + quote_name("tidemark_load_" + std::to_string(fence.get()));
      steps.lock = "lock table " + table + " in row exclusive mode";
      steps.staging = "create temp table " +
                      quote_name("tidemark_load_" + std::to_string(fence.get())) +
                      " on commit drop as select " + names + " from " + table + " with no data";
      steps.copy = "copy " + staging + " (" + names + ") from stdin (format binary)";
      steps.merge = merge_sql(state, target, staging);
      break;
    }
  }
  return steps;
}

}  // namespace tidemark::postgres

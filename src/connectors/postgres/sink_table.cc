#include "connectors/postgres/sink_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tidemark::postgres {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

// A domain stands for its base type: the wire is the same, and its modifier is what limits the
// values.
constexpr const char* columns_sql = R"(
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), base.oid::int8, base.typmod,
       case when base.typcategory = 'A' and base.typlen = -1 then base.typelem::int8 else 0 end,
       base.typtype = 'e', coalesce(e.typtype = 'e', false), a.attnotnull or base.domain_not_null,
       a.atthasdef or a.attidentity <> '' or base.domain_default, a.attgenerated <> ''
from pg_catalog.pg_attribute a
cross join lateral (
  with recursive step as (
    select t.oid, a.atttypmod as typmod, t.typtype, t.typbasetype, t.typtypmod, t.typelem, t.typcategory, t.typlen,
           t.typnotnull as domain_not_null, t.typdefault is not null as domain_default
    from pg_catalog.pg_type t where t.oid = a.atttypid
    union all
    select t.oid, s.typtypmod, t.typtype, t.typbasetype, t.typtypmod, t.typelem, t.typcategory, t.typlen,
           s.domain_not_null or t.typnotnull, s.domain_default or t.typdefault is not null
    from step s join pg_catalog.pg_type t on t.oid = s.typbasetype where s.typtype = 'd')
  select * from step where typtype <> 'd') base
left join pg_catalog.pg_type e on e.oid = base.typelem
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
order by a.attnum)";

constexpr const char* keys_sql = R"(
select i.indexrelid::int8, a.attname, i.indisprimary
from pg_catalog.pg_index i
join lateral unnest(i.indkey::int2[]) with ordinality k(attnum, at) on k.at <= i.indnkeyatts
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
  and i.indexprs is null
order by i.indexrelid, k.at)";

constexpr const char* effects_sql = R"(
select 'foreign key `' || conname || '` of ' || conrelid::regclass || ' changes rows there on delete'
from pg_catalog.pg_constraint
where contype = 'f' and confrelid = $1::oid and confdeltype in ('c', 'n', 'd') and conparentid = 0
union all
select 'trigger `' || tgname || '` runs on delete' from pg_catalog.pg_trigger
where tgrelid = $1::oid and not tgisinternal and tgenabled <> 'D' and (tgtype & 8) <> 0)";

std::string column_list(const std::vector<std::string>& names, std::string_view prefix = {}) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += std::string(prefix) + quote_name(name);
  }
  return list;
}

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
  if (target.strategy != LoadStrategy::upsert) return {};
  if (target.key.empty()) {
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
  std::vector<std::string> key = target.key;
  std::sort(key.begin(), key.end());
  const auto& keys = state.unique_keys;
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return {};
  return target_error(
      "target.no_unique_index",
      "table " + state.name.show() + " has no unique index on (" + shown(target.key) +
          "), which `load: upsert` needs",
      Retry::never,
      "run: CREATE UNIQUE INDEX ON " + state.name.sql() + " (" + column_list(target.key) + ")");
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
  const std::string names = column_list(target.schema.names());
  // FREEZE: a snapshot older than the load sees the new table, so it had better see its rows too.
  steps.copy = "copy " + state.name.sql() + " (" + names + ") from stdin (format binary, freeze)";
  // A key built after the rows costs two thirds of one kept up with each row.
  if (target.strategy == LoadStrategy::upsert) {
    steps.finish =
        "alter table " + state.name.sql() + " add primary key (" + column_list(target.key) + ")";
  }
  return {};
}

std::string merge_sql(const TableState& state, const LoadTarget& target,
                      const std::string& staging) {
  const std::vector<std::string> names = target.schema.names();
  std::string set;
  for (const std::string& name : names) {
    if (std::find(target.key.begin(), target.key.end(), name) != target.key.end()) continue;
    set += (set.empty() ? "" : ", ") + quote_name(name) + " = excluded." + quote_name(name);
  }
  // Sorted by key the index is walked once, and two loads cannot wait for each other in a circle.
  return "insert into " + state.name.sql() + " (" + column_list(names) +
         ") overriding system value select " + column_list(names) + " from " + staging +
         " order by " + column_list(target.key) + " on conflict (" + column_list(target.key) +
         ") do " + (set.empty() ? "nothing" : "update set " + set);
}

}  // namespace

Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel) {
  TableState state;
  state.name = TableName::parse(table);
  if (state.name.table.empty() || table.find('\0') != std::string::npos) {
    return user_error("target.bad_name", "`" + table + "` is not the name of a table");
  }
  TM_TRY(Rows found,
         connection.query("select c.oid::int8, c.relkind, n.nspname, c.reltuples::int8, "
                          "pg_catalog.pg_relation_size(c.oid) from pg_catalog.pg_class c "
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
  const Parameters oid{found.string(0, 0)};
  if (found.integer(0, 3) >= 0 && !(found.integer(0, 3) == 0 && found.integer(0, 4) > 0)) {
    state.rows_estimate = found.integer(0, 3);
  }
  TM_TRY(Rows columns, connection.query(columns_sql, oid, cancel));
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    state.columns.push_back(TargetColumn{columns.string(row, 0), columns.string(row, 1),
                                         static_cast<std::uint32_t>(columns.integer(row, 2)),
                                         static_cast<std::int32_t>(columns.integer(row, 3)),
                                         static_cast<std::uint32_t>(columns.integer(row, 4)),
                                         columns.boolean(row, 5), columns.boolean(row, 6),
                                         columns.boolean(row, 7), columns.boolean(row, 8),
                                         columns.boolean(row, 9)});
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
  TM_TRY(Rows keys, connection.query(keys_sql, oid, cancel));
  for (std::size_t row = 0; row < keys.rows(); ++row) {
    if (row == 0 || keys.integer(row, 0) != keys.integer(row - 1, 0))
      state.unique_keys.emplace_back();
    state.unique_keys.back().push_back(keys.string(row, 1));
    if (keys.boolean(row, 2)) state.primary_key.push_back(keys.string(row, 1));
  }
  for (auto& key : state.unique_keys)
    std::sort(key.begin(), key.end());
  TM_TRY(Rows effects, connection.query(effects_sql, oid, cancel));
  for (std::size_t row = 0; row < effects.rows(); ++row)
    state.delete_effects.push_back(effects.string(row, 0));
  return state;
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
  const std::string names = column_list(target.schema.names());
  steps.copy = "copy " + table + " (" + names + ") from stdin (format binary)";
  switch (target.strategy) {
    case LoadStrategy::append:
      steps.lock = "lock table " + table + " in row exclusive mode";
      break;
    case LoadStrategy::full:
      if (!state.delete_effects.empty()) {
        return target_error("target.delete_has_effects",
                            "`load: full` replaces all rows of " + state.name.show() + ", but " +
                                state.delete_effects.front(),
                            Retry::never, "load into a table of its own, or use `load: upsert`");
      }
      // Readers go on; other writers wait, or their rows would survive the replacement.
      steps.lock = "lock table " + table + " in share row exclusive mode";
      steps.clear = "delete from " + table;
      break;
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

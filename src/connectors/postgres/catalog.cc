#include "connectors/postgres/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/nearest.h"
#include "connect/trial_schema.h"

namespace tidemark::postgres {
namespace {

// Takes rows (place, name, type, modifier, not null) of the relation `col` and follows each domain
// down to the type it is made of, whose values are what travels: the relation `described`.
constexpr const char* resolve_domains = R"(
, base as (
  select place, typid, typmod from col
  union all
  select base.place, t.typbasetype, case when base.typmod = -1 then t.typtypmod else base.typmod end
  from base join pg_catalog.pg_type t on t.oid = base.typid where t.typtype = 'd')
, described as (
  select col.name, base.typid, base.typmod, t.typtype,
    case when t.typcategory = 'A' and t.typlen = -1 then t.typelem else 0 end,
    coalesce(e.typtype, 'b'), pg_catalog.format_type(col.typid, col.typmod), col.not_null, col.place
  from col join base using (place) join pg_catalog.pg_type t on t.oid = base.typid
    left join pg_catalog.pg_type e on e.oid = t.typelem
  where t.typtype <> 'd'))";

// One row for each column, with what is known of the table; where it has none, one without them.
constexpr const char* table_head = R"(
with recursive rel as (
  select c.oid, c.relkind, c.reltuples::bigint as row_count,
    c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint as bytes,
    pg_catalog.row_security_active(c.oid) as filtered
  from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1))
, col as (
  select a.attnum::int as place, a.attname::text as name, a.atttypid as typid,
    a.atttypmod as typmod, a.attnotnull as not_null
  from rel join pg_catalog.pg_attribute a on a.attrelid = rel.oid
  where a.attnum > 0 and not a.attisdropped))";
constexpr const char* table_tail = R"(
select described.*, rel.relkind, rel.row_count, rel.bytes, rel.filtered, (
    select k.place from pg_catalog.pg_index i, unnest(i.indkey) with ordinality k (attnum, place)
    where i.indrelid = rel.oid and i.indisprimary and k.place <= i.indnkeyatts
      and k.attnum = described.place)
from rel left join described on true order by described.place)";

std::vector<CatalogColumn> columns_of(const Rows& rows) {
  std::vector<CatalogColumn> columns;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    CatalogColumn column;
    column.name = rows.string(i, 0);
    column.type.oid = static_cast<std::uint32_t>(rows.integer(i, 1));
    column.type.modifier = static_cast<std::int32_t>(rows.integer(i, 2));
    column.type.category = rows.string(i, 3).front();
    column.type.element_oid = static_cast<std::uint32_t>(rows.integer(i, 4));
    column.type.element_category = rows.string(i, 5).front();
    column.type.name = rows.string(i, 6);
    column.not_null = rows.boolean(i, 7);
    columns.push_back(std::move(column));
  }
  return columns;
}

// Of a table's columns those that have a place in its primary key, in their order there.
std::vector<std::string> key_of(const Rows& rows) {
  std::map<std::int64_t, std::string> places;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (rows.text(i, 13)) places.emplace(rows.integer(i, 13), rows.string(i, 0));
  }
  std::vector<std::string> key;
  for (auto& [place, name] : places)
    key.push_back(std::move(name));
  return key;
}

Result<Rows> all_tables(Connection& connection, Cancel& cancel) {
  return connection.query(
      "select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on "
      "n.oid = c.relnamespace "
      "where c.relkind in ('r', 'p', 'f') and not c.relispartition and n.nspname not like 'pg\\_%' "
      "and n.nspname not in ('information_schema', $1) and c.relname not in "
      "('tidemark_ledger', "
      "'tidemark_loads', 'tidemark_quarantine', 'tidemark_columns', 'tidemark_sweeps') order by 1, "
      "2",
      std::vector<std::optional<std::string>>{std::string(trial_schema)}, cancel);
}

Error table_missing(Connection& connection, const TableName& table, Cancel& cancel) {
  Error error =
      classify({"42P01",
                "there is no table " + table.show() + ", or this user may not see its schema",
                {},
                {}},
               connection.side());
  if (auto rows = all_tables(connection, cancel); rows.ok()) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < rows->rows(); ++i)
      names.push_back(rows->string(i, 0) + "." + rows->string(i, 1));
    const TableName qualified{table.schema.empty() ? "public" : table.schema, table.table};
    if (const auto near = nearest_word(qualified.show(), names))
      error.hint = "did you mean `" + *near + "`?";
  }
  return error;
}

bool matches(const std::string& pattern, const std::string& name) {
  const std::string qualified =
      pattern.find('.') == std::string::npos ? "public." + pattern : pattern;
  return fnmatch(qualified.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

std::string quoted_where_needed(const std::string& part) {
  return part.find_first_of(".\"") == std::string::npos ? part : quote_name(part);
}

}  // namespace

std::string written_name(const TableName& table) {
  const std::string name = quoted_where_needed(table.table);
  return table.schema.empty() ? name : quoted_where_needed(table.schema) + "." + name;
}

Result<Relation> describe_table(Connection& connection, const TableName& table, Cancel& cancel) {
  TM_TRY(const Rows found, connection.ask(std::string(table_head) + resolve_domains + table_tail,
                                          {table.sql()}, cancel));
  if (found.rows() == 0) return table_missing(connection, table, cancel);
  const std::string kind = found.string(0, 9);
  if (std::string("rpvmf").find(kind) == std::string::npos) {
    return user_error("plan.not_a_table", table.show() + " is no table or view");
  }
  Relation relation;
  if (found.text(0, 0)) relation.columns = columns_of(found);
  relation.key = key_of(found);
  relation.kind = kind[0];
  relation.filtered = found.boolean(0, 12);
  if ((kind == "r" || kind == "m") && found.integer(0, 10) >= 0) {
    relation.rows_estimated = found.integer(0, 10);
    relation.bytes_estimated = found.integer(0, 11);
  }
  return relation;
}

Result<std::int64_t> bytes_without_index(Connection& connection, const std::string& relation,
                                         const std::string& column, Cancel& cancel) {
  TM_TRY(
      const Rows rows,
      connection.ask(
          "with recursive part as (select pg_catalog.to_regclass($1)::oid as oid union select "
          "i.inhrelid from part join pg_catalog.pg_inherits i on i.inhparent = part.oid) select "
          "coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::bigint from part join "
          "pg_catalog.pg_class c on c.oid = part.oid where c.relkind in ('r', 'm') and not exists "
          "(select from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = "
          "c.oid and a.attnum = i.indkey[0] where i.indrelid = c.oid and i.indisvalid and "
          "i.indpred is null and a.attname = $2)",
          std::vector<std::optional<std::string>>{relation, column}, cancel));
  return rows.integer(0, 0);
}

Result<Relation> describe_query(Connection& connection, const std::string& query, Cancel& cancel) {
  TM_TRY(const Rows described, connection.describe(query, cancel));
  std::string names = "{";
  std::string types = "{";
  std::string modifiers = "{";
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < described.columns(); ++i) {
    const std::string name(described.name(i));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return user_error("plan.column_twice", "the query has two columns named `" + name + "`",
                        "give one of them another name with `as`");
    }
    seen.push_back(name);
    std::string element = "\"";
    for (const char c : name) {
      if (c == '"' || c == '\\') element += '\\';
      element += c;
    }
    const std::string comma = i == 0 ? "" : ",";
    names += comma + element + "\"";
    types += comma + std::to_string(described.type_oid(i));
    modifiers += comma + std::to_string(described.type_modifier(i));
  }
  TM_TRY(
      const Rows rows,
      connection.query(
          "with recursive col as (select place::int, name, typid, typmod, false as not_null from "
          "unnest($1::text[], $2::oid[], $3::int[]) with ordinality as u (name, typid, typmod, "
          "place))" +
              std::string(resolve_domains) + " select * from described order by place",
          {names + "}", types + "}", modifiers + "}"}, cancel));
  Relation relation;
  relation.columns = columns_of(rows);
  return relation;
}

Result<std::vector<TableName>> find_tables(Connection& connection,
                                           const std::vector<std::string>& patterns,
                                           const std::vector<std::string>& except, Cancel& cancel) {
  TM_TRY(const Rows rows, all_tables(connection, cancel));
  std::vector<TableName> found;
  std::vector<bool> used(patterns.size());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::string name = rows.string(i, 0) + "." + rows.string(i, 1);
    bool wanted = false;
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      if (!matches(patterns[p], name)) continue;
      wanted = true;
      used[p] = true;
    }
    if (!wanted) continue;
    if (std::any_of(except.begin(), except.end(),
                    [&](const std::string& pattern) { return matches(pattern, name); }))
      continue;
    found.push_back({rows.string(i, 0), rows.string(i, 1)});
  }
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    if (used[p]) continue;
    return user_error("plan.no_tables", "no table matches `" + patterns[p] + "`",
                      "a pattern is `schema.table` with `*` and `?`; this user must be allowed to "
                      "see the schema");
  }
  return found;
}

}  // namespace tidemark::postgres

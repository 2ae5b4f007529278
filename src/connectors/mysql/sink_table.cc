#include "connectors/mysql/sink_table.h"

#include <algorithm>
#include <utility>

#include "connectors/mysql/catalog.h"

namespace tidemark::mysql {
namespace {

constexpr const char* staging_table = "`_tm_load`";
constexpr std::size_t name_characters_max = 64;

std::string shown(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list;
}

Status check_name(const std::string& name, const char* what) {
  std::size_t characters = 0;
  bool beyond = false;
  for (const char c : name) {
    characters += (c & 0xC0) != 0x80 ? 1 : 0;
    beyond = beyond || static_cast<unsigned char>(c) >= 0xF0;
  }
  if (!name.empty() && !beyond && characters <= name_characters_max &&
      name.find('\0') == std::string::npos && name.back() != ' ')
    return {};
  return target_error("target.bad_name",
                      std::string("the ") + what + " `" + name.substr(0, 80) +
                          "` cannot be made in MySQL: names have 1 to 64 characters of the basic "
                          "plane, no NUL, and no blank at the end",
                      Retry::never, "give it another name: rename in `transform`");
}

bool in_key(const LoadTarget& target, const std::string& name) {
  return std::find(target.key.begin(), target.key.end(), name) != target.key.end();
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

bool is_key_of(std::vector<std::string> key, std::vector<std::string> columns) {
  std::sort(key.begin(), key.end());
  std::sort(columns.begin(), columns.end());
  return key == columns;
}

Status check_unique(const TableState& state, const LoadTarget& target) {
  for (const auto& key : state.unique_keys) {
    if (is_key_of(key, target.key)) return {};
  }
  return target_error("target.no_unique_index",
                      "table " + state.name.show() + " has no unique index on (" +
                          shown(target.key) + "), which `load: upsert` needs",
                      Retry::never,
                      "run: CREATE UNIQUE INDEX tidemark_key ON " + state.name.sql() + " (" +
                          quote_list(target.key) + ")");
}

Error column_missing(const TableState& state, const Column& column, const Flavour& flavour) {
  const auto type = mysql_type(column, flavour);
  if (!type.ok()) return type.error();
  return target_error(
      "target.schema_misfit",
      "column `" + column.name + "` (" + sql_name(column.type) + ") is not in the table",
      Retry::never,
      "run: ALTER TABLE " + state.name.sql() + " ADD COLUMN " + quote_name(column.name) + " " +
          *type + "; or drop the column in `transform`");
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

const TargetColumn* find_column(const TableState& state, const std::string& name) {
  const auto found = std::find_if(state.columns.begin(), state.columns.end(),
                                  [&](const TargetColumn& there) { return there.name == name; });
  return found == state.columns.end() ? nullptr : &*found;
}

Status check_existing(const TableState& state, const LoadTarget& target, const Flavour& flavour,
                      LoadSteps& steps) {
  std::vector<Error> errors;
  for (const Column& column : target.schema.columns) {
    const TargetColumn* there = find_column(state, column.name);
    if (there == nullptr) {
      errors.push_back(column_missing(state, column, flavour));
      continue;
    }
    auto fits = fit(column, *there);
    if (!fits.ok()) {
      errors.push_back(std::move(fits).error());
      continue;
    }
    if (!fits->note.empty()) steps.notes.push_back("column `" + column.name + "`: " + fits->note);
    steps.columns.push_back(std::move(fits->column));
  }
  for (const TargetColumn& there : state.columns) {
    if (!there.not_null || there.has_default || target.schema.find(there.name)) continue;
    errors.push_back(target_error(
        "target.schema_misfit",
        "column `" + there.name + "` (" + there.column_type +
            ") of the table is NOT NULL without a default, and the rows do not have it",
        Retry::never, "add it in `transform`, or give the table's column a default"));
  }
  if (!errors.empty()) return misfits(state, std::move(errors));
  return {};
}

std::string key_clause(const LoadTarget& target, const char* kind) {
  if (target.key.empty()) return {};
  return std::string(", ") + kind + " (" + quote_list(target.key) + ")";
}

Status compose_new(const TableState& state, const LoadTarget& target, const Flavour& flavour,
                   const std::string& comment, LoadSteps& steps) {
  TM_CHECK(check_name(state.name.table, "table"));
  if (!state.database_exists) {
    TM_CHECK(check_name(state.name.database, "database"));
    steps.ddl.push_back("create database if not exists " + quote_name(state.name.database) +
                        " character set utf8mb4");
  }
  std::string columns;
  for (const Column& column : target.schema.columns) {
    TM_CHECK(check_name(column.name, "column"));
    const bool key = in_key(target, column.name);
    const std::size_t key_columns = key ? target.key.size() : 0;
    TM_TRY(const std::string type, mysql_type(column, flavour, key_columns));
    TM_TRY(Fit fits, new_column(column, flavour, key_columns));
    if (!fits.note.empty()) steps.notes.push_back("column `" + column.name + "`: " + fits.note);
    steps.columns.push_back(std::move(fits.column));
    columns += (columns.empty() ? "" : ", ") + quote_name(column.name) + " " + type +
               (key || !column.nullable ? " not null" : " null");
  }
  const std::string body = " (" + columns + key_clause(target, "primary key") +
                           ") engine = InnoDB default character set utf8mb4 collate " +
                           flavour.exact_collation();
  steps.ddl.push_back("create table " + state.name.sql() + body +
                      (comment.empty() ? comment : " comment = " + quote_text(comment)));
  steps.staging = std::string("create temporary table ") + staging_table + body;
  return {};
}

// The same types, so that a value in the temporary table is what it will be in the table.
std::string create_staging(const TableState& state, const LoadTarget& target) {
  std::string columns;
  for (const Column& column : target.schema.columns) {
    const TargetColumn& there = *find_column(state, column.name);
    columns += (columns.empty() ? "" : ", ") + quote_name(column.name) + " " + there.column_type;
    if (!there.collation.empty())
      columns += " character set " + there.charset + " collate " + there.collation;
    columns += there.not_null ? " not null" : " null";
  }
  return std::string("create temporary table ") + staging_table + " (" + columns +
         key_clause(target, "unique key") + ") engine = InnoDB";
}

std::string same_key(const LoadTarget& target) {
  std::string text;
  for (const std::string& name : target.key) {
    text += (text.empty() ? "t." : " and t.") + quote_name(name) + " = s." + quote_name(name);
  }
  return text;
}

// Not ON DUPLICATE KEY UPDATE: that would change a row that another unique index calls the same.
void compose_upsert(const TableState& state, const LoadTarget& target, LoadSteps& steps) {
  const std::vector<std::string> names = target.schema.names();
  std::string set;
  // The key's columns too: equal by their collation, they may differ in their letters.
  for (const std::string& name : names) {
    const std::string quoted = quote_name(name);
    set += (set.empty() ? "t." : ", t.") + quoted + " = ";
    set += name == target.mark
               ? "if(s." + quoted + " is null, null, coalesce(t." + quoted + ", s." + quoted + "))"
               : "s." + quoted;
  }
  steps.update = "update " + state.name.sql() + " t join " + staging_table + " s on " +
                 same_key(target) + " set " + set;
  steps.insert = "insert into " + state.name.sql() + " (" + quote_list(names) + ") select " +
                 quote_list(names, "s.") + " from " + staging_table + " s left join " +
                 state.name.sql() + " t on " + same_key(target) + " where t." +
                 quote_name(target.key.front()) + " is null";
}

Result<Rows> read_columns(Connection& connection, const std::string& where, Cancel& cancel) {
  return connection.query(
      "select column_name, data_type, column_type, character_maximum_length, "
      "character_octet_length, numeric_precision, numeric_scale, datetime_precision, "
      "character_set_name, collation_name, is_nullable, column_default is not null or extra like "
      "'%auto_increment%', coalesce(generation_expression, '') <> '' from "
      "information_schema.columns" +
          where + " order by ordinal_position",
      cancel);
}

TargetColumn column_at(const Rows& rows, std::size_t row) {
  TargetColumn column;
  column.name = rows.string(row, 0);
  column.data_type = rows.string(row, 1);
  column.column_type = rows.string(row, 2);
  const auto number = [&](std::size_t at, std::int64_t absent) {
    return rows.text(row, at)
               ? static_cast<std::int64_t>(std::strtoll(rows.string(row, at).c_str(), nullptr, 10))
               : absent;
  };
  column.characters_max = number(3, -1);
  column.bytes_max = number(4, -1);
  column.precision = static_cast<int>(number(5, 0));
  column.scale = static_cast<int>(number(6, 0));
  column.bounded_float = column.column_type.find('(') != std::string::npos;
  column.fraction = static_cast<int>(number(7, 0));
  column.charset = rows.string(row, 8);
  column.collation = rows.string(row, 9);
  column.not_null = rows.string(row, 10) == "NO";
  column.has_default = rows.string(row, 11) == "1" || !column.not_null;
  column.generated = rows.string(row, 12) == "1";
  if (column.data_type == "enum") column.labels = enum_labels(column.column_type);
  return column;
}

Status read_keys(Connection& connection, const std::string& where, TableState& state,
                 Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query("select index_name, column_name, sub_part is not null or column_name is "
                          "null from information_schema.statistics" +
                              where + " and non_unique = 0 order by index_name, seq_in_index",
                          cancel));
  std::string index;
  bool whole = true;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (row == 0 || rows.string(row, 0) != index) {
      if (!whole) state.unique_keys.pop_back();
      index = rows.string(row, 0);
      whole = true;
      state.unique_keys.emplace_back();
    }
    whole = whole && rows.string(row, 2) == "0";
    state.unique_keys.back().push_back(rows.string(row, 1));
    if (index == "PRIMARY") state.primary_key.push_back(rows.string(row, 1));
  }
  if (!whole) state.unique_keys.pop_back();
  return {};
}

Status read_effects(Connection& connection, const std::string& database, const std::string& table,
                    TableState& state, Cancel& cancel) {
  TM_TRY(const Rows rows,
         connection.query(
             "select concat('foreign key `', constraint_name, '` of ', table_name, ' changes rows "
             "there on delete') from information_schema.referential_constraints where "
             "unique_constraint_schema = " +
                 database + " and referenced_table_name = " + table +
                 " and delete_rule in ('CASCADE', 'SET NULL', 'SET DEFAULT') union all select "
                 "concat('trigger `', trigger_name, '` runs on ', lower(event_manipulation)) from "
                 "information_schema.triggers where event_object_schema = " +
                 database + " and event_object_table = " + table +
                 " and event_manipulation = 'DELETE'",
             cancel));
  for (std::size_t row = 0; row < rows.rows(); ++row)
    state.delete_effects.push_back(rows.string(row, 0));
  return {};
}

}  // namespace

std::vector<std::string> LoadSteps::statements() const {
  std::vector<std::string> all;
  if (!staging.empty()) all.push_back(staging);
  all.push_back("insert into " + into + " ... values ...");
  for (const std::string& sql : {update, remove, insert}) {
    if (!sql.empty()) all.push_back(sql);
  }
  return all;
}

std::string made_by(const StreamId& stream) {
  return "tidemark: made for " + stream.job.get().substr(0, 200) + "/" +
         stream.stream.get().substr(0, 200);
}

Result<TableState> read_table(Connection& connection, const std::string& table, Cancel& cancel) {
  TableState state;
  state.name = TableName::parse(table);
  if (state.name.table.empty() || table.find('\0') != std::string::npos)
    return user_error("target.bad_name", "`" + table + "` is not the name of a table");
  TM_TRY(const std::string database, database_of(connection, state.name));
  if (state.name.database.empty()) state.name.database = connection.database();
  const std::string name = quote_text(state.name.table);
  const std::string where = " where table_schema = " + database + " and table_name = " + name;
  TM_TRY(const Rows found,
         connection.query("select table_type, engine, table_rows, table_comment from "
                          "information_schema.tables" +
                              where,
                          cancel));
  if (found.rows() == 0) {
    TM_TRY(const Rows schema,
           connection.query(
               "select count(*) from information_schema.schemata where schema_name = " + database,
               cancel));
    state.database_exists = schema.integer(0, 0) > 0;
    return state;
  }
  state.exists = true;
  if (found.string(0, 0) != "BASE TABLE") {
    return target_error("target.not_a_table",
                        state.name.show() + " is a view or another thing that is no plain table",
                        Retry::never, "name a table below `to`");
  }
  if (found.string(0, 1) != "InnoDB") {
    return target_error("target.no_transactions",
                        "table " + state.name.show() + " is of the engine " + found.string(0, 1) +
                            ", which has no transactions: a load could stop halfway",
                        Retry::never, "run: ALTER TABLE " + state.name.sql() + " ENGINE = InnoDB");
  }
  if (found.text(0, 2)) state.rows_estimate = found.integer(0, 2);
  state.comment = found.string(0, 3);
  TM_TRY(const Rows columns, read_columns(connection, where, cancel));
  for (std::size_t row = 0; row < columns.rows(); ++row)
    state.columns.push_back(column_at(columns, row));
  TM_CHECK(read_keys(connection, where, state, cancel));
  TM_CHECK(read_effects(connection, database, name, state, cancel));
  return state;
}

Result<std::vector<std::string>> add_columns(TableState& state, const LoadTarget& target,
                                             const Flavour& flavour) {
  std::vector<std::string> statements;
  if (!state.exists) return statements;
  for (const Column& column : target.schema.columns) {
    if (!target.adds(column.name) || find_column(state, column.name) != nullptr) continue;
    TM_CHECK(check_name(column.name, "column"));
    TM_TRY(TargetColumn made, made_column(column, flavour));
    statements.push_back("alter table " + state.name.sql() + " add column " +
                         quote_name(column.name) + " " + made.column_type + " null");
    state.columns.push_back(std::move(made));
  }
  return statements;
}

Result<LoadSteps> compose(const TableState& state, const LoadTarget& target, const Flavour& flavour,
                          const std::string& comment) {
  LoadSteps steps;
  TM_CHECK(check_key(target));
  if (target.schema.columns.empty())
    return user_error("target.no_columns", "the rows for " + target.table + " have no columns");
  const std::string names = quote_list(target.schema.names());
  steps.into = staging_table;
  steps.insert = "insert into " + state.name.sql() + " (" + names + ") select " + names + " from " +
                 staging_table;
  if (!state.exists) {
    TM_CHECK(compose_new(state, target, flavour, comment, steps));
    return steps;
  }
  TM_CHECK(check_existing(state, target, flavour, steps));
  switch (target.strategy) {
    case LoadStrategy::append:
      steps.into = state.name.sql();
      steps.insert.clear();
      return steps;
    case LoadStrategy::full:
      if (!state.delete_effects.empty()) {
        return target_error("target.delete_has_effects",
                            "`load: full` would delete and insert all rows of " +
                                state.name.show() + ", also those that stay, but " +
                                state.delete_effects.front(),
                            Retry::never, "load into a table of its own, or use `load: upsert`");
      }
      steps.remove = "delete from " + state.name.sql();
      steps.notes.emplace_back("all rows are deleted and inserted in one transaction");
      break;
    case LoadStrategy::upsert:
      TM_CHECK(check_unique(state, target));
      compose_upsert(state, target, steps);
      break;
  }
  steps.staging = create_staging(state, target);
  return steps;
}

}  // namespace tidemark::mysql

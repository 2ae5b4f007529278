#include "connectors/duckdb/confined_select.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "connect/syntax_tree.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

using Names = std::set<std::string, std::less<>>;

// They make rows of their arguments.
const Names& table_functions() {
  static const Names names{"generate_series", "range", "repeat", "repeat_row", "unnest"};
  return names;
}

// The engine lists them nowhere.
const Names& syntax_functions() {
  static const Names names{"unnest",     "unlist",    "row_number",   "rank",      "dense_rank",
                           "rank_dense", "ntile",     "percent_rank", "cume_dist", "first_value",
                           "last_value", "nth_value", "lead",         "lag",       "fill"};
  return names;
}

// Of the engine's own they tell of more than the warehouse, or change something: the first binds
// any text as a query, which opens files.
const Names& refused_functions() {
  static const Names names{
      "json_serialize_plan", "current_setting", "getenv", "nextval", "currval", "write_log"};
  return names;
}

// As the engine compares names.
std::string lower(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string text_at(const JsonValue& value, const char* name) {
  const JsonValue* found = value.find(name);
  return found != nullptr && found->string() != nullptr ? lower(*found->string()) : std::string();
}

Error refused(const std::string& what) {
  return user_error("query.not_confined", what,
                    "name tables and views of this connection, `SHOW TABLES` lists them; with the "
                    "project's folder at hand `tidemark query` reads the rest");
}

// Where tables are named: every place is of a kind that is known here, or the SELECT is refused.
class Walk {
 public:
  Walk(std::string warehouse, Names tables)
      : warehouse_(lower(std::move(warehouse))), tables_(std::move(tables)) {}

  Status visit(const JsonValue& value, const Names& known) {
    if (const JsonArray* entries = value.array()) {
      for (const JsonValue& entry : *entries)
        TM_CHECK(visit(entry, known));
      return {};
    }
    const JsonObject* members = value.object();
    if (members == nullptr) return {};
    const std::string type = text_at(value, "type");
    if (type == "base_table" || type == "table_function" || type == "show_ref")
      return visit_table(value, known);
    if (value.find("cte_map") == nullptr) return visit_members(value, known);
    Names inner = known;
    TM_CHECK(visit_named_queries(*value.find("cte_map"), inner));
    return visit_members(value, inner);
  }
  const Names& functions() const { return functions_; }

 private:
  Status visit_members(const JsonValue& value, const Names& known) {
    const std::string kind = text_at(value, "class");
    if (kind == "function" || kind == "window") functions_.insert(text_at(value, "function_name"));
    const bool is_join = text_at(value, "type") == "join";
    for (const JsonMember& member : *value.object()) {
      if (member.name == "cte_map") continue;
      if (member.name == "right" && text_at(value, "type") == "recursive_cte_node") {
        TM_CHECK(visit_recursion(value, member.value, known));
        continue;
      }
      const bool is_table = member.name == "from_table" || member.name == "source" ||
                            (is_join && (member.name == "left" || member.name == "right"));
      TM_CHECK(is_table ? visit_table(member.value, known) : visit(member.value, known));
    }
    return {};
  }

  // Only here a recursive query knows itself. Where it begins, its name is still one of the
  // catalog, or a file's.
  Status visit_recursion(const JsonValue& query, const JsonValue& right, const Names& known) {
    Names inner = known;
    TM_CHECK(add_name(text_at(query, "cte_name"), inner));
    return visit(right, inner);
  }

  // One that could be a file is refused, so that no place where the engine does not know it yet
  // opens that file.
  static Status add_name(const std::string& name, Names& known) {
    if (name.find_first_of("/\\.*?:") != std::string::npos)
      return refused("a query in WITH may not be named `" + name + "` here");
    known.insert(name);
    return {};
  }

  // Each knows those before it.
  Status visit_named_queries(const JsonValue& map, Names& known) {
    const JsonValue* entries = map.find("map");
    if (entries == nullptr || entries->array() == nullptr) return {};
    for (const JsonValue& entry : *entries->array()) {
      if (const JsonValue* query = entry.find("value")) TM_CHECK(visit(*query, known));
      TM_CHECK(add_name(text_at(entry, "key"), known));
    }
    return {};
  }

  Status visit_table(const JsonValue& table, const Names& known) {
    if (table.is_null()) return {};
    const std::string type = text_at(table, "type");
    if (type == "base_table") return check_table(table, known);
    if (type == "table_function") return check_table_function(table, known);
    if (type == "show_ref") return check_shown(table, known);
    for (const std::string_view good : {"empty", "subquery", "join", "expression_list", "pivot"}) {
      if (type == good) return visit_members(table, known);
    }
    return refused("`" + type + "` may not stand in a FROM here");
  }

  Status check_table(const JsonValue& table, const Names& known) {
    const std::string catalog = text_at(table, "catalog_name");
    const std::string schema = text_at(table, "schema_name");
    const std::string name = text_at(table, "table_name");
    TM_CHECK(visit_members(table, known));
    if (catalog.empty() && schema.empty()) {
      if (known.contains(name) || has("main", name)) return {};
      return refused("there is no table `" + name + "` in `" + warehouse_ + "`");
    }
    // Of two parts the first is a schema, or the warehouse itself.
    const bool is_there = catalog.empty()
                              ? has(schema, name) || (schema == warehouse_ && has("main", name))
                              : catalog == warehouse_ && has(schema, name);
    if (is_there) return {};
    return refused("there is no table `" + (catalog.empty() ? "" : catalog + ".") + schema + "." +
                   name + "` in `" + warehouse_ + "`");
  }

  Status check_table_function(const JsonValue& table, const Names& known) {
    const JsonValue* function = table.find("function");
    const std::string name =
        function == nullptr ? std::string() : text_at(*function, "function_name");
    if (!table_functions().contains(name))
      return refused("the table function `" + name + "` may not be used here");
    // Its name was looked at, its arguments were not.
    if (const JsonValue* arguments = function->find("children")) return visit(*arguments, known);
    return {};
  }

  // DESCRIBE, SUMMARIZE and SHOW TABLES, which lists the warehouse in use.
  Status check_shown(const JsonValue& table, const Names& known) {
    const std::string name = text_at(table, "table_name");
    const std::string catalog = text_at(table, "catalog_name");
    const std::string schema = text_at(table, "schema_name");
    const bool is_elsewhere = catalog.empty()
                                  ? !schema.empty() && schema != warehouse_ && !has(schema, name)
                                  : catalog != warehouse_;
    if (is_elsewhere) {
      return refused("of `" + (catalog.empty() ? "" : catalog + ".") + schema +
                     "` nothing can be shown here");
    }
    const JsonValue* query = table.find("query");
    if (name.empty() && query != nullptr && !query->is_null()) return visit_members(table, known);
    if (name == "\"tables\"" || name == "tables") return visit_members(table, known);
    // Words of the engine, which no query in WITH stands for.
    const bool is_fixed = name.empty() || name.front() == '"' || name.starts_with("__show");
    if (is_fixed) return refused("`" + name + "` cannot be shown here");
    if (known.contains(name) || has("main", name)) return visit_members(table, known);
    return refused("`" + name + "` cannot be shown here");
  }

  bool has(const std::string& schema, const std::string& table) const {
    return tables_.contains(schema + '\0' + table);
  }

  const std::string warehouse_;
  const Names tables_;  // schema and table with a NUL between
  Names functions_;
};

Result<Names> tables_of(const std::string& warehouse, duck::Connection& engine) {
  TM_TRY(const duck::Answer found,
         engine.query("SELECT lower(schema_name), lower(table_name) FROM duckdb_tables() WHERE "
                      "lower(database_name) = lower($1) UNION ALL SELECT lower(schema_name), "
                      "lower(view_name) FROM duckdb_views() WHERE lower(database_name) = lower($1) "
                      "AND NOT internal",
                      {warehouse}));
  Names names;
  for (std::size_t row = 0; row < found.rows(); ++row)
    names.insert(found.text(row, 0).value_or("") + '\0' + found.text(row, 1).value_or(""));
  return names;
}

// A macro of the warehouse may be named like a function and do anything; one of the engine may read
// the catalogs of all that is attached.
Status check_functions(const Names& names, duck::Connection& engine) {
  std::string wanted;
  for (const std::string& name : names) {
    if (refused_functions().contains(name))
      return refused("the function `" + name + "` may not be used here");
    wanted += (wanted.empty() ? "" : ", ") + duck::quote_text(name);
  }
  if (wanted.empty()) return {};
  TM_TRY(const duck::Answer found,
         engine.query(
             "SELECT lower(function_name) AS name, bool_and(internal AND function_type IN "
             "('scalar', 'aggregate', 'macro') AND NOT coalesce(macro_definition ILIKE '%select%', "
             "false)) FROM duckdb_functions() WHERE function_type NOT IN ('table', 'pragma') AND "
             "lower(function_name) IN (" +
             wanted + ") GROUP BY ALL"));
  Names good = syntax_functions();
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const std::string name = found.text(row, 0).value_or("");
    if (found.text(row, 1) == "true") {
      good.insert(name);
    } else {
      good.erase(name);
    }
  }
  for (const std::string& name : names) {
    if (!good.contains(name)) return refused("the function `" + name + "` may not be used here");
  }
  return {};
}

}  // namespace

Status check_confined(const std::string& sql, const std::string& warehouse,
                      duck::Connection& engine) {
  TM_TRY(const ParsedSelect parsed, parse_to_json(sql, engine));
  if (parsed.problem || parsed.node.is_null()) {
    return user_error("engine.no_select",
                      parsed.problem ? parsed.problem->message : "this is no SELECT",
                      "write one SELECT; what a job loads is changed by its job");
  }
  TM_TRY(Names tables, tables_of(warehouse, engine));
  Walk walk(warehouse, std::move(tables));
  TM_CHECK(walk.visit(parsed.node, {}));
  return check_functions(walk.functions(), engine);
}

}  // namespace tidemark

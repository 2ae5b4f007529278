#include "connect/syntax_tree.h"

#include <cctype>
#include <string_view>

#include "drivers/json/json.h"

namespace tidemark {

namespace {

// The engine writes "no place" as 2^64-1 and parts of constants as large; neither fits an int64,
// and neither is of use here.
std::string without_large_integers(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_text = false;
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (in_text && c == '\\') {
      out.append(json.substr(at, 2));
      at += 2;
      continue;
    }
    if (c == '"') in_text = !in_text;
    if (!in_text && std::isdigit(static_cast<unsigned char>(c))) {
      std::size_t end = at;
      while (end < json.size() && std::isdigit(static_cast<unsigned char>(json[end])))
        ++end;
      out.append(end - at > 18 ? std::string_view("0") : json.substr(at, end - at));
      at = end;
      continue;
    }
    out += c;
    ++at;
  }
  return out;
}

std::string text_of(const JsonValue* value) {
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

bool present(const JsonValue* value) {
  return value != nullptr && !value->is_null();
}

bool has_entries(const JsonValue* value) {
  return value != nullptr && value->array() != nullptr && !value->array()->empty();
}

class Walk {
 public:
  explicit Walk(SyntaxTree& tree) : tree_(tree) {}

  void visit(const JsonValue& value, bool nested) {
    if (const JsonArray* entries = value.array()) {
      for (const JsonValue& entry : *entries)
        visit(entry, nested);
      return;
    }
    const JsonObject* members = value.object();
    if (members == nullptr) return;
    const std::string kind = text_of(value.find("class"));
    if (kind == "WINDOW" && !nested) tree_.has_window = true;
    if (kind == "STAR" && !nested) tree_.has_star = true;
    if (kind == "SUBQUERY") tree_.has_subquery = true;
    if (kind == "COLUMN_REF") tree_.columns.push_back(column_use(value, nested));
    if (kind == "FUNCTION") {
      note_zone(value, nested);
      const std::string function = text_of(value.find("function_name"));
      tree_.functions.push_back(function);
      if (!nested && (function == "unnest" || function == "unlist")) tree_.has_many_rows = true;
    }
    for (const JsonMember& member : *members) {
      const bool inner = (kind == "SUBQUERY" && member.name == "subquery") || kind == "LAMBDA";
      visit(member.value, nested || inner);
    }
  }

 private:
  static ColumnUse column_use(const JsonValue& value, bool nested) {
    ColumnUse use;
    use.nested = nested;
    if (const JsonValue* names = value.find("column_names");
        names != nullptr && names->array() != nullptr) {
      for (const JsonValue& name : *names->array())
        use.path.push_back(text_of(&name));
    }
    if (const JsonValue* at = value.find("query_location");
        at != nullptr && at->integer() != nullptr) {
      use.offset = static_cast<std::size_t>(*at->integer());
    }
    return use;
  }

  void note_zone(const JsonValue& value, bool nested) {
    const JsonValue* arguments = value.find("children");
    if (text_of(value.find("function_name")) != "timezone" || !has_entries(arguments)) return;
    const JsonValue& zone = arguments->array()->front();
    if (arguments->array()->size() == 2 && text_of(zone.find("class")) == "COLUMN_REF") {
      tree_.zone_columns.push_back(column_use(zone, nested));
    }
  }

  SyntaxTree& tree_;
};

void read_node(const JsonValue& node, SyntaxTree& tree) {
  tree.plain_select = text_of(node.find("type")) == "SELECT_NODE";
  if (const JsonValue* list = node.find("select_list");
      list != nullptr && list->array() != nullptr) {
    tree.select_list = list->array()->size();
    for (const JsonValue& entry : *list->array()) {
      if (!text_of(entry.find("alias")).empty()) tree.has_alias = true;
    }
  }
  if (const JsonValue* from = node.find("from_table"))
    tree.has_from = text_of(from->find("type")) != "EMPTY";
  if (const JsonValue* modifiers = node.find("modifiers"); has_entries(modifiers)) {
    for (const JsonValue& modifier : *modifiers->array())
      tree.modifiers.push_back(text_of(modifier.find("type")));
  }
  const JsonValue* ctes = node.find("cte_map");
  tree.has_clauses = !tree.modifiers.empty() || present(node.find("where_clause")) ||
                     has_entries(node.find("group_expressions")) || present(node.find("having")) ||
                     present(node.find("qualify")) ||
                     (ctes != nullptr && has_entries(ctes->find("map")));
}

}  // namespace

Result<ParsedSelect> parse_to_json(const std::string& sql, duck::Connection& connection) {
  if (auto problem = connection.check_syntax(sql)) return ParsedSelect{std::move(problem), {}};
  TM_TRY(const duck::Answer answer,
         connection.query("SELECT json_serialize_sql(" + duck::quote_text(sql) + ")"));
  const std::string text = answer.text(0, 0).value_or("{}");
  TM_TRY(const JsonValue json, parse_json(without_large_integers(text), {.depth_max = 2000}));
  if (const JsonValue* error = json.find("error");
      error == nullptr || error->boolean() == nullptr || *error->boolean()) {
    const std::string type = text_of(json.find("error_type"));
    return ParsedSelect{
        duck::SqlProblem{type == "not implemented" ? "only a SELECT may stand here"
                                                   : text_of(json.find("error_message")),
                         0},
        {}};
  }
  const JsonValue* statements = json.find("statements");
  if (!has_entries(statements) || statements->array()->size() != 1)
    return ParsedSelect{duck::SqlProblem{"one statement was expected", 0}, {}};
  const JsonValue* node = statements->array()->front().find("node");
  return ParsedSelect{std::nullopt, node == nullptr ? JsonValue() : *node};
}

Result<SyntaxTree> parse_select(const std::string& sql, duck::Connection& connection) {
  TM_TRY(ParsedSelect parsed, parse_to_json(sql, connection));
  SyntaxTree tree;
  tree.problem = std::move(parsed.problem);
  if (tree.problem || parsed.node.is_null()) return tree;
  read_node(parsed.node, tree);
  Walk(tree).visit(parsed.node, false);
  return tree;
}

}  // namespace tidemark

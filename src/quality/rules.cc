#include "quality/rules.h"

#include <algorithm>

#include "base/nearest.h"

namespace tidemark {

namespace {

std::string broken_name(std::size_t at) {
  return "_tm_broken_" + std::to_string(at);
}
std::string result_name(std::size_t at) {
  return "_tm_result_" + std::to_string(at);
}

// True where the rule is broken; the attempt is NULL when the condition failed to compute.
std::string broken_sql(const CompiledRule& rule, std::size_t at) {
  const std::string result = "rows." + result_name(at);
  const std::string held = rule.nulls == RuleNulls::pass ? "coalesce(" + result + ".v, true)"
                                                         : "coalesce(" + result + ".v, false)";
  return "(rows._tm_reject IS NULL AND (" + result + " IS NULL OR NOT " + held + "))";
}

std::string message_sql(const CompiledRule& rule, std::size_t at, const Schema& schema) {
  const std::string result = "rows." + result_name(at);
  std::string sql = "concat(";
  if (!rule.message.empty()) {
    sql += duck::quote_text(rule.message);
  } else {
    sql += duck::quote_text("`" + rule.condition + "` ") + ", CASE WHEN " + result +
           " IS NULL THEN 'cannot be computed' WHEN " + result +
           ".v IS NULL THEN 'is unknown' ELSE 'does not hold' END";
  }
  if (!rule.check.columns.empty()) sql += ", ': ', " + values_sql(rule.check.columns, schema);
  return sql + ")";
}

// `; also broken: a, b` of the rules after this one, or nothing.
std::string others_sql(const std::vector<CompiledRule>& rules, std::size_t first) {
  std::string names;
  for (std::size_t at = first + 1; at < rules.size(); ++at) {
    names += ", CASE WHEN rows." + broken_name(at) + " THEN " + duck::quote_text(rules[at].name) +
             " END";
  }
  if (names.empty()) return "NULL";
  return "'; also broken: ' || nullif(concat_ws(', '" + names + "), '')";
}

bool asks_not_null(const RuleSpec& rule, const Schema& schema) {
  return rule.column && schema.find(rule.column->value).has_value() &&
         rule.check.text == not_null_sql(rule.column->value);
}

// As bind_expression() gives it. A target may have hundreds of such columns.
BoundExpression bound_not_null(const std::string& column) {
  BoundExpression bound;
  bound.sql = "(" + not_null_sql(column) + "\n)";
  bound.type = Type::of(TypeKind::boolean);
  bound.columns = {column};
  return bound;
}

}  // namespace

std::string CompiledRules::checks_sql(const std::string& relation) const {
  if (rules.empty()) return "SELECT * FROM " + relation;
  std::string attempts;
  std::string flags;
  std::string gone;
  std::string reject = "CASE WHEN rows._tm_reject IS NOT NULL THEN rows._tm_reject";
  bool has_window = false;
  for (std::size_t at = 0; at < rules.size(); ++at) {
    const CompiledRule& rule = rules[at];
    has_window = has_window || rule.check.has_window;
    attempts += ", CASE WHEN rows._tm_reject IS NULL THEN " + attempt_sql(rule.check) + " END AS " +
                result_name(at);
    flags += ", " + broken_sql(rule, at) + " AS " + broken_name(at);
    gone += (at == 0 ? "" : ", ") + result_name(at) + ", " + broken_name(at);
    reject +=
        " WHEN rows." + broken_name(at) + " THEN " +
        reject_sql(0, rule.name, rule.column,
                   "concat(" + message_sql(rule, at, schema) + ", " + others_sql(rules, at) + ")");
  }
  // A window must not see rows that were refused before.
  std::string tried = "SELECT *" + attempts + " FROM " + relation + " AS rows";
  if (has_window) {
    tried += " WHERE rows._tm_reject IS NULL UNION ALL BY NAME SELECT * FROM " + relation +
             " WHERE _tm_reject IS NOT NULL";
  }
  return "SELECT * EXCLUDE (" + gone + ") REPLACE (" + reject +
         " END AS _tm_reject) FROM (SELECT *" + flags + " FROM (" + tried + ") AS rows) AS rows";
}

std::string CompiledRules::marks_sql(const std::string& relation) const {
  std::string broken = "false";
  for (const CompiledRule& rule : rules) {
    // A window stands in no WHERE, and what stands in no TRY is computed once.
    if (rule.check.has_window || !rule.check.tried)
      return "SELECT 1 FROM (" + checks_sql(relation) + ") WHERE _tm_reject.step = 0";
    const std::string result = "(" + attempt_sql(rule.check) + ")";
    broken += " OR " + (rule.nulls == RuleNulls::pass
                            ? "(" + result + " IS NULL OR NOT coalesce(" + result + ".v, true))"
                            : "NOT coalesce(" + result + ".v, false)");
  }
  return "SELECT 1 FROM " + relation + " AS rows WHERE _tm_reject IS NULL AND (" + broken + ")";
}

CompiledRules CompiledRules::known_not_null(const std::vector<std::string>& columns) const {
  CompiledRules others = *this;
  std::erase_if(others.rules, [&](const CompiledRule& rule) {
    return std::any_of(columns.begin(), columns.end(), [&](const std::string& column) {
      return rule.condition == not_null_sql(column);
    });
  });
  return others;
}

std::string not_null_sql(const std::string& column) {
  return duck::quote_name(column) + " IS NOT NULL";
}

std::optional<CompiledRules> compile_rules(const std::vector<RuleSpec>& rules, const Schema& schema,
                                           const std::string& file, duck::Connection& connection,
                                           Faults& faults) {
  TM_ASSERT(!connection.in_transaction());
  CompiledRules compiled;
  compiled.schema = schema;
  bool good = true;
  for (const RuleSpec& rule : rules) {
    CompiledRule out{rule.name.value,          rule.check.text, {}, rule.nulls, "",
                     rule.message.value_or("")};
    if (asks_not_null(rule, schema)) {
      out.check = bound_not_null(rule.column->value);
    } else if (auto bound = bind_expression(rule.check, schema, connection, faults)) {
      out.check = std::move(*bound);
      if (out.check.type.kind != TypeKind::boolean) {
        faults.add(
            rule.check.file, rule.check.locate(0),
            "the rule `" + rule.name.value + "` is " + sql_name(out.check.type) + ", no condition",
            "write a comparison, e.g. `price >= 0`");
        good = false;
      }
    } else {
      good = false;
    }
    if (rule.column) {
      const auto at = find_column(schema, rule.column->value);
      if (at) {
        out.column = schema.columns[*at].name;
      } else {
        const auto near = nearest_word(rule.column->value, schema.names());
        faults.add(file, rule.column->at,
                   "there is no column `" + rule.column->value + "` in the result",
                   near ? "did you mean `" + *near + "`?" : "");
        good = false;
      }
    } else if (out.check.columns.size() == 1) {
      out.column = out.check.columns.front();
    }
    compiled.rules.push_back(std::move(out));
  }
  if (!good) return std::nullopt;
  return compiled;
}

Result<CompiledRules> compile_rules(const std::vector<RuleSpec>& rules, const Schema& schema,
                                    const std::string& file, duck::Connection& connection) {
  Faults faults;
  auto compiled = compile_rules(rules, schema, file, connection, faults);
  if (!compiled) {
    faults.sort();
    return faults.as_error();
  }
  return std::move(*compiled);
}

std::vector<std::string> tables_read(const std::vector<RuleSpec>& rules,
                                     duck::Connection& connection) {
  std::vector<std::string> tables;
  for (const RuleSpec& rule : rules) {
    add_tables_read("SELECT " + rule.check.text, connection, tables);
  }
  return tables;
}

}  // namespace tidemark

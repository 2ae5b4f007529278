#include "connect/expression.h"

#include <algorithm>
#include <cctype>

#include "base/nearest.h"
#include "connect/refusal.h"
#include "connect/syntax_tree.h"

namespace tidemark {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

void add_fault(Faults& faults, const SqlText& text, std::size_t offset, std::string message,
               std::string hint = {}) {
  faults.add(text.file, text.locate(offset), std::move(message), std::move(hint));
}

std::string list_of(const Schema& rows) {
  std::string out;
  for (std::size_t at = 0; at < rows.columns.size() && at < 20; ++at) {
    out += (at == 0 ? "" : ", ") + rows.columns[at].name;
  }
  if (rows.columns.size() > 20) out += ", ...";
  return out;
}

// The column of the rows that a reference names: `a`, `rows.a`, or `a.member` of a struct.
std::optional<std::size_t> column_of(const ColumnUse& use, const Schema& rows) {
  if (use.path.empty()) return std::nullopt;
  if (use.path.size() > 1 && lower(use.path[0]) == "rows") return find_column(rows, use.path[1]);
  return find_column(rows, use.path[0]);
}

// The engine says that a text does not bind; the reference that is to blame has a place, its
// message none.
void explain(const Error& error, const SyntaxTree& tree, const SqlText& text, const Schema& rows,
             Faults& faults) {
  for (const ColumnUse& use : tree.columns) {
    if (use.nested || column_of(use, rows) || use.path.empty()) continue;
    const std::string& name =
        lower(use.path[0]) == "rows" && use.path.size() > 1 ? use.path[1] : use.path[0];
    if (lower(plain_message(error.message)).find(lower(name)) == std::string::npos) continue;
    const auto near = nearest_word(name, rows.names());
    add_fault(faults, text, use.offset, "there is no column `" + name + "`",
              near ? "did you mean `" + *near + "`?" : "the columns here are " + list_of(rows));
    return;
  }
  add_fault(faults, text, 0, plain_message(error.message));
}

// Parses `prefix` + text; nothing, with a fault, when that is not one SELECT.
std::optional<SyntaxTree> parse(std::string_view prefix, const SqlText& text,
                                duck::Connection& connection, Faults& faults) {
  auto tree = parse_select(std::string(prefix) + text.text, connection);
  if (!tree.ok()) {
    add_fault(faults, text, 0, tree.error().describe());
    return std::nullopt;
  }
  if (tree->problem) {
    const std::size_t offset = tree->problem->offset;
    add_fault(faults, text, offset > prefix.size() ? offset - prefix.size() : 0,
              tree->problem->message);
    return std::nullopt;
  }
  bool good = true;
  for (ColumnUse& use : tree->columns) {
    use.offset = use.offset > prefix.size() ? use.offset - prefix.size() : 0;
    if (use.path.empty() || !lower(use.path.back()).starts_with(reserved_prefix)) continue;
    add_fault(faults, text, use.offset,
              "`" + use.path.back() + "` is a column of Tidemark's own, not of the rows");
    good = false;
  }
  if (!good) return std::nullopt;
  return std::move(tree).value();
}

bool reads_the_moment(const SyntaxTree& tree) {
  const auto is_of_the_moment = [](const std::string& name) {
    const auto& all = functions_of_the_moment();
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  // Some need no parentheses and are parsed as a column's name, which they then look like too.
  return std::any_of(tree.functions.begin(), tree.functions.end(), is_of_the_moment) ||
         std::any_of(tree.columns.begin(), tree.columns.end(), [&](const ColumnUse& use) {
           return use.path.size() == 1 && is_of_the_moment(lower(use.path.front()));
         });
}

bool is_one_expression(const SyntaxTree& tree) {
  return tree.plain_select && tree.select_list == 1 && !tree.has_from && !tree.has_clauses &&
         !tree.has_alias && !tree.has_star;
}

}  // namespace

// `age` of one argument counts from today, and the engine says of three of the others that they are
// of the row.
const std::vector<std::string_view>& functions_of_the_moment() {
  static const std::vector<std::string_view> names{"age",
                                                   "ago",
                                                   "current_catalog",
                                                   "current_database",
                                                   "current_date",
                                                   "current_localtime",
                                                   "current_localtimestamp",
                                                   "current_role",
                                                   "current_schema",
                                                   "current_schemas",
                                                   "current_setting",
                                                   "current_time",
                                                   "current_timestamp",
                                                   "current_user",
                                                   "get_current_time",
                                                   "get_current_timestamp",
                                                   "getvariable",
                                                   "in_search_path",
                                                   "localtime",
                                                   "localtimestamp",
                                                   "now",
                                                   "pg_conf_load_time",
                                                   "pg_postmaster_start_time",
                                                   "session_user",
                                                   "today",
                                                   "transaction_timestamp",
                                                   "txid_current",
                                                   "user"};
  return names;
}

std::string plain_message(std::string_view engine_message) {
  std::string text(engine_message);
  if (const auto at = text.find("\nLINE "); at != std::string::npos) text.resize(at);
  // `Binder Error: ` and the like; the words before `Error:` are the engine's classes.
  if (const auto at = text.find("Error: "); at != std::string::npos && at < 30)
    text = text.substr(at + 7);
  std::string out;
  for (const char c : text) {
    if (c != '\n') {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (!out.empty() && out.back() == ' ')
    out.pop_back();
  return out;
}

std::optional<std::size_t> find_column(const Schema& rows, std::string_view name) {
  if (auto exact = rows.find(name)) return exact;
  const std::string wanted = lower(name);
  for (std::size_t at = 0; at < rows.columns.size(); ++at) {
    if (lower(rows.columns[at].name) == wanted) return at;
  }
  return std::nullopt;
}

std::string empty_relation(const Schema& rows) {
  std::string sql = "(SELECT ";
  for (const Column& column : rows.columns) {
    sql += "CAST(NULL AS " + sql_name(column.type) + ") AS " + duck::quote_name(column.name) + ", ";
  }
  // One more column of ours, so that an aggregate beside it is seen to be out of place.
  return sql + "NULL::BIGINT AS _tm_row LIMIT 0)";
}

std::string no_rows(const Schema& rows) {
  return "(SELECT * EXCLUDE (_tm_row) FROM " + empty_relation(rows) + ")";
}

std::optional<BoundExpression> bind_expression(const SqlText& text, const Schema& rows,
                                               duck::Connection& connection, Faults& faults) {
  const auto tree = parse("SELECT ", text, connection, faults);
  if (!tree) return std::nullopt;
  if (!is_one_expression(*tree)) {
    add_fault(faults, text, 0, "this is more than one expression",
              "write one value or condition over the columns; use a `sql` step for a whole query");
    return std::nullopt;
  }
  if (tree->has_many_rows) {
    add_fault(faults, text, 0, "`unnest` makes several rows of one",
              "use a `sql` step, which may change the number of rows");
    return std::nullopt;
  }
  BoundExpression bound;
  bound.sql = "(" + text.text + "\n)";
  bound.has_window = tree->has_window;
  const std::string from = " AS v, rows._tm_row FROM " + empty_relation(rows) + " AS rows";
  auto plain = connection.describe("SELECT " + bound.sql + from);
  if (!plain.ok()) {
    explain(plain.error(), *tree, text, rows, faults);
    return std::nullopt;
  }
  if (plain->columns.size() != 2) {
    add_fault(faults, text, 0, "this is more than one expression");
    return std::nullopt;
  }
  bound.type = plain->columns[0].type;
  bound.tried = !tree->has_subquery && !tree->has_window &&
                connection.describe("SELECT TRY(struct_pack(v := " + bound.sql + "))" + from).ok();
  bound.row_wise = bound.tried && !reads_the_moment(*tree);
  for (const ColumnUse& use : tree->columns) {
    const auto at = column_of(use, rows);
    if (!at) continue;
    const std::string& name = rows.columns[*at].name;
    if (std::find(bound.columns.begin(), bound.columns.end(), name) == bound.columns.end()) {
      bound.columns.push_back(name);
    }
  }
  for (const ColumnUse& use : tree->zone_columns) {
    const auto at = use.nested ? std::nullopt : column_of(use, rows);
    if (!at || rows.columns[*at].type.kind != TypeKind::varchar) continue;
    const std::string zone = "rows." + duck::quote_name(rows.columns[*at].name);
    bound.guards.push_back("(" + zone + " IS NULL OR lower(" + zone +
                           ") IN (SELECT lower(name) FROM pg_timezone_names()))");
  }
  return bound;
}

bool check_order(const SqlText& text, const Schema& rows, duck::Connection& connection,
                 Faults& faults) {
  const auto tree = parse("SELECT 1 ORDER BY ", text, connection, faults);
  if (!tree) return false;
  if (!tree->plain_select || tree->select_list != 1 || tree->has_from || tree->has_window ||
      tree->has_star || tree->modifiers != std::vector<std::string>{"ORDER_MODIFIER"}) {
    add_fault(faults, text, 0, "this is no list to order by",
              "write columns, e.g. `updated_at DESC, id`");
    return false;
  }
  auto bound = connection.describe("SELECT row_number() OVER (ORDER BY " + text.text + "\n) FROM " +
                                   empty_relation(rows) + " AS rows");
  if (bound.ok()) return true;
  explain(bound.error(), *tree, text, rows, faults);
  return false;
}

std::optional<Schema> bind_query(const SqlText& text, const Schema& rows,
                                 duck::Connection& connection, Faults& faults) {
  const auto tree = parse("", text, connection, faults);
  if (!tree) return std::nullopt;
  const std::string visible = no_rows(rows);
  auto bound =
      connection.describe("WITH rows AS " + visible + " SELECT * FROM (\n" + text.text + "\n)");
  if (bound.ok()) return std::move(bound).value();
  for (const ColumnUse& use : tree->columns) {
    const std::string& name = use.path.empty() ? text.text : use.path.back();
    const std::string message = lower(plain_message(bound.error().message));
    // `Referenced column "x" not found`: the first reference of that name is where to look.
    if (message.find("\"" + lower(name) + "\"") == std::string::npos || find_column(rows, name))
      continue;
    add_fault(faults, text, use.offset, plain_message(bound.error().message));
    return std::nullopt;
  }
  add_fault(faults, text, 0, plain_message(bound.error().message));
  return std::nullopt;
}

std::string attempt_sql(const BoundExpression& expression) {
  const std::string packed = "struct_pack(v := " + expression.sql + ")";
  if (!expression.tried) return packed;
  std::string guard;
  for (const std::string& condition : expression.guards)
    guard += (guard.empty() ? "" : " AND ") + condition;
  const std::string attempt = "TRY(" + packed + ")";
  return guard.empty() ? attempt : "CASE WHEN " + guard + " THEN " + attempt + " END";
}

std::string shown_sql(const std::string& value_sql, const Type& type) {
  const std::string text = "CAST(" + value_sql + " AS VARCHAR)";
  const std::string cut = "(CASE WHEN length(" + text + ") > 100 THEN left(" + text +
                          ", 100) || '...' ELSE " + text + " END)";
  const bool number =
      fixed_width(type) != 0 && type.kind != TypeKind::uuid && type.kind != TypeKind::date;
  return "coalesce(" + (number ? cut : "'''' || " + cut + " || ''''") + ", 'NULL')";
}

std::string values_sql(const std::vector<std::string>& columns, const Schema& rows) {
  if (columns.empty()) return "''";
  std::string sql = "concat_ws(', '";
  for (std::size_t at = 0; at < columns.size() && at < 10; ++at) {
    const auto found = find_column(rows, columns[at]);
    TM_ASSERT(found.has_value());
    const Column& column = rows.columns[*found];
    sql += ", " + duck::quote_text(column.name + " = ") + " || " +
           shown_sql("rows." + duck::quote_name(column.name), column.type);
  }
  return sql + ")";
}

void add_tables_read(const std::string& select, duck::Connection& connection,
                     std::vector<std::string>& tables) {
  auto named = connection.table_names(select);
  if (!named.ok()) return;
  for (std::string& table : *named) {
    // The engine prints an alias with its table.
    if (const auto alias = table.find(" AS "); alias != std::string::npos) table.resize(alias);
    // Without a connection it is `rows` or a name of the query's own.
    if (table.find('.') == std::string::npos) continue;
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
  }
}

}  // namespace tidemark

// Expression: SQL of the user over the columns of a row, checked against a schema.
//
// Steps and rules share it. Nothing is executed: the engine parses and binds the text over an empty
// relation. REQUIRES of every function here: the connection is in no transaction, because a text
// that does not bind would mark it failed. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"
#include "spec/fault.h"
#include "spec/location.h"

namespace tidemark {

struct BoundExpression {
  std::string
      sql;  // in parentheses, fit to stand in a larger expression whose relation is named `rows`
  Type type;
  // May stand inside TRY: an error in one row is that row's, not the statement's. The engine
  // refuses TRY around subqueries, windows and volatile functions; an error in those fails the
  // statement.
  bool tried = true;
  bool has_window = false;
  // Says the same of a row whenever and wherever it is computed: it is `tried`, and reads neither
  // the clock nor what a connection was set to.
  bool row_wise = true;
  // The columns of the rows it reads, as the schema writes them, in order of first use.
  std::vector<std::string> columns;
  // Conditions under which it may be computed at all: TRY does not confine an unknown time zone to
  // its row.
  std::vector<std::string> guards;
};

// Binds one value or condition. Adds a fault, at its place in the project, and returns nothing when
// the text is no single expression, or names a column or function that is not there.
std::optional<BoundExpression> bind_expression(const SqlText& text, const Schema& rows,
                                               duck::Connection& connection, Faults& faults);
// An ORDER BY list, e.g. `updated_at DESC, id`; the text itself is what to use after ORDER BY.
bool check_order(const SqlText& text, const Schema& rows, duck::Connection& connection,
                 Faults& faults);
// A whole SELECT that reads the relation `rows`; the schema is what it would give.
std::optional<Schema> bind_query(const SqlText& text, const Schema& rows,
                                 duck::Connection& connection, Faults& faults);

// Functions, and names that stand for one, whose answer is of the statement or of its connection
// and not of the row, in lower case. Volatile ones, which nobody can try, are not among them.
const std::vector<std::string_view>& functions_of_the_moment();

// A struct with the one member `v`, or NULL when the expression failed for the row.
std::string attempt_sql(const BoundExpression& expression);
// A text `price = 3, name = 'x'` of the row's values, each cut to 100 characters; NULL stays
// readable.
std::string values_sql(const std::vector<std::string>& columns, const Schema& rows);
// A text of one value, cut to 100 characters, text in quotes.
std::string shown_sql(const std::string& value_sql, const Type& type);

// Tables of other connections that a SELECT names, `warehouse.countries`, added to `tables` once
// each. Parses only; a text that is no SQL names none.
void add_tables_read(const std::string& select, duck::Connection& connection,
                     std::vector<std::string>& tables);

// `(SELECT CAST(NULL AS INTEGER) AS "a" ... LIMIT 0)`: a relation of these columns, and `_tm_row`,
// without rows.
std::string empty_relation(const Schema& rows);
// The same without `_tm_row`.
std::string no_rows(const Schema& rows);
// The position of a column; names compare as the engine does, without case.
std::optional<std::size_t> find_column(const Schema& rows, std::string_view name);
// An engine's message without its `Binder Error:` and its excerpt of our SQL.
std::string plain_message(std::string_view engine_message);

}  // namespace tidemark

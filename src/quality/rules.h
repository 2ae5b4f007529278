// Rules: what a good row must hold, as SQL conditions over the output columns.
//
// A condition that is false for a row refuses it; so does one that is NULL, unless the rule says
// `nulls: pass`, and one that fails to compute. The first rule broken, in the order written, is the
// row's reason; the message names the others. Values and texts; one thread, the connection's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/expression.h"
#include "connect/refusal.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"
#include "spec/fault.h"
#include "spec/job_spec.h"

namespace tidemark {

struct CompiledRule {
  std::string name;
  std::string condition;  // as written
  BoundExpression check;
  RuleNulls nulls = RuleNulls::fail;
  std::string column;   // declared, or the only one it reads; else empty
  std::string message;  // declared; else empty
};

struct CompiledRules {
  Schema schema;
  std::vector<CompiledRule> rules;

  // A SELECT over a relation that has the columns of `schema` and the hidden ones: the same
  // columns, and
  // `_tm_reject` set where a rule is broken. This is TransformInput::checks.
  std::string checks_sql(const std::string& relation) const;
  // A SELECT with a row for each that checks_sql() would mark. Says less, so it is planned in a
  // fraction of the time. This is TransformInput::marks.
  std::string marks_sql(const std::string& relation) const;
  // Without those that ask no more than that one of these columns is not NULL.
  CompiledRules known_not_null(const std::vector<std::string>& columns) const;
};

// The condition of a rule that asks no more.
std::string not_null_sql(const std::string& column);

// Every fault of every rule. `file` is the job's. Needs what rules read of other connections to be
// attached. REQUIRES no open transaction.
std::optional<CompiledRules> compile_rules(const std::vector<RuleSpec>& rules, const Schema& schema,
                                           const std::string& file, duck::Connection& connection,
                                           Faults& faults);
// The same with the first fault as the Error.
Result<CompiledRules> compile_rules(const std::vector<RuleSpec>& rules, const Schema& schema,
                                    const std::string& file, duck::Connection& connection);
// Tables of other connections that the rules read, each once.
std::vector<std::string> tables_read(const std::vector<RuleSpec>& rules,
                                     duck::Connection& connection);

}  // namespace tidemark

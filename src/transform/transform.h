// Transform: the steps of a job, compiled against the schema of its input to SQL of the engine, and
// run.
//
// compile() -> CompiledTransform, a value: print it with describe_sql(), run it any number of
// times. run() gives a Transformed, whose relations live in the connection until release() or the
// next run() there. One connection, so one thread. Memory: everything large is a temporary table,
// which the engine spills.
//
// Conservation, checked at the end of every run: each row that came in is good, refused, or dropped
// by a step that says so; only a `sql` step makes rows of its own, and states how many went in and
// came out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/named.h"
#include "base/result.h"
#include "connect/refusal.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"
#include "spec/fault.h"
#include "spec/job_spec.h"
#include "transform/step.h"

namespace tidemark {

// Steps up to a `sql` step, or up to the end: one statement of the engine.
struct TransformPart {
  Schema in;
  Schema out;                         // of its steps, before its `sql` step
  std::vector<CompiledStep> steps;    // without the `sql` step
  std::string last;                   // what the chain of queries ends in
  std::optional<CompiledStep> query;  // the `sql` step that follows
};

struct CompiledTransform {
  Schema in;
  Schema out;
  std::vector<TransformPart> parts;  // at least one; each but the last has a query

  bool empty() const { return parts.size() == 1 && parts.front().steps.empty(); }
  // Each row alone decides what becomes of it (CompiledStep::row_wise).
  bool row_wise() const;
};

// The good rows of `relation`, the name of one with exactly the columns of `transform`.in, each
// with the columns of `transform`.out, in their order. Reads it once, needs nothing else in the
// engine. REQUIRES transform.row_wise().
std::string row_wise_sql(const CompiledTransform& transform, const std::string& relation);

// Compiles, and adds every fault of the first step that has any: what follows could not be checked.
// Attached connections that lookups and subqueries read must be readable in `connection` under
// their names. REQUIRES no open transaction. Creates nothing.
std::optional<CompiledTransform> compile_transform(const std::vector<TransformStep>& steps,
                                                   const Schema& input, const std::string& file,
                                                   duck::Connection& connection, Faults& faults,
                                                   const std::vector<TransformStep>& lead = {});
// The same with the first fault as the Error. The steps of `lead` come before the job's and are
// numbered apart, from lead_number on, so that the job's keep their numbers.
Result<CompiledTransform> compile_transform(const std::vector<TransformStep>& steps,
                                            const Schema& input, const std::string& file,
                                            duck::Connection& connection,
                                            const std::vector<TransformStep>& lead = {});

// Tables of other connections that the steps read, `warehouse.dim_customer`, each once: to be
// attached before compile_transform. Parses only; a text that is no SQL names none (compile tells).
std::vector<std::string> tables_read(const std::vector<TransformStep>& steps,
                                     duck::Connection& connection);

// The number of the last step that gives one of these columns (of the result) its value or its
// name; 0 where all of them come as they were staged. A row that a later step or a rule refused has
// them right.
int last_writer(const std::vector<TransformStep>& steps, const std::vector<std::string>& columns);

struct StepCounts {
  int step = 0;  // from 1
  std::string kind;
  std::string label;
  RowCount in;
  RowCount out;
  RowCount refused;
  RowCount merged;  // dropped on purpose (dedupe)
};

struct RuleCount {
  std::string rule;
  RowCount rows;
};

struct TransformInput {
  // A SELECT of the input's columns, then `_tm_segment` and `_tm_row`.
  std::string rows;
  // How many rows that is, where known (the manifest says); counted otherwise.
  std::optional<RowCount> count;
  // Rules: takes the name of a relation with `_tm_reject` and gives the SELECT that marks more
  // rows. Empty where there are none. See quality/rules.h.
  std::function<std::string(const std::string& relation)> checks;
  // Where they mark rows and do nothing else, and so may be left out where they would mark none:
  // takes the same name and gives a SELECT with a row where they would mark one. Empty otherwise.
  std::function<std::string(const std::string& relation)> marks;
  // Known of a chain that is row_wise(): its steps refuse none of these rows.
  bool steps_refuse_none = false;
};

struct Transformed {
  std::string good;  // the name of a relation with exactly the columns of `schema`
  // The same rows and those refused or dropped since the last `sql` step: the columns of `schema`,
  // then the hidden ones of connect/refusal.h. What a refused row has in columns that its step or a
  // later one writes says nothing.
  std::string marked;
  Schema schema;
  RowCount rows_in;
  RowCount rows;  // good ones
  RowCount dropped;
  Refusals refusals;  // by steps and rules
  std::vector<StepCounts> steps;
  std::vector<RuleCount> refused_by;  // every rule and step that refused rows, by name
  std::vector<std::string> tables;    // what release() removes, last made first
};

// Fails with `transform.doubled_key` (naming table and key) before any row is joined; with the
// engine's Error when an expression fails that cannot be confined to its row. Idempotent; leaves
// nothing behind on failure but temporary tables that the next run replaces.
Result<Transformed> run_transform(const CompiledTransform& transform, const TransformInput& input,
                                  duck::Connection& connection, Cancel& cancel);
// Frees what a run left in the engine. Idempotent.
Status release(const Transformed& transformed, duck::Connection& connection);

// The statements a run would execute, for `plan`. `rows` as in TransformInput.
std::vector<std::string> describe_sql(const CompiledTransform& transform,
                                      const TransformInput& input);

}  // namespace tidemark

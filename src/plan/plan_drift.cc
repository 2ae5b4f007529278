// Planner::meet_drift: what a plan makes of columns that are not those of the load before.
//
// Nothing may be NULL in the target where the source has data. So a new column is added for the
// rows to come only when no row that was read before has a value in it; the source is asked.
#include <algorithm>
#include <utility>

#include "connect/fit.h"
#include "plan/load_id.h"
#include "plan/planner.h"
#include "transform/cast.h"

namespace tidemark {

namespace {

// A person who reads everything again, or says so, takes the columns as they are.
SchemaDrift policy_of(const JobSpec& job, const PlanOptions& options) {
  const bool waits =
      job.schema_drift == SchemaDrift::freeze || job.schema_drift == SchemaDrift::quarantine;
  return waits && (options.full || options.accept_drift) ? SchemaDrift::evolve : job.schema_drift;
}

std::vector<std::string> names_of(const std::vector<ColumnChange>& changes, ColumnChangeKind kind) {
  std::vector<std::string> names;
  for (const ColumnChange& change : changes) {
    if (change.kind == kind) names.push_back(change.column);
  }
  return names;
}

Schema without(const Schema& all, const std::string& name) {
  Schema rest;
  for (const Column& column : all.columns) {
    if (column.name != name) rest.columns.push_back(column);
  }
  for (const std::string& column : all.key) {
    if (column != name) rest.key.push_back(column);
  }
  return rest;
}

bool same_columns(const Schema& left, const Schema& right) {
  return std::equal(left.columns.begin(), left.columns.end(), right.columns.begin(),
                    right.columns.end(), [](const Column& a, const Column& b) {
                      return a.name == b.name && sql_name(a.type) == sql_name(b.type);
                    });
}

// Freeze, and what no policy can load: nothing is read until a person has looked.
Error waits(const JobSpec& job, const std::vector<ColumnChange>& changes, const std::string& why,
            const std::string& hint) {
  return Error{"blocked.schema_drift",
               Fault::source,
               Retry::never,
               "the source's columns are not those of the last load of `" + job.name.get() +
                   "`: " + describe(changes) + (why.empty() ? "" : "; " + why),
               {},
               hint};
}

std::string accept_hint(const JobSpec& job) {
  const std::string run = "tidemark run " + job.name.get();
  return "look at `tidemark plan " + job.name.get() +
         "`; then take the columns as they are with `" + run +
         " --accept-drift`, read everything again with `" + run +
         " --full`, or write another `schema_drift` in " + job.file;
}

std::string dropped_action(const StreamPlan& plan) {
  return plan.target.strategy == LoadStrategy::full
             ? "stays in the table, which gets no values for it"
             : "stays in the table; rows loaded from now on have none";
}

// The steps that take new and retyped columns out of the rows, or refuse the rows.
std::vector<TransformStep> refusing_steps(const std::vector<ColumnChange>& changes) {
  RefuseStep refuse;
  refuse.reason =
      "the column is new in the source, and `schema_drift: quarantine` refuses its rows";
  CastStep cast;
  for (const ColumnChange& change : changes) {
    if (change.kind == ColumnChangeKind::added) refuse.columns.push_back({change.column, {}});
    if (change.kind == ColumnChangeKind::retyped)
      cast.columns.push_back({{change.column, {}}, {sql_name(*change.before), {}}});
  }
  std::vector<TransformStep> steps;
  if (!refuse.columns.empty()) steps.push_back({std::move(refuse), {}});
  if (!cast.columns.empty()) steps.push_back({std::move(cast), {}});
  return steps;
}

// What the rows are once those steps are done.
Schema after_refusing(const Schema& input, const std::vector<ColumnChange>& changes) {
  Schema kept = input;
  for (const ColumnChange& change : changes) {
    if (change.kind == ColumnChangeKind::added) kept = without(kept, change.column);
    if (change.kind == ColumnChangeKind::retyped)
      kept.columns[*kept.find(change.column)].type = *change.before;
  }
  return kept;
}

// A change that rows cannot be refused by, one by one.
std::optional<Error> not_refusable(const JobSpec& job, const std::vector<ColumnChange>& changes) {
  for (const ColumnChange& change : changes) {
    if (change.kind == ColumnChangeKind::dropped) {
      return waits(job, changes, "without `" + change.column + "` every row would be refused",
                   accept_hint(job));
    }
    if (change.kind == ColumnChangeKind::retyped &&
        !exact_cast("x", *change.now, *change.before, "y")) {
      return waits(
          job, changes,
          "no value of `" + change.column + "` can be told to be a " + sql_name(*change.before),
          accept_hint(job));
    }
  }
  return std::nullopt;
}

void tell(StreamPlan& plan, const std::vector<ColumnChange>& changes, ColumnChangeKind kind,
          const std::string& action) {
  for (const ColumnChange& change : changes) {
    if (change.kind == kind) plan.drift.push_back({change, action});
  }
}

void keep_carried(const DriftInput& in, const Schema& carried, StreamPlan& plan) {
  std::string text = carried_text(carried);
  if (!in.known || carried_text(*in.known) != text) plan.carried = std::move(text);
}

// Stops a run; a plan that is only looked at says so and goes no further.
Status stop(const DriftInput& in, const std::vector<ColumnChange>& changes, Error error,
            StreamPlan& plan) {
  if (!in.options.read_only) return error;
  plan.drift.clear();
  for (const ColumnChange& change : changes)
    plan.drift.push_back({change, "stops the run"});
  plan.blocked = std::move(error);
  return {};
}

}  // namespace

Result<std::optional<Schema>> carried_columns(const StreamId& id, Sink& sink, Cancel& cancel) {
  TM_TRY(const std::optional<std::string> text, sink.carried(id, cancel));
  if (!text) return std::optional<Schema>();
  TM_TRY(Schema columns, parse_carried(*text));
  return std::optional(std::move(columns));
}

Result<std::vector<ColumnChange>> Planner::changes_carried(const JobSpec& job, const Schema& input,
                                                           std::vector<ColumnChange> changes) {
  if (job.transform.empty()) return changes;
  std::vector<ColumnChange> carried;
  for (ColumnChange& change : changes) {
    Schema with = input;
    if (change.kind == ColumnChangeKind::dropped)
      with.columns.push_back({change.column, *change.before, true, {}});
    const auto there = compile_transform(job.transform, with, job.file, engine_);
    const auto gone =
        compile_transform(job.transform, without(with, change.column), job.file, engine_);
    const bool left_out = there.ok() && gone.ok() && same_columns(there->out, gone->out);
    if (!left_out) carried.push_back(std::move(change));
  }
  return carried;
}

Result<std::vector<ColumnChange>> Planner::columns_not_in_table(const DriftInput& in,
                                                                const StreamPlan& plan,
                                                                Cancel& cancel) {
  std::vector<ColumnChange> changes;
  TM_TRY(const std::optional<Schema> present, in.sink.describe(plan.target.table, cancel));
  if (!present) return changes;
  const auto compiled = compile_transform(in.job.transform, plan.input, in.job.file, engine_);
  if (!compiled.ok()) return changes;  // planning the load tells why
  for (const Column& column : plan.input.columns) {
    if (!compiled->out.find(column.name) || find_column(*present, column.name)) continue;
    changes.push_back({ColumnChangeKind::added, column.name, std::nullopt, column.type, {}});
  }
  return changes;
}

Status Planner::check_twins(const DriftInput& in, const std::vector<std::string>& added,
                            const StreamPlan& plan, Cancel& cancel) {
  TM_TRY(const std::optional<Schema> present, in.sink.describe(plan.target.table, cancel));
  for (const std::string& name : added) {
    const auto twin = present ? find_column(*present, name) : std::nullopt;
    if (!twin || present->columns[*twin].name == name) continue;
    return Error{"blocked.schema_drift",
                 Fault::source,
                 Retry::never,
                 plan.target.table + " has a column `" + present->columns[*twin].name +
                     "`, whose name differs in upper and lower case only",
                 {},
                 "rename it to that in the job's `transform`, or rename the table's column"};
  }
  return {};
}

Status Planner::evolve(const DriftInput& in, const std::vector<std::string>& added,
                       StreamPlan& plan, std::string& action, Cancel& cancel) {
  TM_CHECK(check_twins(in, added, plan, cancel));
  plan.target.added = added;
  action = "is added to the table";
  if (plan.target.strategy == LoadStrategy::full || !plan.bound.window.lo) return {};
  TM_TRY(const bool may_hold, in.source.may_hold(added, *plan.bound.window.lo, cancel));
  if (!may_hold) {
    action += "; no row that was read before has a value in it";
    return {};
  }
  if (plan.target.strategy == LoadStrategy::append) {
    return Error{"blocked.schema_drift",
                 Fault::source,
                 Retry::never,
                 "rows that were loaded before may have values in it, and `load: append` cannot "
                 "give them these",
                 {},
                 "read everything again with `tidemark run " + in.job.name.get() +
                     " --full`, or leave new columns out with `schema_drift: ignore`"};
  }
  Progress again = in.progress;
  again.full_requested = true;
  TM_TRY(plan.bound, in.source.upper(again, cancel));
  TM_CHECK(check_guarantee(in.job, plan.bound));
  plan.load_id = load_id_of(plan.id, LoadKind::window, plan.seq, window_text(plan.bound.window));
  action +=
      "; rows that were read before may have values in it, so this run reads everything again";
  return {};
}

Status Planner::meet_drift(const DriftInput& in, StreamPlan& plan, Cancel& cancel) {
  std::vector<ColumnChange> changes;
  if (in.known) {
    changes = compare_columns(*in.known, plan.input);
  } else {
    TM_TRY(changes, columns_not_in_table(in, plan, cancel));
  }
  if (!changes.empty() && !in.job.transform.empty()) {
    // Who waits for the copies holds no connection that who has them may want.
    if (guards_.of(in.job.from.connection.value).spec().connections) in.source.rest();
    TM_CHECK(attach_references(in.job, in.options, plan, cancel));
    TM_TRY(changes, changes_carried(in.job, plan.input, std::move(changes)));
  }
  if (changes.empty()) {
    keep_carried(in, plan.input, plan);
    return {};
  }
  const SchemaDrift policy = policy_of(in.job, in.options);
  if (policy == SchemaDrift::freeze)
    return stop(in, changes, waits(in.job, changes, {}, accept_hint(in.job)), plan);
  if (plan.bound.nothing_new) {
    for (const ColumnChange& change : changes)
      plan.drift.push_back({change, "is looked at when there are rows to read"});
    return {};
  }
  if (policy == SchemaDrift::quarantine) {
    if (auto error = not_refusable(in.job, changes)) return stop(in, changes, *error, plan);
    plan.lead = refusing_steps(changes);
    tell(plan, changes, ColumnChangeKind::added,
         "is not loaded; rows with a value in it are refused");
    tell(plan, changes, ColumnChangeKind::retyped,
         "keeps its type in the table; rows with a value of another are refused");
    keep_carried(in, after_refusing(plan.input, changes), plan);
    return {};
  }
  const std::vector<std::string> added = names_of(changes, ColumnChangeKind::added);
  std::string action = "is not read";
  if (!added.empty() && policy == SchemaDrift::ignore) {
    TM_CHECK(in.source.leave_out(added));
    TM_TRY(plan.input, in.source.discover(cancel));
  } else if (!added.empty()) {
    Status evolved = evolve(in, added, plan, action, cancel);
    if (!evolved.ok() && evolved.error().code == "blocked.schema_drift") {
      return stop(in, changes,
                  waits(in.job, changes, evolved.error().message, evolved.error().hint), plan);
    }
    TM_CHECK(evolved);
  }
  tell(plan, changes, ColumnChangeKind::added, action);
  tell(plan, changes, ColumnChangeKind::retyped,
       "is loaded as it is now, where the table holds it");
  tell(plan, changes, ColumnChangeKind::dropped, dropped_action(plan));
  keep_carried(in, plan.input, plan);
  return {};
}

Status Planner::judge_drift(const DriftInput& in, Status planned, StreamPlan& plan,
                            Cancel& cancel) {
  if (plan.drift.empty()) return planned;
  std::vector<ColumnChange> changes;
  for (const DriftEntry& entry : plan.drift)
    changes.push_back(entry.change);
  if (!planned.ok()) {
    Error error = std::move(planned).error();
    if (error.code != "target.schema_misfit")
      return std::move(error).with_context("the source's columns changed: " + describe(changes));
    return stop(in, changes, waits(in.job, changes, error.message, error.hint), plan);
  }
  if (!plan.lead.empty()) return {};
  for (const ColumnChange& change : changes) {
    if (change.kind != ColumnChangeKind::retyped) continue;
    // Values that the table's column cannot hold would be refused row by row.
    const bool narrow =
        std::any_of(plan.rules.rules.begin(), plan.rules.rules.end(),
                    [&](const CompiledRule& rule) { return rule.name == "fits:" + change.column; });
    if (!narrow) continue;
    TM_TRY(const std::optional<Schema> present, in.sink.describe(plan.target.table, cancel));
    const auto at = present ? present->find(change.column) : std::nullopt;
    if (!at || can_hold(present->columns[*at].type, *change.now)) continue;
    const std::string there = sql_name(present->columns[*at].type);
    return stop(in, changes,
                waits(in.job, changes,
                      "column `" + change.column + "` is " + there + " in " + plan.target.table +
                          ", which does not hold every " + sql_name(*change.now),
                      "give the table's column a type that does, or add `cast: {" + change.column +
                          ": " + there +
                          "}` to the job's `transform`, which refuses rows with "
                          "other values"),
                plan);
  }
  return {};
}

Status Planner::meet_drift_of_stage(const JobSpec& job, Sink& sink, StreamPlan& plan,
                                    Cancel& cancel) {
  TM_TRY(const std::optional<Schema> known, carried_columns(plan.id, sink, cancel));
  const bool window = plan.kind == LoadKind::window;
  if (!known) {
    if (window) plan.carried = carried_text(plan.input);
    return {};
  }
  std::vector<ColumnChange> changes = compare_columns(*known, plan.input);
  std::erase_if(
      changes, [](const ColumnChange& change) { return change.kind == ColumnChangeKind::dropped; });
  if (job.schema_drift == SchemaDrift::quarantine && !not_refusable(job, changes)) {
    plan.lead = refusing_steps(changes);
    if (window) plan.carried = carried_text(after_refusing(plan.input, changes));
    return {};
  }
  if (!window) return {};
  // The run that sealed it asked the source, and had it read everything where that was needed.
  plan.target.added = names_of(changes, ColumnChangeKind::added);
  plan.carried = carried_text(plan.input);
  return {};
}

}  // namespace tidemark

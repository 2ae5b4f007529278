// Planner::plan_verify: what a comparison of a job's target with its source needs: each stream as a
// load of it would be planned that reads everything up to the last window's end.
#include <utility>

#include "plan/load_id.h"
#include "plan/planner.h"

namespace tidemark {
namespace {

Error files_are_hashed(const JobSpec& job) {
  return user_error("verify.files",
                    "`" + job.name.get() +
                        "` reads files: each is loaded once, by its content, and hashed again "
                        "after it was read",
                    "`tidemark stage verify` checks what was staged of them");
}

}  // namespace

Result<PreparedStream> Planner::plan_verified_stream(const JobSpec& job, const StreamSpec& stream,
                                                     bool many_streams, Sink& sink,
                                                     const PlanOptions& options, Cancel& cancel) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  plan.id = {job.name, many_streams ? stream.name : StreamName("main")};
  plan.kind = LoadKind::repair;
  plan.target.table = table_of(job, stream.name.get());
  TM_TRY(const std::optional<LedgerRow> head, sink.committed(plan.id, cancel));
  if (!head) {
    plan.bound.nothing_new = true;
    plan.idle_reason = "nothing is loaded yet";
    return prepared;
  }
  plan.seq = head->seq;
  plan.fence = head->fence;
  plan.bound.window = {std::nullopt, head->window.hi, head->window.hi};
  plan.load_id = load_id_of(plan.id, plan.kind, plan.seq, options.run.get());
  const ConnectionSpec& from = *project_.find_connection(job.from.connection.value);
  TM_TRY(const Connector* connector, connectors_.of(from));
  const ConnectorContext context = context_of(job.name, "/" + stream.name.get(), options);
  TM_TRY(prepared.source,
         connector->open_source(from, stream, job.to.load, context, cancel));
  if (prepared.source->wants_history()) return files_are_hashed(job);
  TM_TRY(const std::optional<Schema> known, carried_columns(plan.id, sink, cancel));
  if (known) prepared.source->pin(*known);
  TM_TRY(plan.input, prepared.source->discover(cancel));
  if (known) TM_CHECK(leave_out_new(*known, *prepared.source, plan, cancel));
  if (guards_.of(from.name.value).spec().connections) prepared.source->rest();
  TM_CHECK(plan_load(job, stream.name.get(), plan, sink, options, cancel));
  return prepared;
}

// Columns that came since the last window are not in the target; what they hold is the drift's.
Status Planner::leave_out_new(const Schema& known, Source& source, StreamPlan& plan,
                              Cancel& cancel) {
  std::vector<std::string> added;
  for (const Column& column : plan.input.columns) {
    if (!known.find(column.name)) added.push_back(column.name);
  }
  if (added.empty()) return {};
  TM_CHECK(source.leave_out(added));
  TM_TRY(plan.input, source.discover(cancel));
  return {};
}

Result<JobPlan> Planner::plan_verify(const JobSpec& job, const PlanOptions& options,
                                     Cancel& cancel) {
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  for (const StreamSpec& stream : streams) {
    TM_TRY(PreparedStream prepared,
           plan_verified_stream(job, stream, many, *plan.sink, options, cancel));
    plan.streams.push_back(std::move(prepared));
  }
  return plan;
}

}  // namespace tidemark

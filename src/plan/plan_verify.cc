// Planner::plan_verify: what a comparison of a job's target with its source needs: each stream as a
// load of it would be planned that reads everything up to the last window's end.
#include <algorithm>
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

Result<std::unique_ptr<Source>> Planner::open_to_verify(const JobSpec& job,
                                                        const StreamSpec& stream,
                                                        const StreamId& id, Sink& sink,
                                                        const PlanOptions& options,
                                                        Cancel& cancel) {
  const ConnectionSpec& from = *project_.find_connection(job.from.connection.value);
  TM_TRY(const Connector* connector, connectors_.of(from));
  const ConnectorContext context = context_of(job.name, "/" + stream.name.get(), options);
  StreamSpec read = stream;
  // A full load has those rows each time.
  if (read.source.null_cursor == NullCursor::once && job.to.load != LoadStrategy::full)
    read.source.null_cursor = NullCursor::left_out;
  TM_TRY(auto source, connector->open_source(from, read, job.to.load, context, cancel));
  if (source->wants_history()) return files_are_hashed(job);
  TM_TRY(const Schema now, source->discover(cancel));
  TM_TRY(const std::optional<Schema> known, carried_columns(id, sink, cancel));
  // Columns that came since the last window are not in the target; what they hold is the drift's.
  std::vector<std::string> added;
  for (const Column& column : now.columns) {
    if (known && !known->find(column.name)) added.push_back(column.name);
  }
  if (!added.empty()) TM_CHECK(source->leave_out(added));
  return source;
}

// Whether the source is the one that was read, and its rows have their watermarks, as a run would
// ask; what is gone from its columns.
Status Planner::bound_verified(const JobSpec& job, const LedgerRow& head, Source& source,
                               Sink& sink, StreamPlan& plan, Cancel& cancel) {
  Progress progress;
  progress.full_requested = job.to.load == LoadStrategy::full;
  progress.lo = head.window.hi;
  if (store_ != nullptr) {
    TM_TRY(progress.memory, store_->source_memory(plan.id));
  }
  TM_TRY(const WindowBound bound, source.upper(progress, cancel));
  plan.bound.guarantee = bound.guarantee;
  plan.bound.reason = bound.reason;
  TM_TRY(const std::optional<Schema> known, carried_columns(plan.id, sink, cancel));
  if (!known) return {};
  for (const ColumnChange& change : compare_columns(*known, plan.input)) {
    if (change.kind != ColumnChangeKind::added) plan.bound.notes.push_back(describe(change));
  }
  return {};
}

Result<PreparedStream> Planner::plan_verified_stream(const JobSpec& job, const StreamSpec& stream,
                                                     const StreamId& id, Sink& sink,
                                                     const PlanOptions& options, Cancel& cancel) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  plan.id = id;
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
  plan.bound.window.hi = head->window.hi;
  // An append has nothing behind it. The windows of others may reach further, and how far the
  // ledger does not say: who compares takes out what changed since `hi`.
  if (job.to.load == LoadStrategy::append) plan.bound.window.top = head->window.hi;
  plan.load_id = load_id_of(plan.id, plan.kind, plan.seq, options.run.get());
  TM_TRY(prepared.source, open_to_verify(job, stream, id, sink, options, cancel));
  TM_TRY(plan.input, prepared.source->discover(cancel));
  TM_CHECK(bound_verified(job, *head, *prepared.source, sink, plan, cancel));
  prepared.source->rest();
  Status planned = plan_load(job, stream.name.get(), plan, sink, options, cancel);
  if (!planned.ok() && !plan.bound.notes.empty())
    return std::move(planned).error().with_context(plan.bound.notes.front());
  TM_CHECK(planned);
  if (!plan.target.was_there) return table_gone(plan.target.table);
  return prepared;
}

Result<JobPlan> Planner::plan_verify(const JobSpec& job, const PlanOptions& options,
                                     Cancel& cancel) {
  if (!options.in_quiet_hours) TM_CHECK(guards_.of(job.from.connection.value).check_hours());
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  for (const StreamSpec& stream : streams) {
    const StreamId id{job.name, many ? stream.name : StreamName("main")};
    TM_TRY(PreparedStream prepared,
           plan_verified_stream(job, stream, id, *plan.sink, options, cancel));
    plan.streams.push_back(std::move(prepared));
  }
  return plan;
}

Result<std::unique_ptr<Source>> Planner::source_to_verify(const JobSpec& job, const StreamId& id,
                                                          Sink& sink, const PlanOptions& options,
                                                          Cancel& cancel) {
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  const auto stream = std::find_if(streams.begin(), streams.end(), [&](const StreamSpec& one) {
    return !many || one.name == id.stream;
  });
  if (stream == streams.end()) {
    return user_error("plan.stream_gone", "the source has no `" + id.stream.get() + "` any more");
  }
  return open_to_verify(job, *stream, id, sink, options, cancel);
}

}  // namespace tidemark

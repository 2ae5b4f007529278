#include "run/runner.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/stream_run.h"

namespace tidemark {

namespace {

StoredStrategy stored_strategy(LoadStrategy load) {
  switch (load) {
    case LoadStrategy::full:
      return StoredStrategy::full;
    case LoadStrategy::append:
      return StoredStrategy::incremental;
    case LoadStrategy::upsert:
      return StoredStrategy::upsert;
  }
  return StoredStrategy::full;
}

std::string source_text(const SourceSpec& from) {
  if (const auto* table = std::get_if<TableInput>(&from.input)) return table->table.value;
  if (const auto* query = std::get_if<QueryInput>(&from.input)) return query->query.text;
  std::string text;
  const auto* tables = std::get_if<TablesInput>(&from.input);
  const auto& names =
      tables != nullptr ? tables->tables : std::get<FilesInput>(from.input).patterns;
  for (const Name& name : names)
    text += (text.empty() ? "" : ", ") + name.value;
  return text;
}

RunFinish finish(const RunId& run, RunState outcome, std::optional<Error> error) {
  RunFinish end;
  end.run = run;
  end.outcome = outcome;
  if (error) end.message = error->describe();
  end.error = std::move(error);
  return end;
}

RunState planning_outcome(const Error& error) {
  if (error.code == "run.cancelled") return RunState::cancelled;
  return error.code.starts_with("blocked.") ? RunState::blocked : RunState::failed;
}

}  // namespace

JobRecord job_record(const JobSpec& job, const ProjectSpec& project, const Clock& clock) {
  JobRecord record;
  record.name = job.name;
  if (job.schedule.cron) record.schedule_cron = job.schedule.cron->value;
  if (const ConnectionSpec* from = project.find_connection(job.from.connection.value)) {
    record.source_dsn = from->connector + ": " + from->shown;
  }
  record.source_query = source_text(job.from);
  record.transform_ref = job.transform.empty() ? "" : job.file;
  record.target_table = job.to.connection.value + "." + job.to.table.value;
  record.load_strategy = stored_strategy(job.to.load);
  if (job.from.watermark) record.watermark_col = job.from.watermark->value;
  record.enabled = job.enabled;
  record.updated_at = clock.now_utc();
  return record;
}

Result<RunRecord> Runner::run(const RunId& id, const JobSpec& job, const RunOptions& options,
                              Cancel& cancel) {
  const JobRecord record = job_record(job, parts_.project, parts_.clock);
  RunStart start;
  start.run = id;
  start.job = job.name;
  start.kind = options.full ? RunKind::full : RunKind::run;
  start.pid = ::getpid();

  TM_TRY(auto engine, parts_.engine.connect());
  parts_.observer.on({id, {job.name, StreamName("main")}, RunStep::plan, 0, 0, {}});
  Result<JobPlan> planned = [&] {
    const CancelWatch watch(cancel, *engine);
    return Planner(parts_.project, parts_.connectors, *engine, parts_.files)
        .plan(job, {options.full, options.allow_empty, id}, cancel);
  }();
  if (!planned.ok()) {
    const Error error = cancel.requested() ? cancel.check().error() : planned.error();
    TM_CHECK(
        parts_.store.record_idle_run(record, start, finish(id, planning_outcome(error), error)));
    TM_TRY(RunHistory history, parts_.store.get_run(id));
    return history.run;
  }

  start.guarantee = planned->guarantee;
  bool anything_new = false;
  for (const PreparedStream& stream : planned->streams) {
    const StreamPlan& plan = stream.plan;
    start.streams.push_back({plan.id.stream, plan.seq, plan.fence, plan.bound.window});
    anything_new = anything_new || !plan.bound.nothing_new;
  }
  if (!anything_new) {
    RunFinish end = finish(id, RunState::skipped, std::nullopt);
    end.message = "nothing new since the last window";
    for (const PlannedStream& stream : start.streams) {
      Transition skip;
      skip.run = id;
      skip.stream = stream.stream;
      skip.expected = StreamMark{RunState::planned, 1, stream.fence};
      skip.to = RunState::skipped;
      skip.message = end.message;
      end.last_steps.push_back(std::move(skip));
    }
    TM_CHECK(parts_.store.record_idle_run(record, start, end));
    TM_TRY(RunHistory history, parts_.store.get_run(id));
    return history.run;
  }

  TM_CHECK(parts_.store.upsert_job(record));
  TM_CHECK(parts_.store.begin_run(start));
  std::vector<RunState> states;
  std::optional<Error> first_error;
  {
    const CancelWatch watch(cancel, *engine);
    for (PreparedStream& stream : planned->streams) {
      StreamRun stream_run(parts_, id, job, stream, *planned->sink, *engine,
                           StreamMark{RunState::planned, 1, stream.plan.fence});
      std::optional<Error> error = stream_run.execute(cancel);
      states.push_back(stream_run.state());
      if (error && !is_final(stream_run.state())) states.back() = RunState::failed;
      if (error && !first_error) first_error = std::move(error);
    }
  }
  TM_CHECK(parts_.store.finish_run(finish(id, worst_of(states), std::move(first_error))));
  TM_TRY(RunHistory history, parts_.store.get_run(id));
  return history.run;
}

}  // namespace tidemark

#include "run/runner.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "plan/plan_document.h"
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

// A run in which no stream had anything to do.
RunFinish finish_idle(const RunStart& start, const JobPlan& planned) {
  RunFinish end = finish(start.run, RunState::skipped, std::nullopt);
  for (const PreparedStream& stream : planned.streams) {
    Transition skip;
    skip.run = start.run;
    skip.stream = stream.plan.id.stream;
    skip.expected = StreamMark{RunState::planned, 1, stream.plan.fence};
    skip.to = RunState::skipped;
    skip.message = stream.plan.idle_reason;
    end.message = stream.plan.idle_reason;
    end.last_steps.push_back(std::move(skip));
  }
  return end;
}

// The stages a run sealed, as long as they are still its own.
Result<std::vector<Stage>> stages_of(const RunRecord& past, Files& files) {
  std::vector<Stage> stages;
  for (const StreamRecord& stream : past.streams) {
    if (!stream.stage_dir) continue;
    const std::string what =
        "run " + past.run.get() +
        (stream.stream.get() == "main" ? std::string() : ", stream `" + stream.stream.get() + "`");
    auto stage = Stage::open(*stream.stage_dir, files);
    if (!stage.ok() && stage.error().code != "stage.not_sealed") return std::move(stage).error();
    const RunId owner = stage.ok() ? stage->manifest().key.run_id : RunId();
    // A replay's own record names the stage of the run it replayed.
    if (!stage.ok() || (owner != past.run && past.kind != RunKind::replay)) {
      return user_error(
          "plan.replay_no_stage",
          "the stage of " + what + " is gone" +
              (stage.ok() ? ": run " + owner.get() + " has read that window again" : std::string()),
          stage.ok() ? "replay that run instead" : "run the job again");
    }
    stages.push_back(std::move(*stage));
  }
  if (stages.empty()) {
    return user_error("plan.replay_no_stage", "run " + past.run.get() + " sealed no stage",
                      "only a run that read its source to the end can be replayed; run `" +
                          past.job.get() + "` again");
  }
  return stages;
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
  const PlanOptions wanted{options.full, options.allow_empty, id, false};
  return conduct(
      id, job, options.full ? RunKind::full : RunKind::run,
      [&](Planner& planner) { return planner.plan(job, wanted, cancel); }, cancel);
}

Result<RunRecord> Runner::replay(const RunId& id, const JobSpec& job, const RunRecord& past,
                                 const RunOptions& options, Cancel& cancel) {
  const PlanOptions wanted{false, options.allow_empty, id, false};
  return conduct(
      id, job, RunKind::replay,
      [&](Planner& planner) -> Result<JobPlan> {
        TM_TRY(std::vector<Stage> stages, stages_of(past, parts_.files));
        return planner.plan_replay(job, std::move(stages), wanted, cancel);
      },
      cancel);
}

Result<RunRecord> Runner::conduct(const RunId& id, const JobSpec& job, RunKind kind,
                                  const std::function<Result<JobPlan>(Planner&)>& make_plan,
                                  Cancel& cancel) {
  const JobRecord record = job_record(job, parts_.project, parts_.clock);
  RunStart start;
  start.run = id;
  start.job = job.name;
  start.kind = kind;
  start.pid = ::getpid();
  start.started_at = parts_.clock.now_utc();

  TM_TRY(auto engine, parts_.engine.connect());
  parts_.observer.on({id, {job.name, StreamName("main")}, RunStep::plan, 0, 0, {}});
  Result<JobPlan> planned = [&] {
    const CancelWatch watch(cancel, *engine);
    Planner planner(parts_.project, parts_.connectors, *engine, parts_.files);
    return make_plan(planner);
  }();
  if (!planned.ok()) {
    const Error error = cancel.requested() ? cancel.check().error() : planned.error();
    TM_CHECK(
        parts_.store.record_idle_run(record, start, finish(id, planning_outcome(error), error)));
    return record_of(id);
  }

  start.guarantee = planned->guarantee;
  start.plan_json = to_json(plan_document(*planned), JsonLayout::compact);
  bool anything_new = false;
  for (const PreparedStream& stream : planned->streams) {
    const StreamPlan& plan = stream.plan;
    start.streams.push_back({plan.id.stream, plan.seq, plan.fence, plan.bound.window});
    anything_new = anything_new || !plan.bound.nothing_new;
  }
  if (!anything_new) {
    // Why nothing came may be worth a look: a transaction that holds the watermark, for one.
    for (const PreparedStream& stream : planned->streams) {
      for (const std::string& note : stream.plan.bound.notes)
        parts_.observer.on({id, stream.plan.id, RunStep::plan, 0, 0, note});
    }
    TM_CHECK(parts_.store.record_idle_run(record, start, finish_idle(start, *planned)));
    return record_of(id);
  }

  TM_CHECK(parts_.store.upsert_job(record));
  TM_CHECK(parts_.store.begin_run(start));
  TM_TRY(RunFinish end, advance(id, job, *planned, *engine, cancel));
  TM_CHECK(parts_.store.finish_run(end));
  return record_of(id);
}

Result<RunFinish> Runner::advance(const RunId& id, const JobSpec& job, JobPlan& planned,
                                  duck::Connection& engine, Cancel& cancel) {
  std::vector<RunState> states;
  std::optional<Error> first_error;
  std::optional<std::string> watermark;
  const CancelWatch watch(cancel, engine);
  for (PreparedStream& stream : planned.streams) {
    StreamRun stream_run(parts_, id, job, stream, *planned.sink, engine,
                         StreamMark{RunState::planned, 1, stream.plan.fence});
    std::optional<Error> error = stream_run.execute(cancel);
    states.push_back(stream_run.state());
    if (error && !is_final(stream_run.state())) states.back() = RunState::failed;
    if (error && !first_error) first_error = std::move(error);
    const auto& hi = stream.plan.bound.window.hi;
    if (stream_run.state() == RunState::done && hi) watermark = hi->text;
  }
  RunFinish end = finish(id, worst_of(states), std::move(first_error));
  end.watermark_snapshot = std::move(watermark);
  return end;
}

Result<RunRecord> Runner::record_of(const RunId& id) {
  TM_TRY(RunHistory history, parts_.store.get_run(id));
  return history.run;
}

}  // namespace tidemark

#include "run/runner.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "plan/plan_document.h"
#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/job_finder.h"
#include "run/lease.h"
#include "run/older_target.h"
#include "run/stage_upkeep.h"
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
Result<std::vector<Stage>> stages_of(const RunRecord& past, const ProjectSpec& project,
                                     Files& files) {
  std::vector<Stage> stages;
  for (const StreamRecord& stream : past.streams) {
    if (!stream.stage_dir) continue;
    const std::string what =
        "run " + past.run.get() +
        (stream.stream.get() == "main" ? std::string() : ", stream `" + stream.stream.get() + "`");
    auto stage = Stage::open(found_stage_dir(project, *stream.stage_dir), files);
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

bool is_idle(const JobPlan& planned) {
  return std::all_of(planned.streams.begin(), planned.streams.end(),
                     [](const PreparedStream& stream) { return stream.plan.bound.nothing_new; });
}

// Of those that the ledger knows, and those that stages were written under: the second where the
// store was lost before the ledger heard of them.
Result<Fence> newest_fence(const JobPlan& planned, const ProjectSpec& project) {
  TM_TRY(const std::filesystem::path root, stage_root(project));
  Fence newest(0);
  for (const PreparedStream& stream : planned.streams) {
    newest = std::max(newest, stream.plan.fence);
    TM_TRY(const std::vector<StageFolder> folders,
           stage_folders(staged_stream(root, stream.plan.id)));
    for (const StageFolder& folder : folders)
      newest = std::max(newest, folder.fence);
  }
  return newest;
}

// The target changed between the plan and the lease, or may have: no head moves when refused rows
// are loaded.
bool loaded_meanwhile(const JobPlan& planned, const std::vector<LedgerRow>& heads) {
  for (const PreparedStream& stream : planned.streams) {
    const StreamPlan& plan = stream.plan;
    if (plan.bound.nothing_new) continue;
    if (stream.again) return true;
    Seq stands(0);
    for (const LedgerRow& head : heads) {
      if (head.stream.stream == plan.id.stream) stands = head.seq;
    }
    const std::int64_t expected = plan.seq.get() - (plan.kind == LoadKind::window ? 1 : 0);
    if (stands.get() != expected) return true;
  }
  return false;
}

// The stage a stream had sealed when its process died, if it is whole. A damaged one is read again
// from the source: nothing of it was loaded.
Result<std::optional<Stage>> sealed_stage_of(const StreamRecord& stream, const ProjectSpec& project,
                                             Files& files, Cancel& cancel) {
  if (!stream.stage_dir) return std::optional<Stage>();
  auto stage = Stage::open(found_stage_dir(project, *stream.stage_dir), files);
  if (!stage.ok()) return std::optional<Stage>();
  auto whole = stage->verify(HashDepth::xxh3, cancel);
  if (whole.ok()) return std::optional(std::move(*stage));
  if (whole.error().code == "run.cancelled") return std::move(whole).error();
  return std::optional<Stage>();
}

StoredError stored(const Error& error) {
  return {error.code, std::string(to_string(error.fault)), error.describe(), error.hint,
          error.retry};
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
  record.spec_hash = job.content_hash;
  record.spec_text = kept_text(job.texts);
  record.updated_at = clock.now_utc();
  return record;
}

Result<RunRecord> Runner::run(const RunId& id, const JobSpec& job, const RunOptions& options,
                              Cancel& cancel) {
  const PlanOptions wanted{options.full,
                           options.allow_empty,
                           id,
                           false,
                           options.same_source,
                           options.in_quiet_hours,
                           options.accept_drift,
                           options.accept_deletes,
                           options.sweep};
  return conduct(
      id, job, options.full ? RunKind::full : RunKind::run,
      [&](Planner& planner, duck::Connection&) { return planner.plan(job, wanted, cancel); },
      cancel);
}

Result<RunRecord> Runner::replay(const RunId& id, const JobSpec& job, const RunRecord& past,
                                 bool allow_empty, Cancel& cancel) {
  const PlanOptions wanted{false, allow_empty, id, false};
  return conduct(
      id, job, RunKind::replay,
      [&](Planner& planner, duck::Connection&) -> Result<JobPlan> {
        TM_TRY(std::vector<Stage> stages, stages_of(past, parts_.project, parts_.files));
        return planner.plan_replay(job, std::move(stages), wanted, cancel);
      },
      cancel);
}

Result<RunRecord> Runner::replay_refused(const RunId& id, const JobSpec& job, Cancel& cancel) {
  const PlanOptions wanted{false, false, id, false};
  return conduct(
      id, job, RunKind::replay,
      [&](Planner& planner, duck::Connection&) {
        return planner.plan_refused(job, wanted, cancel);
      },
      cancel);
}

Result<RunRecord> Runner::repair(const RunId& id, const JobSpec& job, const MakePlan& make_plan,
                                 Cancel& cancel) {
  return conduct(id, job, RunKind::repair, make_plan, cancel);
}

Result<BackfillRun> Runner::backfill(const RunId& id, const JobSpec& job,
                                     const BackfillRange& range, const BackfillOptions& options,
                                     Cancel& cancel) {
  PlanOptions wanted{false, options.allow_empty, id, false};
  wanted.in_quiet_hours = options.in_quiet_hours;
  wanted.rate_share = options.rate_share;
  TM_TRY(const std::filesystem::path root, stage_root(parts_.project));
  const std::filesystem::path stages = root / backfill_folder / path_component(job.name.get());
  const auto remove = [&] {
    std::error_code ignored;  // what stays is removed by the next part
    std::filesystem::remove_all(stages, ignored);
  };
  bool from_stage = false;
  auto ran = conduct(
      id, job, RunKind::backfill,
      [&](Planner& planner, duck::Connection&) -> Result<JobPlan> {
        TM_TRY(JobPlan plan, planner.plan_backfill(job, range, wanted, cancel));
        from_stage = std::any_of(plan.streams.begin(), plan.streams.end(),
                                 [](const PreparedStream& stream) { return !!stream.stage; });
        return plan;
      },
      cancel);
  remove();
  if (!ran.ok()) return std::move(ran).error();
  return BackfillRun{std::move(*ran), from_stage};
}

Result<JobPlan> Runner::plan_and_lease(const RunId& id, const JobSpec& job,
                                       const MakePlan& make_plan, duck::Connection& engine,
                                       std::unique_ptr<Lease>& lease, Cancel& stop) {
  const CancelWatch watch(stop, engine);
  const auto plan = [&] {
    Planner planner(
        {parts_.project, parts_.connectors, engine, parts_.files, &parts_.store, parts_.guards});
    return make_plan(planner, engine);
  };
  TM_TRY(JobPlan planned, plan());
  if (is_idle(planned)) return planned;
  TM_CHECK(parts_.store.upsert_job(job_record(job, parts_.project, parts_.clock)));
  TM_TRY(const Fence newest, newest_fence(planned, parts_.project));
  const bool is_past = std::any_of(
      planned.streams.begin(), planned.streams.end(),
      [](const PreparedStream& stream) { return stream.plan.kind == LoadKind::backfill; });
  const LeaseOptions options{job.name, id, newest, parts_.project.lease, is_past};
  TM_TRY(lease, Lease::take(parts_.store, parts_.clock, options, stop));
  TM_TRY(const std::vector<LedgerRow> heads,
         planned.sink->take_over(job.name, lease->token(), stop));
  if (loaded_meanwhile(planned, heads)) {
    TM_TRY(planned, plan());
  }
  for (PreparedStream& stream : planned.streams)
    stream.plan.fence = lease->token();
  return planned;
}

Result<RunRecord> Runner::conduct(const RunId& id, const JobSpec& job, RunKind kind,
                                  const MakePlan& make_plan, Cancel& cancel) {
  RunStart start;
  start.run = id;
  start.job = job.name;
  start.kind = kind;
  start.spec_hash = job.content_hash;
  start.pid = ::getpid();
  start.started_at = parts_.clock.now_utc();

  TM_TRY(auto engine, parts_.engine.connect());
  parts_.observer.on({id, {job.name, StreamName("main")}, RunStep::plan, 0, 0, {}});
  Cancel stop(cancel);
  std::unique_ptr<Lease> lease;
  Result<JobPlan> planned = plan_and_lease(id, job, make_plan, *engine, lease, stop);
  const JobRecord record = job_record(job, parts_.project, parts_.clock);
  if (lease) TM_CHECK(lease->held());
  if (!planned.ok()) {
    const Error error = cancel.requested() ? cancel.check().error() : planned.error();
    if (error.code == "run.leased" || error.code == "run.lease_lost") return error;
    TM_CHECK(
        parts_.store.record_idle_run(record, start, finish(id, planning_outcome(error), error)));
    return record_of(id);
  }

  for (PreparedStream& stream : planned->streams) {
    for (const DriftEntry& entry : stream.plan.drift) {
      parts_.observer.on(
          {id, stream.plan.id, RunStep::plan, 0, 0, describe(entry.change) + ": " + entry.action});
    }
    TM_TRY(std::optional<std::string> older, older_target_note(stream.plan, parts_.store));
    if (!older) continue;
    if (!is_idle(*planned) && !stream.plan.bound.is_held)
      parts_.observer.on({id, stream.plan.id, RunStep::plan, 0, 0, *older});
    stream.plan.bound.notes.push_back(std::move(*older));
  }
  start.guarantee = planned->guarantee;
  start.plan_json = to_json(plan_document(*planned), JsonLayout::compact);
  std::vector<StreamMark> marks;
  for (const PreparedStream& stream : planned->streams) {
    const StreamPlan& plan = stream.plan;
    start.streams.push_back(
        {plan.id.stream, plan.seq, plan.fence, plan.bound.window, plan.bound.memory});
    marks.push_back({RunState::planned, 1, plan.fence});
  }
  // Why nothing came, or not all that is there, may be worth a look.
  for (const PreparedStream& stream : planned->streams) {
    if (!is_idle(*planned) && !stream.plan.bound.is_held) continue;
    for (const std::string& note : stream.plan.bound.notes)
      parts_.observer.on({id, stream.plan.id, RunStep::plan, 0, 0, note});
  }
  if (is_idle(*planned)) {
    TM_CHECK(parts_.store.record_idle_run(record, start, finish_idle(start, *planned)));
    return record_of(id);
  }

  TM_CHECK(parts_.store.begin_run(start));
  return advance(id, job, *planned, marks, {}, *engine, *lease, stop);
}

Result<RunRecord> Runner::go_on(const RunRecord& left, const JobSpec& job, Lease& lease,
                                Cancel& cancel) {
  TM_TRY(auto engine, parts_.engine.connect());
  std::vector<LeftStream> streams;
  std::vector<StreamMark> marks;
  std::vector<RunState> ended;
  for (const StreamRecord& stream : left.streams) {
    if (is_final(stream.mark.state)) {
      ended.push_back(stream.mark.state);
      continue;
    }
    TM_TRY(std::optional<Stage> stage,
           sealed_stage_of(stream, parts_.project, parts_.files, cancel));
    if (!stage && left.kind == RunKind::replay) {
      return internal_error("stage.not_sealed", "the stage of run " + left.run.get() + " is gone");
    }
    streams.push_back({stream.stream, stream.window, std::move(stage)});
    marks.push_back(stream.mark);
  }
  Result<JobPlan> planned = [&] {
    const CancelWatch watch(cancel, *engine);
    const PlanOptions wanted{left.kind == RunKind::full, false, left.run, false};
    Planner planner(
        {parts_.project, parts_.connectors, *engine, parts_.files, &parts_.store, parts_.guards});
    return planner.plan_rest(job, std::move(streams), left.kind == RunKind::replay, wanted, cancel);
  }();
  if (!planned.ok()) return std::move(planned).error();
  for (PreparedStream& stream : planned->streams)
    stream.plan.fence = lease.token();
  return advance(left.run, job, *planned, marks, std::move(ended), *engine, lease, cancel);
}

Result<RunRecord> Runner::advance(const RunId& id, const JobSpec& job, JobPlan& planned,
                                  const std::vector<StreamMark>& marks, std::vector<RunState> ended,
                                  duck::Connection& engine, Lease& lease, Cancel& stop) {
  std::optional<Error> first_error;
  std::optional<std::string> watermark;
  std::vector<StreamId> loaded;
  bool all_ended = true;
  {
    const CancelWatch watch(stop, engine);
    for (std::size_t at = 0; at < planned.streams.size(); ++at) {
      PreparedStream& stream = planned.streams[at];
      StreamRun stream_run(parts_, id, job, stream, *planned.sink, engine, lease, marks[at]);
      std::optional<Error> error = stream_run.execute(stop);
      TM_CHECK(lease.held());
      all_ended = all_ended && is_final(stream_run.state());
      ended.push_back(stream_run.state());
      if (error && !first_error) first_error = std::move(error);
      const auto& hi = stream.plan.bound.window.hi;
      const bool moved = stream.plan.kind != LoadKind::backfill;
      if (stream_run.state() == RunState::done && hi && moved) watermark = hi->text;
      if (stream_run.state() == RunState::done) loaded.push_back(stream.plan.id);
    }
  }
  if (!all_ended) {
    // A COMMIT that nobody can tell about now: the run stays open until the target can be asked.
    TM_TRY(RunRecord record, record_of(id));
    if (first_error) record.error = stored(*first_error);
    return record;
  }
  remove_aged(id, loaded, *planned.sink, stop);
  RunFinish end = finish(id, worst_of(ended), std::move(first_error));
  end.watermark_snapshot = std::move(watermark);
  TM_CHECK(parts_.store.finish_run(end));
  lease.ended();
  return record_of(id);
}

// A stage that stays costs space only, so what fails here is said and does not fail the run.
void Runner::remove_aged(const RunId& id, const std::vector<StreamId>& loaded, Sink& sink,
                         Cancel& stop) {
  for (const StreamId& stream : loaded) {
    const Status removed = remove_aged_stages(parts_, stream, sink, stop);
    if (removed.ok() || removed.error().code == "run.cancelled") continue;
    parts_.observer.on({id, stream, RunStep::done, 0, 0,
                        "old stages were not removed: " + removed.error().describe()});
  }
}

Result<RunRecord> Runner::record_of(const RunId& id) {
  TM_TRY(RunHistory history, parts_.store.get_run(id));
  return history.run;
}

}  // namespace tidemark

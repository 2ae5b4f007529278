#include "run/runner.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "observe/log.h"
#include "plan/plan_document.h"
#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/hand_over.h"
#include "run/job_finder.h"
#include "run/lease.h"
#include "run/older_target.h"
#include "run/refused_row.h"
#include "run/run_end.h"
#include "run/run_meter.h"
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

// A sweep reads the source while it loads, so such a run stays with who reads it.
bool may_change_hands(const JobPlan& planned) {
  return std::none_of(planned.streams.begin(), planned.streams.end(),
                      [](const PreparedStream& stream) {
                        return stream.keys || (stream.plan.deletes && stream.plan.deletes->sweep);
                      });
}

// All that has not ended, and that is not nothing.
bool is_staged(const std::deque<StreamRun>& streams) {
  bool any = false;
  for (const StreamRun& stream : streams) {
    if (stream.state() == RunState::skipped) continue;
    if (stream.state() != RunState::staged) return false;
    any = true;
  }
  return any;
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
      cancel, options.hand_over);
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

Result<RunRecord> Runner::replay_refused(const RunId& id, const JobSpec& job,
                                         const std::vector<std::string>& rows, Cancel& cancel) {
  const PlanOptions wanted{false, false, id, false};
  const RowParts asked{parts_.project, parts_.connectors, parts_.engine, parts_.files, false};
  return conduct(
      id, job, RunKind::replay,
      [&](Planner& planner, duck::Connection&) -> Result<JobPlan> {
        TM_TRY(std::vector<RowEdit> edits, newest_row_edits(asked, job, cancel));
        return planner.plan_refused(job, {rows, std::move(edits)}, wanted, cancel);
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
  // Over a shared stage they may be those of whoever has the job.
  const auto lease = parts_.store.find_lease(job.name);
  if (lease.ok() && *lease && (*lease)->run == id) remove();
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
  TM_TRY(const Fence newest, newest_fence(planned, parts_.project));
  const bool is_past = std::any_of(
      planned.streams.begin(), planned.streams.end(),
      [](const PreparedStream& stream) { return stream.plan.kind == LoadKind::backfill; });
  const LeaseOptions options{job.name, id, newest, parts_.project.lease, is_past};
  if (!lease || lease->token() <= newest) {
    TM_CHECK(parts_.store.upsert_job(job_record(job, parts_.project, parts_.clock)));
    lease.reset();
    TM_TRY(lease, Lease::take(parts_.store, parts_.clock, options, stop));
  }
  if (parts_.project.stage.shared) TM_CHECK(check_nothing_staged(id, job.name));
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
                                  const MakePlan& make_plan, Cancel& cancel,
                                  const HandOver* hand_over) {
  RunStart start;
  start.run = id;
  start.job = job.name;
  start.kind = kind;
  start.spec_hash = job.content_hash;
  start.pid = ::getpid();
  start.started_at = parts_.clock.now_utc();
  start.request = parts_.request;
  const LogScope scope({id.get(), job.name.get(), {}});
  process_log().tell(LogLevel::debug, LogComponent::run, to_string(kind), {{"state", "begins"}});

  TM_TRY(auto engine, parts_.engine.connect());
  ProcessorShares alone;
  RunMeter meter(parts_.shares == nullptr ? alone : *parts_.shares);
  parts_.tell(RunEvent{id, {job.name, StreamName("main")}, RunStep::plan, 0, 0, {}});
  Cancel stop(cancel);
  std::unique_ptr<Lease> lease;
  const JobRecord record = job_record(job, parts_.project, parts_.clock);
  // What others load while a repair compares it would put back to what it was.
  if (kind == RunKind::repair) {
    TM_CHECK(parts_.store.upsert_job(record));
    TM_TRY(lease, Lease::take(parts_.store, parts_.clock,
                              {job.name, id, Fence(0), parts_.project.lease}, stop));
  }
  Result<JobPlan> planned = plan_and_lease(id, job, make_plan, *engine, lease, stop);
  if (lease) TM_CHECK(lease->held());
  if (!planned.ok()) {
    const Error error = cancel.requested() ? cancel.check().error() : planned.error();
    if (error.code == "run.leased" || error.code == "run.lease_lost") return error;
    RunFinish end = finish(id, planning_outcome(error), error);
    end.used = meter.take();
    TM_CHECK(parts_.store.record_idle_run(record, start, end));
    return told(id);
  }

  for (PreparedStream& stream : planned->streams) {
    for (const DriftEntry& entry : stream.plan.drift) {
      parts_.tell(RunEvent{id, stream.plan.id, RunStep::plan, 0, 0,
                           describe(entry.change) + ": " + entry.action});
    }
    TM_TRY(std::optional<std::string> older, older_target_note(stream.plan, parts_.store));
    if (!older) continue;
    if (!is_idle(*planned) && !stream.plan.bound.is_held)
      parts_.tell(RunEvent{id, stream.plan.id, RunStep::plan, 0, 0, *older});
    stream.plan.bound.notes.push_back(std::move(*older));
  }
  start.guarantee = planned->guarantee;
  start.plan_json = to_json(plan_document(*planned), JsonLayout::compact);
  start.signs = signs_of(*planned);
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
      parts_.tell(
          RunEvent{id, stream.plan.id, RunStep::plan, 0, 0, note, stream.plan.bound.is_held});
  }
  if (is_idle(*planned)) {
    RunFinish end = finish_idle(start, *planned);
    end.used = meter.take();
    TM_CHECK(parts_.store.record_idle_run(record, start, end));
    return told(id);
  }

  TM_CHECK(parts_.store.begin_run(start));
  return advance(id, job, *planned, marks, {}, *engine, *lease, hand_over, meter, stop);
}

// A run that changes hands has no lease for a moment, in which no other may load what is newer.
Status Runner::check_nothing_staged(const RunId& id, const JobName& job) {
  TM_TRY(const std::vector<RunRecord> open, parts_.store.unfinished_runs(job));
  for (const RunRecord& run : open) {
    if (run.run == id || !waits_for_load(run)) continue;
    return internal_error(
        "run.leased",
        "run " + run.run.get() + " of job " + job.get() + " is staged and not loaded yet",
        Retry::backoff, "wait until a server has loaded it");
  }
  return {};
}

Result<RunRecord> Runner::go_on(const RunRecord& left, const JobSpec& job, Lease& lease,
                                const GoOn& how, Cancel& cancel) {
  const LogScope scope({left.run.get(), job.name.get(), {}});
  process_log().tell(LogLevel::debug, LogComponent::run, to_string(left.kind),
                     {{"state", "goes on"}});
  TM_TRY(auto engine, parts_.engine.connect());
  ProcessorShares alone;
  RunMeter meter(parts_.shares == nullptr ? alone : *parts_.shares);
  std::vector<LeftStream> streams;
  std::vector<StreamMark> marks;
  Ended ended;
  for (const StreamRecord& stream : left.streams) {
    if (is_final(stream.mark.state)) {
      ended.states.push_back(stream.mark.state);
      if (stream.error && !ended.error) ended.error = error_of(*stream.error);
      continue;
    }
    TM_TRY(std::optional<Stage> stage,
           sealed_stage_of(stream, parts_.project, parts_.files, cancel));
    if (!stage && left.kind == RunKind::replay) {
      return internal_error("stage.not_sealed", "the stage of run " + left.run.get() + " is gone");
    }
    if (!stage && how.from_stages) {
      return internal_error(
          "run.no_stage",
          "the stage of run " + left.run.get() + " is gone, or not as it was sealed",
          Retry::backoff, "its window is read again; nothing of it was loaded");
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
  return advance(left.run, job, *planned, marks, std::move(ended), *engine, lease, how.hand_over,
                 meter, cancel);
}

Result<RunRecord> Runner::advance(const RunId& id, const JobSpec& job, JobPlan& planned,
                                  const std::vector<StreamMark>& marks, Ended ended,
                                  duck::Connection& engine, Lease& lease, const HandOver* hand_over,
                                  RunMeter& meter, Cancel& stop) {
  // Asked before the sources are done with.
  const bool asks = hand_over != nullptr && may_change_hands(planned);
  std::optional<Error> first_error = std::move(ended.error);
  std::optional<std::string> watermark;
  std::vector<StreamId> loaded;
  bool all_ended = true;
  std::deque<StreamRun> runs;
  {
    const CancelWatch watch(stop, engine);
    const auto note = [&](std::optional<Error> error) -> Status {
      TM_CHECK(lease.held());
      if (error && !first_error) first_error = std::move(error);
      return {};
    };
    for (std::size_t at = 0; at < planned.streams.size(); ++at) {
      PreparedStream& stream = planned.streams[at];
      StreamRun& one = runs.emplace_back(parts_, id, job, stream, *planned.sink, engine, lease,
                                         marks[at], hand_over, meter);
      TM_CHECK(note(asks ? one.extract(stop) : one.execute(stop)));
      if (asks && stream.source && planned.streams.size() > 1) stream.source->rest();
    }
    // Where one could not be read the others are loaded here: the run has failed, and is done with.
    if (asks && is_staged(runs)) {
      TM_TRY(const bool here, hand_over->loads_here(id));
      if (!here) return left(id);
    }
    for (StreamRun& one : runs) {
      if (asks) TM_CHECK(note(one.load(stop)));
    }
  }
  for (std::size_t at = 0; at < planned.streams.size(); ++at) {
    const StreamPlan& plan = planned.streams[at].plan;
    const RunState state = runs[at].state();
    all_ended = all_ended && is_final(state);
    ended.states.push_back(state);
    if (state != RunState::done) continue;
    if (plan.bound.window.hi && plan.kind != LoadKind::backfill)
      watermark = plan.bound.window.hi->text;
    loaded.push_back(plan.id);
  }
  if (!all_ended) {
    // A COMMIT that nobody can tell about now, or a load that is tried again: the run stays open.
    TM_TRY(RunRecord record, left(id));
    if (first_error) record.error = stored(*first_error);
    return record;
  }
  remove_aged(id, loaded, *planned.sink, stop);
  RunFinish end = finish(id, worst_of(ended.states), std::move(first_error));
  end.watermark_snapshot = std::move(watermark);
  end.used = meter.take();
  TM_CHECK(parts_.store.finish_run(end));
  lease.ended();
  return told(id);
}

// A stage that stays costs space only, so what fails here is said and does not fail the run.
void Runner::remove_aged(const RunId& id, const std::vector<StreamId>& loaded, Sink& sink,
                         Cancel& stop) {
  for (const StreamId& stream : loaded) {
    const Status removed = remove_aged_stages(parts_, stream, sink, stop);
    if (removed.ok() || removed.error().code == "run.cancelled") continue;
    parts_.tell(RunEvent{id, stream, RunStep::done, 0, 0,
                         "old stages were not removed: " + removed.error().describe()});
  }
}

void RunnerParts::tell(const RunEvent& event) const {
  // Counts alone are for who looks on; the steps are told when the store has them.
  if (!event.message.empty())
    process_log().tell(LogLevel::debug, LogComponent::run, event.message,
                       {{"step", to_string(event.step)}, {"stream", event.stream.stream.get()}});
  observer.on(event);
  if (watcher != nullptr) watcher->on(event);
}

void RunnerParts::tell(const RunEnd& end) const {
  process_log().tell(LogLevel::debug, LogComponent::run, end.status,
                     {{"run", end.run.get()},
                      {"job", end.job.get()},
                      {"ms", std::chrono::duration<double, std::milli>(end.took).count()},
                      {"rows_read", end.rows_read},
                      {"rows_loaded", end.rows_loaded},
                      {"rows_rejected", end.rows_rejected}});
  observer.ended(end);
  if (watcher != nullptr) watcher->ended(end);
}

Result<RunRecord> Runner::told(const RunId& id) {
  TM_TRY(RunRecord record, record_of(id));
  parts_.tell(end_of(record));
  return record;
}

Result<RunRecord> Runner::left(const RunId& id) {
  parts_.observer.left(id);
  if (parts_.watcher != nullptr) parts_.watcher->left(id);
  return record_of(id);
}

Result<RunRecord> Runner::record_of(const RunId& id) {
  TM_TRY(RunHistory history, parts_.store.get_run(id));
  return history.run;
}

}  // namespace tidemark

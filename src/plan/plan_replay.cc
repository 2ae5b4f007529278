// Planner::plan_replay: a plan whose rows come from a stage that stands already.
#include <algorithm>
#include <utility>

#include "plan/load_id.h"
#include "plan/planner.h"

namespace tidemark {

namespace {

std::string window_number(const StreamId& id, Seq seq) {
  return "window " + std::to_string(seq.get()) + " of `" + id.job.get() + "`" +
         (id.stream.get() == "main" ? "" : ", stream `" + id.stream.get() + "`");
}

Error superseded(const StreamPlan& plan, Seq head) {
  return user_error("plan.replay_superseded",
                    window_number(plan.id, plan.seq) + " is loaded and so are later ones, up to " +
                        std::to_string(head.get()) +
                        "; loading it again would put old versions of rows over newer ones",
                    "replay the newest run, or read everything again with `tidemark run " +
                        plan.id.job.get() + " --full`");
}

Error ahead(const StreamPlan& plan, Seq head) {
  return user_error(
      "plan.replay_ahead",
      window_number(plan.id, plan.seq) + " cannot be loaded: the target has windows up to " +
          std::to_string(head.get()) + " only, and one between would be left out",
      "replay the runs in their order, oldest first (`tidemark runs " + plan.id.job.get() + "`)");
}

Error other_start(const StreamPlan& plan) {
  return user_error(
      "plan.replay_stale",
      window_number(plan.id, plan.seq) + " does not begin where the target's watermark stands now",
      "run the job again: it reads from the watermark");
}

Error other_read(const StreamPlan& plan) {
  return user_error("plan.replay_superseded",
                    window_number(plan.id, plan.seq) +
                        " is loaded from what another run read later; this stage holds older rows",
                    "replay the run that was loaded (`tidemark runs " + plan.id.job.get() + "`)");
}

// The job may have been changed since the run that staged the column, so nobody has asked the
// source whether earlier rows have a value in it.
Status check_nothing_added(const StreamPlan& plan) {
  // The mark of deleted rows is none of the source's.
  const auto added =
      std::find_if(plan.target.added.begin(), plan.target.added.end(),
                   [&](const std::string& column) { return column != plan.target.mark; });
  if (added == plan.target.added.end() || !plan.bound.window.lo) return {};
  return Error{"blocked.schema_drift",
               Fault::source,
               Retry::never,
               "the stage has a column `" + *added +
                   "` that the load before did not have, and earlier rows may have values in it",
               {},
               "run `tidemark run " + plan.id.job.get() + "`, which asks the source"};
}

Error overtaken(const StreamPlan& plan, Seq seq) {
  return user_error("plan.overtaken",
                    window_number(plan.id, seq) + " was loaded by another run meanwhile",
                    "nothing is missing: the next run goes on from there");
}

}  // namespace

Result<PreparedStream> Planner::plan_stage(const JobSpec& job, Stage stage, Sink& sink,
                                           const PlanOptions& options, Cancel& cancel) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  const Manifest& manifest = stage.manifest();
  plan.id = {job.name, manifest.key.stream.stream};
  plan.seq = manifest.key.seq;
  plan.bound.window = manifest.window;
  plan.bound.reason = "from the stage of run " + manifest.key.run_id.get();
  plan.replaces = manifest.replaces && job.to.load == LoadStrategy::append;
  plan.bound.rows_expected = manifest.rows_staged;
  plan.input = manifest.schema;
  SourceSpec source = job.from;
  if (std::holds_alternative<TablesInput>(source.input))
    source.input = TableInput{{plan.id.stream.get(), {}}};
  // The connection may be gone: nothing is read.
  if (const ConnectionSpec* from = project_.find_connection(job.from.connection.value))
    plan.reads_what = reads_of(*from, source, job);
  TM_TRY(std::optional<LedgerRow> head, sink.committed(plan.id, cancel));
  const Seq loaded = head ? head->seq : Seq(0);
  plan.fence = head ? head->fence : Fence(0);
  if (job.trial) {
    plan.seq = Seq(loaded.get() + 1);
    plan.replaces = true;  // all of a table that is made for it, whatever the job's `load`
    plan.load_id = load_id_of(plan.id, LoadKind::window, plan.seq, options.run.get());
  } else if (plan.seq.get() > loaded.get() + 1) {
    return ahead(plan, loaded);
  } else if (plan.seq.get() == loaded.get() + 1) {
    if (head && head->window.hi != manifest.window.lo && job.to.load != LoadStrategy::full &&
        manifest.window.lo) {
      return other_start(plan);
    }
    plan.load_id = load_id_of(plan.id, LoadKind::window, plan.seq, window_text(manifest.window));
  } else if (job.to.load == LoadStrategy::append && !plan.replaces) {
    plan.bound.nothing_new = true;
    plan.idle_reason = window_number(plan.id, plan.seq) +
                       " is loaded already, and rows of `load: append` are loaded once";
    return prepared;
  } else if (plan.seq < loaded) {
    return superseded(plan, loaded);
  } else {
    TM_TRY(const std::string checksum, sink.window_checksum(plan.id, plan.seq, cancel));
    if (checksum != stage.checksum()) return other_read(plan);
    plan.kind = LoadKind::replay;
    plan.load_id = load_id_of(plan.id, LoadKind::replay, plan.seq, options.run.get());
  }
  if (head) {
    TM_CHECK(meet_drift_of_stage(job, sink, plan, cancel));
  } else {
    plan.carried = carried_text(plan.input);
  }
  TM_CHECK(plan_load(job, name_in_target(job, plan.id.stream), plan, sink, options, cancel));
  prepared.stage = std::move(stage);
  return prepared;
}

Result<JobPlan> Planner::plan_replay(const JobSpec& job, std::vector<Stage> stages,
                                     const PlanOptions& options, Cancel& cancel) {
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  for (Stage& stage : stages) {
    TM_TRY(PreparedStream prepared, plan_stage(job, std::move(stage), *plan.sink, options, cancel));
    prepared.plan.accept_refused = true;
    TM_CHECK(check_nothing_added(prepared.plan));
    TM_CHECK(check_own_table(job, plan.streams, prepared.plan));
    plan.streams.push_back(std::move(prepared));
  }
  return plan;
}

Result<JobPlan> Planner::plan_rest(const JobSpec& job, std::vector<LeftStream> left, bool replays,
                                   const PlanOptions& options, Cancel& cancel) {
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  std::vector<StreamSpec> streams;
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  for (LeftStream& one : left) {
    if (one.stage) {
      const Seq seq = one.stage->manifest().key.seq;
      TM_TRY(PreparedStream prepared,
             plan_stage(job, std::move(*one.stage), *plan.sink, options, cancel));
      prepared.plan.accept_refused = replays;
      prepared.stage_verified = true;
      TM_CHECK(check_own_table(job, plan.streams, prepared.plan));
      if (!replays && prepared.plan.kind != LoadKind::window) return overtaken(prepared.plan, seq);
      plan.streams.push_back(std::move(prepared));
      continue;
    }
    if (streams.empty()) {
      TM_TRY(streams, streams_of(job, options, cancel));
    }
    const auto spec = std::find_if(streams.begin(), streams.end(), [&](const StreamSpec& known) {
      return !many || known.name == one.stream;
    });
    if (spec == streams.end()) {
      return user_error("plan.stream_gone",
                        "the source has no `" + one.stream.get() + "` any more");
    }
    TM_TRY(PreparedStream prepared,
           plan_stream(job, *spec, many, *plan.sink, options, cancel, &one.window));
    if (many) prepared.source->rest();
    plan.streams.push_back(std::move(prepared));
  }
  return plan;
}

}  // namespace tidemark

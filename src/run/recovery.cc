#include "run/recovery.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "run/hand_over.h"
#include "run/lease.h"
#include "run/run_end.h"

namespace tidemark {

namespace {

// One run that was left behind, under a lease of its job.
class LeftRun {
 public:
  LeftRun(const RunnerParts& parts, RunRecord run, const LeftJob& left, const GoOn& how,
          Cancel& cancel)
      : parts_(parts),
        run_(std::move(run)),
        job_(left.job ? &*left.job : nullptr),
        why_not_(left.why_not),
        how_(how),
        stop_(cancel) {}

  // Nothing where the run stays as it is for now.
  Result<std::optional<RunRecord>> recover(bool go_on) {
    TM_TRY(const bool ours, take());
    if (!ours) return std::optional<RunRecord>();
    TM_CHECK(settle());
    if (!is_open()) return end(std::nullopt);
    // A stage was read by the job as it was; one that reads something else now reads anew.
    if (!why_not_.empty()) return give_up(died(why_not_));
    if (!can_go_on()) {
      return give_up(died(run_.kind == RunKind::repair     ? "a repair compares anew"
                          : run_.kind == RunKind::backfill ? "a part of a backfill is begun anew"
                                                           : "a replay that read no single stage "
                                                             "is begun anew"));
    }
    TM_CHECK(wait_for_next_try());
    if (!go_on) return std::optional<RunRecord>();
    Runner runner(parts_);
    auto record = runner.go_on(run_, *job_, *lease_, how_, stop_);
    if (record.ok()) return std::optional(std::move(*record));
    TM_CHECK(lease_->held());
    if (stop_.requested() || stays_staged(record.error())) return std::move(record).error();
    return give_up(std::move(record).error());
  }

  // Why recover() found that the run stays as it is.
  Error why_it_stays() const {
    return stays_ ? *stays_
                  : internal_error("run.leased",
                                   "run " + run_.run.get() + " cannot be gone on with now",
                                   Retry::backoff);
  }

 private:
  // The lease, the ledger's fence, then the store's. False: another has it, or the target cannot be
  // asked.
  Result<bool> take() {
    Fence newest(0);
    for (const StreamRecord& stream : run_.streams)
      newest = std::max(newest, stream.mark.fence);
    // What looks whether a process is gone asks one that lives for nothing; a fire wants its job.
    auto lease = Lease::take(
        parts_.store, parts_.clock,
        {run_.job, run_.run, newest, parts_.project.lease, how_.hand_over == nullptr}, stop_);
    if (!lease.ok() && lease.error().code == "run.leased") return stays(std::move(lease).error());
    if (!lease.ok()) return std::move(lease).error();
    lease_ = std::move(*lease);
    TM_TRY(engine_, parts_.engine.connect());
    const ConnectionSpec* to =
        job_ == nullptr ? nullptr : parts_.project.find_connection(job_->to.connection.value);
    // Nobody can tell of a load whose target is not in the project any more; it may come back.
    if (to == nullptr && may_be_loaded()) return false;
    if (to != nullptr) {
      auto fenced = raise_fence(*to);
      if (!fenced.ok() && fenced.error().code == "run.cancelled") return std::move(fenced).error();
      if (!fenced.ok()) return stays(std::move(fenced).error());
    }
    auto taken = parts_.store.take_over(run_.run, lease_->token());
    // It has ended by itself meanwhile, or another took it over.
    if (!taken.ok() && taken.error().code == "store.stale") return false;
    TM_TRY(run_, std::move(taken));
    return true;
  }

  bool stays(Error why) {
    stays_ = std::move(why);
    return false;
  }

  // A load that could not begin, and is tried again from the stages.
  bool stays_staged(const Error& error) const {
    return how_.hand_over != nullptr && error.code != "run.no_stage" && waits_for_load(run_) &&
           how_.hand_over->tries_again(error);
  }

  bool may_be_loaded() const {
    return std::any_of(run_.streams.begin(), run_.streams.end(), [](const StreamRecord& stream) {
      return stream.mark.state == RunState::loading ||
             stream.mark.state == RunState::commit_unknown;
    });
  }

  Status raise_fence(const ConnectionSpec& to) {
    TM_TRY(const Connector* connector, parts_.connectors.of(to));
    const ConnectorContext context{parts_.project, *engine_, "tidemark recovery " + run_.run.get()};
    TM_TRY(sink_, connector->open_sink(to, context, stop_));
    TM_CHECK(sink_->take_over(run_.job, lease_->token(), stop_));
    return {};
  }

  // What the ledger has is done, whatever the dead process had noted.
  Status settle() {
    for (StreamRecord& stream : run_.streams) {
      const RunState state = stream.mark.state;
      if (state == RunState::loading || state == RunState::commit_unknown) {
        TM_TRY(const bool there, is_loaded(stream));
        if (there) {
          TM_CHECK(step(stream, RunState::committed, "found in the ledger"));
        } else if (state == RunState::commit_unknown) {
          TM_CHECK(step(stream, RunState::loading, "the ledger does not have the load"));
        }
      }
      if (stream.mark.state != RunState::committed) continue;
      if (moves_watermark(run_.kind) && stream.window.hi)
        TM_CHECK(parts_.store.set_last_watermark(run_.job, stream.window.hi->text));
      TM_CHECK(step(stream, RunState::done, "done"));
    }
    return {};
  }

  // The target's own word. Its fence is raised, so a load that is not in cannot come any more.
  Result<bool> is_loaded(const StreamRecord& stream) {
    if (!sink_) return false;
    return sink_->loaded({run_.job, stream.stream}, run_.run, stop_);
  }

  bool is_open() const {
    return std::any_of(run_.streams.begin(), run_.streams.end(),
                       [](const StreamRecord& stream) { return !is_final(stream.mark.state); });
  }

  // A replay never reads a source, so without a stage of its own it has nothing to go on from; what
  // a repair found may not be so any more; a part of a backfill is small, and begun anew.
  bool can_go_on() const {
    if (run_.kind == RunKind::repair || run_.kind == RunKind::backfill) return false;
    return run_.kind != RunKind::replay ||
           std::all_of(run_.streams.begin(), run_.streams.end(), [](const StreamRecord& stream) {
             return is_final(stream.mark.state) || stream.stage_dir;
           });
  }

  std::string what_to_run() const {
    if (run_.kind == RunKind::repair)
      return "run `tidemark verify " + run_.job.get() + " --repair` again";
    if (run_.kind == RunKind::backfill)
      return "`tidemark backfill list " + run_.job.get() + "` shows what to resume";
    return run_.kind == RunKind::replay ? "run the replay again" : "run the job again";
  }

  Error died(const std::string& why) const {
    if (how_.from_stages) {
      return internal_error("run.no_stage",
                            "what run " + run_.run.get() + " staged is not loaded: " + why,
                            Retry::backoff, "its window is read again");
    }
    return internal_error(
        "run.process_died",
        "process " + std::to_string(run_.pid) +
            " ended in the middle of this run, and it was not gone on with: " + why +
            (run_.kind == RunKind::replay ? ". What it may have loaded is not loaded twice"
                                          : ". Nothing of what was left was loaded"),
        Retry::backoff, what_to_run());
  }

  Status wait_for_next_try() {
    const Error reason =
        internal_error("run.process_died",
                       "process " + std::to_string(run_.pid) + " ended in the middle of this run",
                       Retry::backoff, "`tidemark run " + run_.job.get() + "` goes on with it");
    for (StreamRecord& stream : run_.streams) {
      if (is_final(stream.mark.state) || stream.mark.state == RunState::retry_wait) continue;
      // Its process need not have died: it may have left the load to others.
      if (parts_.project.stage.shared && stream.mark.state == RunState::staged) continue;
      TM_CHECK(step(stream, RunState::retry_wait, reason.message, reason));
    }
    return {};
  }

  Result<std::optional<RunRecord>> give_up(const Error& error) {
    TM_TRY(RunHistory history, parts_.store.get_run(run_.run));
    run_ = std::move(history.run);
    for (StreamRecord& stream : run_.streams) {
      if (!is_final(stream.mark.state))
        TM_CHECK(step(stream, RunState::failed, error.describe(), error));
    }
    return end(error);
  }

  Result<std::optional<RunRecord>> end(const std::optional<Error>& error) {
    std::vector<RunState> states;
    for (const StreamRecord& stream : run_.streams)
      states.push_back(stream.mark.state);
    RunFinish finish;
    finish.run = run_.run;
    finish.outcome = states.empty() ? RunState::failed : worst_of(states);
    if (finish.outcome == RunState::failed) {
      finish.error = error ? *error : died("it had no stream yet");
    }
    finish.message = finish.error ? finish.error->message : "ended after its process had died";
    TM_CHECK(lease_->held());
    TM_CHECK(parts_.store.finish_run(finish));
    lease_->ended();
    TM_TRY(RunHistory history, parts_.store.get_run(run_.run));
    parts_.tell(end_of(history.run));
    return std::optional(std::move(history.run));
  }

  Status step(StreamRecord& stream, RunState to, const std::string& message,
              const std::optional<Error>& error = std::nullopt) {
    TM_CHECK(lease_->held());
    Transition transition;
    transition.run = run_.run;
    transition.stream = stream.stream;
    transition.expected = stream.mark;
    transition.to = to;
    transition.message = message;
    transition.error = error;
    if (to == RunState::committed) {
      transition.counts = stream.counts;
      transition.counts->rows_loaded = stream.counts.rows_good;
    }
    TM_TRY(stream.mark, parts_.store.transition(transition));
    return {};
  }

  const RunnerParts& parts_;
  RunRecord run_;
  const JobSpec* job_;  // with which it was begun; nothing where nobody knows
  std::string why_not_;
  const GoOn how_;
  std::optional<Error> stays_;
  Cancel stop_;
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<duck::Connection> engine_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace

Result<std::vector<RunRecord>> recover_runs(const RunnerParts& parts,
                                            const RecoveryOptions& options, Cancel& cancel) {
  std::vector<RunRecord> recovered;
  TM_TRY(std::vector<RunRecord> left, parts.store.unfinished_runs(options.only));
  for (RunRecord& run : left) {
    const LeftJob job = options.job_of(run);
    const bool go_on = options.go_on && options.go_on(run.job);
    // Whoever loads it finds it as it is.
    if (!go_on && parts.project.stage.shared && waits_for_load(run)) {
      TM_TRY(const auto lease, parts.store.find_lease(run.job));
      if (!lease || lease->run != run.run || !lease->expires_at) continue;
    }
    LeftRun one(parts, std::move(run), job, {}, cancel);
    TM_TRY(std::optional<RunRecord> record, one.recover(go_on));
    if (record) recovered.push_back(std::move(*record));
  }
  return recovered;
}

Result<RunRecord> go_on_with(const RunnerParts& parts, const RunId& run,
                             const std::function<LeftJob(const RunRecord&)>& job_of,
                             const GoOn& how, Cancel& cancel) {
  TM_TRY(RunHistory history, parts.store.get_run(run));
  if (history.run.ended_at) return history.run;
  const LeftJob job = job_of(history.run);
  LeftRun left(parts, std::move(history.run), job, how, cancel);
  TM_TRY(std::optional<RunRecord> record, left.recover(true));
  if (!record) return left.why_it_stays();
  return *std::move(record);
}

}  // namespace tidemark

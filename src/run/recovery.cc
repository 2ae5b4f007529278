#include "run/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "plan/load_id.h"

namespace tidemark {

namespace {

// One run to its end.
class Abandoned {
 public:
  Abandoned(const RunnerParts& parts, const RunRecord& run, const JobSpec* job,
            duck::Connection& engine, Cancel& cancel)
      : parts_(parts), run_(run), job_(job), engine_(engine), cancel_(cancel) {}

  Status end() {
    std::vector<RunState> states;
    for (const StreamRecord& stream : run_.streams) {
      TM_TRY(std::optional<RunState> state, end_stream(stream));
      if (!state) return {};
      states.push_back(*state);
    }
    RunFinish finish;
    finish.run = run_.run;
    finish.outcome = states.empty() ? RunState::failed : worst_of(states);
    if (finish.outcome == RunState::failed) finish.error = died();
    finish.message = finish.error ? finish.error->message : "ended after its process had died";
    return parts_.store.finish_run(finish);
  }

 private:
  Error died() const {
    return internal_error("run.process_died",
                          "process " + std::to_string(run_.pid) +
                              " ended in the middle of this run; nothing of it was loaded",
                          Retry::backoff, "run the job again");
  }

  // Nothing where the target could not be asked.
  Result<std::optional<RunState>> end_stream(const StreamRecord& stream) {
    stream_ = &stream;
    mark_ = stream.mark;
    if (is_final(mark_.state)) return std::optional(mark_.state);
    if (mark_.state == RunState::loading || mark_.state == RunState::commit_unknown) {
      auto there = is_loaded();
      if (!there.ok()) return std::optional<RunState>();
      if (*there) {
        TM_CHECK(step(RunState::committed, "found in the ledger"));
        if (run_.kind != RunKind::replay && stream.window.hi)
          TM_CHECK(parts_.store.set_last_watermark(run_.job, stream.window.hi->text));
      } else if (mark_.state == RunState::commit_unknown) {
        TM_CHECK(step(RunState::loading, "the ledger does not have the load"));
      }
    }
    const bool committed = mark_.state == RunState::committed;
    TM_CHECK(
        step(committed ? RunState::done : RunState::failed, committed ? "done" : died().message));
    return std::optional(mark_.state);
  }

  // The target's own word.
  Result<bool> is_loaded() {
    if (job_ == nullptr) return false;
    if (!sink_) {
      const ConnectionSpec& to = *parts_.project.find_connection(job_->to.connection.value);
      TM_TRY(const Connector* connector, parts_.connectors.of(to));
      const ConnectorContext context{parts_.project, engine_, "tidemark recovery"};
      TM_TRY(sink_, connector->open_sink(to, context, cancel_));
    }
    const StreamId id{run_.job, stream_->stream};
    const std::string window = window_text(stream_->window);
    TM_TRY(bool there,
           sink_->loaded(id, load_id_of(id, LoadKind::window, stream_->seq, window), cancel_));
    if (there || run_.kind != RunKind::replay) return there;
    return sink_->loaded(id, load_id_of(id, LoadKind::replay, stream_->seq, run_.run.get()),
                         cancel_);
  }

  Status step(RunState to, const std::string& message) {
    Transition transition;
    transition.run = run_.run;
    transition.stream = stream_->stream;
    transition.expected = mark_;
    transition.to = to;
    transition.message = message;
    if (to == RunState::committed) {
      transition.counts = stream_->counts;
      transition.counts->rows_loaded = stream_->counts.rows_good;
    }
    if (to == RunState::failed) transition.error = died();
    TM_TRY(mark_, parts_.store.transition(transition));
    return {};
  }

  const RunnerParts& parts_;
  const RunRecord& run_;
  const JobSpec* job_;  // nothing when its file is gone
  duck::Connection& engine_;
  Cancel& cancel_;
  std::unique_ptr<Sink> sink_;
  const StreamRecord* stream_ = nullptr;
  StreamMark mark_;
};

}  // namespace

Status end_abandoned_runs(const RunnerParts& parts, const std::vector<JobSpec>& jobs,
                          Cancel& cancel) {
  TM_TRY(std::vector<RunRecord> left, parts.store.unfinished_runs());
  if (left.empty()) return {};
  TM_TRY(auto engine, parts.engine.connect());
  for (const RunRecord& run : left) {
    const auto job = std::find_if(jobs.begin(), jobs.end(),
                                  [&](const JobSpec& one) { return one.name == run.job; });
    TM_CHECK(Abandoned(parts, run, job == jobs.end() ? nullptr : &*job, *engine, cancel).end());
  }
  return {};
}

}  // namespace tidemark

#include "run/backfill.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/units.h"
#include "plan/planner.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// How long the project is kept before whoever waits for it may have it, and for how long.
constexpr std::chrono::seconds keep_for{2};
constexpr milliseconds let_go_for{300};
constexpr milliseconds look_every{500};
// How long a run that wants the job has until it is asked whether it came.
constexpr milliseconds makes_way_for{100};
constexpr int tries_max = 3;

// While it lives, a backfill that somebody cancelled ends the part that runs.
class StateWatch {
 public:
  StateWatch(Store& store, const BackfillId& id, Cancel& stop)
      : thread_([this, &store, &id, &stop] {
          std::unique_lock lock(mutex_);
          while (!ended_.wait_for(lock, look_every, [this] { return stop_; })) {
            const auto now = store.find_backfill(id);
            if (now.ok() && now->state == BackfillState::cancelled) stop.request();
          }
        }) {}
  ~StateWatch() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  StateWatch(const StateWatch&) = delete;
  StateWatch& operator=(const StateWatch&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stop_ = false;
  std::thread thread_;
};

std::int64_t ms_of(const RunRecord& run) {
  return run.ended_at ? (run.ended_at->get() - run.started_at.get()) / 1000 : 0;
}

void take_end(const RunRecord& run, bool was_cancelled, BackfillPart& part) {
  part.ms = ms_of(run);
  part.rows = run.rows_loaded.get();
  part.error.clear();
  switch (run.status()) {
    case RunStatus::success:
    case RunStatus::skipped:
      part.state = PartState::done;
      return;
    case RunStatus::cancelled:
      part.state = was_cancelled ? PartState::skipped : PartState::waiting;
      return;
    case RunStatus::running:  // a COMMIT that cannot be resolved now; its run is asked later
      part.state = PartState::running;
      return;
    case RunStatus::failed:
    case RunStatus::blocked:
      part.state = PartState::failed;
      part.error = run.error ? run.error->message : "";
      return;
  }
}

// The project for a while.
class Holding {
 public:
  Holding(const BackfillDrive& drive, BackfillId id) : drive_(drive), id_(std::move(id)) {}

  // Nothing where somebody ended the backfill while its project was another's.
  Result<std::unique_ptr<Workspace>> hold(Cancel& cancel) {
    while (true) {
      TM_TRY(auto workspace, Workspace::open(drive_.around, drive_.project));
      if (!workspace->faults().empty()) return workspace->faults().as_error();
      const milliseconds wait = first_ ? drive_.wait : look_every;
      auto claimed = workspace->claim("backfill " + id_.get(), wait, cancel);
      const bool again = !claimed.ok() && claimed.error().code == "run.project_busy" && !first_;
      if (!claimed.ok() && !again) return std::move(claimed).error();
      if (claimed.ok()) {
        first_ = false;
        TM_TRY(Store * store, workspace->store());
        TM_TRY(const BackfillRecord now, store->find_backfill(id_));
        // What is staged of its job is loaded first.
        TM_CHECK(workspace->recover({now.job}, drive_.observer, cancel));
        return workspace;
      }
      TM_TRY(Store * store, workspace->store());
      TM_TRY(const BackfillRecord now, store->find_backfill(id_));
      if (now.state != BackfillState::running || now.detached) return workspace;
    }
  }

 private:
  const BackfillDrive& drive_;
  BackfillId id_;
  bool first_ = true;
};

int badness(const StoredError& error) {
  if (error.fault == to_string(Fault::user)) return 3;
  return error.code.starts_with("blocked.") ? 2 : 1;
}

}  // namespace

std::optional<BackfillPart> next_part(const std::vector<BackfillPart>& parts, PartOrder order) {
  std::optional<BackfillPart> next;
  for (const BackfillPart& part : parts) {
    if (part.state != PartState::waiting) continue;
    if (!next || order == PartOrder::newest) next = part;
  }
  return next;
}

std::optional<std::int64_t> ms_left(const std::vector<BackfillPart>& parts) {
  std::int64_t done = 0;
  std::int64_t took = 0;
  std::int64_t waiting = 0;
  for (const BackfillPart& part : parts) {
    done += part.state == PartState::done ? 1 : 0;
    took += part.state == PartState::done ? part.ms : 0;
    waiting += part.state == PartState::waiting || part.state == PartState::running ? 1 : 0;
  }
  if (done == 0) return std::nullopt;
  return took / done * waiting;
}

bool is_quiet(std::string_view code) {
  return code == "blocked.quiet_hours";
}

bool stops_all(const StoredError& error) {
  const bool of_the_files = error.fault == to_string(Fault::user);
  return of_the_files || error.retry != Retry::never || is_quiet(error.code) ||
         error.code == "blocked.source_changed";
}

Result<RunRecord> run_part(const RunnerParts& parts, Runner& runner, const RunId& id,
                           const JobSpec& job, const BackfillRecord& backfill, BackfillPart part,
                           Cancel& cancel) {
  Store& store = parts.store;
  part.state = PartState::running;
  part.run = id;
  part.error.clear();
  TM_CHECK(store.update_part(backfill, part));
  Cancel stop(cancel);
  const BackfillRange range{backfill.id.get(), part.lo, part.hi, backfill.from_stage};
  auto ran = [&] {
    const StateWatch watch(store, backfill.id, stop);
    return runner.backfill(
        id, job, range, {backfill.rate_share, backfill.allow_empty, backfill.in_quiet_hours}, stop);
  }();
  if (!ran.ok()) {
    part.state = PartState::waiting;
    TM_CHECK(store.update_part(backfill, part));
    return std::move(ran).error();
  }
  take_end(ran->record, stop.requested() && !cancel.requested(), part);
  part.from = ran->from_stage ? "stage" : "source";
  TM_CHECK(store.update_part(backfill, part));
  return std::move(ran->record);
}

Status settle_parts(Store& store, const BackfillRecord& backfill) {
  TM_TRY(const std::vector<BackfillPart> parts, store.backfill_parts(backfill.id));
  for (BackfillPart part : parts) {
    if (part.state != PartState::running) continue;
    auto found = store.get_run(part.run);
    if (!found.ok() && found.error().code != "run.unknown") return std::move(found).error();
    if (found.ok() && !found->run.ended_at) {
      return target_error("backfill.unsettled",
                          "what became of part " + std::to_string(part.number) + ", run " +
                              part.run.get() + ", cannot be asked now",
                          Retry::backoff,
                          "when the target can be reached again: `tidemark backfill resume " +
                              backfill.id.get() + "`");
    }
    part.state = PartState::waiting;
    if (found.ok() && found->run.status() != RunStatus::failed) take_end(found->run, false, part);
    TM_CHECK(store.update_part(backfill, part));
  }
  return {};
}

Result<std::optional<PartEnd>> run_next_part(const RunnerParts& parts, const JobSpec& job,
                                             const BackfillRecord& backfill, Cancel& cancel) {
  TM_CHECK(settle_parts(parts.store, backfill));
  TM_TRY(std::vector<BackfillPart> known, parts.store.backfill_parts(backfill.id));
  const std::optional<BackfillPart> next = next_part(known, backfill.order);
  if (!next) return std::optional<PartEnd>();
  Runner runner(parts);
  TM_TRY(RunRecord run, run_part(parts, runner, runner.new_id(), job, backfill, *next, cancel));
  TM_TRY(known, parts.store.backfill_parts(backfill.id));
  return std::optional(
      PartEnd{known.at(static_cast<std::size_t>(next->number - 1)), std::move(run)});
}

Result<AfterPart> judge_part(Store& store, const BackfillRecord& backfill, const PartEnd& end,
                             int tries_max, PartTries& tries) {
  const auto& [part, run] = end;
  const bool failed = run.status() == RunStatus::failed || run.status() == RunStatus::blocked;
  if (!failed || !run.error) return AfterPart::next;
  tries = {part.number, tries.part == part.number ? tries.tries + 1 : 1};
  const StoredError& error = *run.error;
  const bool may_pass = error.retry != Retry::never && error.fault != to_string(Fault::user) &&
                        !error.code.starts_with("blocked.");
  const bool again = may_pass && tries.tries < tries_max;
  if (!again && !stops_all(error)) return AfterPart::next;
  BackfillPart waits = part;
  waits.state = PartState::waiting;
  TM_CHECK(store.update_part(backfill, waits));
  if (again) return AfterPart::again;
  const std::string note =
      "part " + std::to_string(part.number) + " failed as all would: " + error.message;
  TM_TRY([[maybe_unused]] const bool moved,
         store.move_backfill(backfill.id, {BackfillState::running}, BackfillState::failed, note));
  return AfterPart::failed;
}

Result<std::vector<FireRecord>> end_backfill(Store& store, const BackfillRecord& backfill,
                                             const std::vector<FireRecord>& behind) {
  TM_TRY(const std::vector<BackfillPart> parts, store.backfill_parts(backfill.id));
  const auto bad = std::count_if(parts.begin(), parts.end(), [](const BackfillPart& part) {
    return part.state == PartState::failed || part.state == PartState::running;
  });
  if (bad == 0) return store.finish_backfill(backfill.id, behind);
  const std::string note = show_count(bad) + " of " +
                           show_count(static_cast<std::int64_t>(parts.size())) + " parts failed";
  TM_TRY([[maybe_unused]] const bool moved,
         store.move_backfill(backfill.id, {BackfillState::running}, BackfillState::failed, note));
  return std::vector<FireRecord>();
}

Result<std::optional<StoredError>> worst_error(Store& store,
                                               const std::vector<BackfillPart>& parts) {
  std::optional<StoredError> worst;
  for (const BackfillPart& part : parts) {
    if (part.error.empty() || part.run.get().empty()) continue;
    const auto history = store.get_run(part.run);
    if (!history.ok() && history.error().code == "run.unknown") continue;  // long ago
    if (!history.ok()) return history.error();
    const auto& error = history->run.error;
    if (error && (!worst || badness(*error) > badness(*worst))) worst = error;
  }
  return worst;
}

Result<BackfillEnd> drive_backfill(const BackfillDrive& drive, const BackfillId& id,
                                   Cancel& cancel) {
  Holding holding(drive, id);
  std::optional<StoredError> worst;
  PartTries tries;
  while (true) {
    auto held = holding.hold(cancel);
    if (!held.ok() && held.error().code != "run.cancelled") return std::move(held).error();
    std::unique_ptr<Workspace> workspace;
    if (held.ok()) {
      workspace = std::move(*held);
    } else {
      TM_TRY(workspace, Workspace::open(drive.around, drive.project));
    }
    TM_TRY(Store * store, workspace->store());
    const auto since = drive.around.clock.monotonic();
    while (held.ok() && drive.around.clock.monotonic() - since < keep_for) {
      TM_TRY(const BackfillRecord backfill, store->find_backfill(id));
      if (backfill.state != BackfillState::running || backfill.detached)
        return BackfillEnd{backfill, worst};
      if (cancel.requested()) break;
      TM_CHECK(settle_parts(*store, backfill));
      TM_TRY(std::vector<BackfillPart> parts, store->backfill_parts(id));
      const std::optional<BackfillPart> part = next_part(parts, backfill.order);
      if (!part) {
        const std::vector<FireRecord> behind = drive.behind(workspace->jobs(), backfill);
        for (const FireRecord& fire : behind) {
          TM_TRY(const JobSpec* job, workspace->finder().in_project(fire.task.job.get()));
          TM_CHECK(store->upsert_job(job_record(*job, workspace->project(), drive.around.clock)));
        }
        TM_TRY([[maybe_unused]] const auto taken, end_backfill(*store, backfill, behind));
        TM_TRY(const BackfillRecord ended, store->find_backfill(id));
        return BackfillEnd{ended, worst};
      }
      TM_TRY(const JobSpec* job, workspace->finder().in_project(backfill.job.get()));
      TM_TRY(const auto lease, store->find_lease(job->name));
      if (lease && lease->wanted) {
        drive.around.clock.sleep(makes_way_for);
        continue;
      }
      const auto run = workspace->in_lock(
          *store, drive.observer,
          [&](Runner& runner, const RunId& run_id) {
            return run_part(workspace->parts(*store, drive.observer), runner, run_id, *job,
                            backfill, *part, cancel);
          },
          cancel);
      if (!run.ok() && run.error().code == "run.leased") {
        drive.around.clock.sleep(look_every);
        continue;
      }
      if (!run.ok()) return run.error();
      TM_TRY(parts, store->backfill_parts(id));
      drive.ended(backfill, parts, part->number);
      const PartEnd end{parts.at(static_cast<std::size_t>(part->number - 1)), *run};
      TM_TRY(const AfterPart after, judge_part(*store, backfill, end, tries_max, tries));
      const bool is_final = after == AfterPart::failed || end.part.state == PartState::failed;
      if (after == AfterPart::again) {
        drive.around.clock.sleep(look_every * tries.tries);
      } else if (is_final && run->error && (!worst || badness(*run->error) > badness(*worst))) {
        worst = run->error;
      }
    }
    if (cancel.requested()) {
      TM_TRY(const BackfillRecord seen, store->find_backfill(id));
      if (seen.detached) return BackfillEnd{seen, worst};  // it is a service's by now
      TM_TRY(
          [[maybe_unused]] const bool moved,
          store->move_backfill(id, {BackfillState::running}, BackfillState::paused, "interrupted"));
      TM_TRY(const BackfillRecord now, store->find_backfill(id));
      return BackfillEnd{now, worst};
    }
    workspace.reset();
    drive.around.clock.sleep(let_go_for);
  }
}

}  // namespace tidemark

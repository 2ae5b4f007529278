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
        TM_CHECK(workspace->recover({}, drive_.observer, cancel));
        return workspace;
      }
      TM_TRY(Store * store, workspace->store());
      TM_TRY(const BackfillRecord now, store->find_backfill(id_));
      if (now.state != BackfillState::running) return workspace;
    }
  }

 private:
  const BackfillDrive& drive_;
  BackfillId id_;
  bool first_ = true;
};

// What becomes of a backfill none of whose parts waits any more.
Status end_backfill(Store& store, const BackfillRecord& backfill,
                    const std::vector<BackfillPart>& parts) {
  const auto count = [&](PartState state) {
    return std::count_if(parts.begin(), parts.end(),
                         [&](const BackfillPart& part) { return part.state == state; });
  };
  const auto bad = count(PartState::failed) + count(PartState::running);
  const std::string note = bad == 0 ? ""
                                    : show_count(bad) + " of " +
                                          show_count(static_cast<std::int64_t>(parts.size())) +
                                          " parts failed";
  TM_TRY([[maybe_unused]] const bool moved,
         store.move_backfill(backfill.id, {BackfillState::running},
                             bad == 0 ? BackfillState::done : BackfillState::failed, note));
  return {};
}

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

bool stops_all(const StoredError& error) {
  const bool of_the_files = error.fault == to_string(Fault::user);
  return of_the_files || error.retry != Retry::never || error.code == "blocked.quiet_hours" ||
         error.code == "blocked.source_changed";
}

Result<RunRecord> run_part(const RunnerParts& parts, Runner& runner, const RunId& id,
                           const JobSpec& job, const BackfillRecord& backfill, BackfillPart part,
                           bool in_quiet_hours, Cancel& cancel) {
  Store& store = parts.store;
  part.state = PartState::running;
  part.run = id;
  part.error.clear();
  TM_CHECK(store.update_part(backfill.id, part));
  Cancel stop(cancel);
  const BackfillRange range{backfill.id.get(), part.lo, part.hi, backfill.from_stage};
  auto ran = [&] {
    const StateWatch watch(store, backfill.id, stop);
    return runner.backfill(id, job, range,
                           {backfill.rate_share, backfill.allow_empty, in_quiet_hours}, stop);
  }();
  if (!ran.ok()) {
    part.state = PartState::waiting;
    TM_CHECK(store.update_part(backfill.id, part));
    return std::move(ran).error();
  }
  take_end(ran->record, stop.requested() && !cancel.requested(), part);
  part.from = ran->from_stage ? "stage" : "source";
  TM_CHECK(store.update_part(backfill.id, part));
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
    TM_CHECK(store.update_part(backfill.id, part));
  }
  return {};
}

Result<BackfillEnd> drive_backfill(const BackfillDrive& drive, const BackfillId& id,
                                   Cancel& cancel) {
  Holding holding(drive, id);
  std::optional<StoredError> worst;
  std::int64_t tried = 0;
  int tries = 0;
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
      if (backfill.state != BackfillState::running) return BackfillEnd{backfill, worst};
      if (cancel.requested()) break;
      TM_CHECK(settle_parts(*store, backfill));
      TM_TRY(std::vector<BackfillPart> parts, store->backfill_parts(id));
      const std::optional<BackfillPart> part = next_part(parts, backfill.order);
      if (!part) {
        TM_CHECK(end_backfill(*store, backfill, parts));
        TM_TRY(const BackfillRecord ended, store->find_backfill(id));
        return BackfillEnd{ended, worst};
      }
      TM_TRY(const JobSpec* job, workspace->finder().in_project(backfill.job.get()));
      TM_TRY(const RunRecord run, workspace->in_lock(
                                      *store, drive.observer,
                                      [&](Runner& runner, const RunId& run_id) {
                                        return run_part(workspace->parts(*store, drive.observer),
                                                        runner, run_id, *job, backfill, *part,
                                                        drive.in_quiet_hours, cancel);
                                      },
                                      cancel));
      TM_TRY(parts, store->backfill_parts(id));
      drive.ended(backfill, parts, part->number);
      const bool failed = run.status() == RunStatus::failed || run.status() == RunStatus::blocked;
      if (!failed || !run.error) continue;
      // A later try may end better.
      tries = tried == part->number ? tries + 1 : 1;
      tried = part->number;
      const bool may_pass = run.error->retry != Retry::never && run.error->fault != "user" &&
                            !run.error->code.starts_with("blocked.");
      const bool again = may_pass && tries < tries_max;
      if (again || stops_all(*run.error)) {
        BackfillPart waits = parts.at(static_cast<std::size_t>(part->number - 1));
        waits.state = PartState::waiting;
        TM_CHECK(store->update_part(id, waits));
      }
      if (again) {
        drive.around.clock.sleep(look_every * tries);
        continue;
      }
      if (!worst || badness(*run.error) > badness(*worst)) worst = run.error;
      if (!stops_all(*run.error)) continue;
      const std::string note =
          "part " + std::to_string(part->number) + " failed as all would: " + run.error->message;
      TM_TRY([[maybe_unused]] const bool moved,
             store->move_backfill(id, {BackfillState::running}, BackfillState::failed, note));
    }
    if (cancel.requested()) {
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

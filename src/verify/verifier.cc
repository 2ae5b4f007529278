#include "verify/verifier.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/lease.h"
#include "verify/stream_check.h"

namespace tidemark {
namespace {

// Holds the stages of one verification; nobody else's at a time, who has the job's lease.
class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) { remove(); }
  ~Folder() { remove(); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void remove() {
    std::error_code ignored;  // what stays is removed the next time
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path path_;
};

Result<std::filesystem::path> folder_of(const ProjectSpec& project, const JobName& job) {
  TM_TRY(const std::filesystem::path root, stage_root(project));
  return root / ".verify" / job.get();
}

}  // namespace

bool JobVerdict::equal() const {
  return std::all_of(streams.begin(), streams.end(),
                     [](const Verdict& one) { return one.differences.equal(); });
}

bool JobVerdict::is_whole() const {
  return std::all_of(streams.begin(), streams.end(), [](const Verdict& one) {
    return one.note.empty() && one.parts_left == 0 && one.differences.pending == 0;
  });
}

Result<JobPlan> Verifier::check(Planner& planner, duck::Connection& engine, const JobSpec& job,
                                const VerifyOptions& options, bool stages, JobVerdict& verdict,
                                Cancel& cancel) {
  verdict.streams.clear();
  // Over all windows the newest version of a key is the one that is there.
  JobSpec judged = job;
  judged.to.on_duplicate = OnDuplicate::last;
  PlanOptions wanted;
  wanted.run = new_run_id(parts_.clock, parts_.randomness);
  wanted.in_quiet_hours = options.in_quiet_hours;
  wanted.read_only = !stages;
  TM_TRY(JobPlan plan, planner.plan_verify(judged, wanted, cancel));
  TM_TRY(const std::filesystem::path folder, folder_of(parts_.project, job.name));
  std::chrono::nanoseconds deadline = std::chrono::nanoseconds::max();
  if (options.budget) deadline = parts_.clock.monotonic() + *options.budget;
  for (PreparedStream& stream : plan.streams) {
    StreamCheck one({parts_, judged, options, engine, planner, *plan.sink, folder, deadline,
                     job.to.on_duplicate},
                    stream);
    TM_TRY(Verdict found, one.check(cancel));
    if (stages) {
      TM_TRY(stream.stage, one.repair(cancel));
      stream.stage_verified = true;
      stream.plan.bound.nothing_new = !stream.stage;
      if (!stream.stage)
        stream.plan.idle_reason = found.no_repair.value_or("the target has what the source has");
      stream.source.reset();
    }
    verdict.streams.push_back(std::move(found));
  }
  return plan;
}

Result<JobVerdict> Verifier::verify(const JobSpec& job, const VerifyOptions& options,
                                    Cancel& cancel) {
  TM_CHECK(parts_.store.upsert_job(job_record(job, parts_.project, parts_.clock)));
  // What a run loads meanwhile would differ.
  Cancel stop(cancel);
  const RunId id = new_run_id(parts_.clock, parts_.randomness);
  TM_TRY(const auto lease, Lease::take(parts_.store, parts_.clock,
                                       {job.name, id, Fence(0), parts_.project.lease}, stop));
  TM_TRY(auto engine, parts_.engine.connect());
  const CancelWatch watch(stop, *engine);
  TM_TRY(std::filesystem::path path, folder_of(parts_.project, job.name));
  const Folder folder(std::move(path));
  Planner planner(
      {parts_.project, parts_.connectors, *engine, parts_.files, &parts_.store, parts_.guards});
  JobVerdict verdict{job.name, {}, {}};
  auto plan = check(planner, *engine, job, options, false, verdict, stop);
  TM_CHECK(lease->held());
  if (cancel.requested()) return cancel.check().error();
  if (!plan.ok()) return std::move(plan).error();
  return verdict;
}

Result<JobVerdict> Verifier::repair(Runner& runner, const RunId& id, const JobSpec& job,
                                    const VerifyOptions& options, Cancel& cancel) {
  TM_CHECK(parts_.store.upsert_job(job_record(job, parts_.project, parts_.clock)));
  TM_TRY(std::filesystem::path path, folder_of(parts_.project, job.name));
  const Folder folder(std::move(path));
  JobVerdict verdict{job.name, {}, {}};
  const auto make_plan = [&](Planner& planner, duck::Connection& engine) {
    return check(planner, engine, job, options, true, verdict, cancel);
  };
  TM_TRY(verdict.repair, runner.repair(id, job, make_plan, cancel));
  return verdict;
}

Result<std::optional<UtcMicros>> proved_equal_at(Store& store, const JobName& job,
                                                 const std::vector<StreamName>& streams) {
  std::optional<UtcMicros> at;
  for (const StreamName& stream : streams) {
    TM_TRY(const std::optional<KeptProof> proof, store.proof({job, stream}));
    if (!proof || !proof->proved_at) return std::optional<UtcMicros>();
    at = at ? std::min(*at, *proof->proved_at) : *proof->proved_at;
  }
  return at;
}

}  // namespace tidemark

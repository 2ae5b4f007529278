#include "schedule/fires_behind.h"

#include <algorithm>

#include "schedule/fire_rules.h"

namespace tidemark {

std::vector<const JobSpec*> followers_of(const std::vector<const JobSpec*>& jobs,
                                         const JobName& before) {
  std::vector<const JobSpec*> found;
  std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(found), [&](const JobSpec* job) {
    const auto& after = job->schedule.after;
    return job->enabled && std::any_of(after.begin(), after.end(),
                                       [&](const Name& one) { return one.value == before.get(); });
  });
  return found;
}

std::vector<FireRecord> fires_behind(const std::vector<const JobSpec*>& jobs,
                                     const BackfillRecord& backfill, const std::string& owner) {
  std::vector<FireRecord> fires;
  if (!backfill.downstream) return fires;
  for (const JobSpec* job : followers_of(jobs, backfill.job)) {
    FireRecord fire = new_fire(job->name, UtcMicros(0), owner);
    fire.reason = "behind backfill " + backfill.id.get() + " of " + backfill.job.get();
    describe(fire, *job);
    fires.push_back(std::move(fire));
  }
  return fires;
}

}  // namespace tidemark

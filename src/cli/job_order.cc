#include "cli/job_order.h"

#include <algorithm>
#include <set>
#include <string>

namespace tidemark {

Result<std::vector<const JobSpec*>> order_jobs(const std::vector<JobSpec>& jobs) {
  std::vector<const JobSpec*> waiting;
  std::set<std::string> waiting_names;
  for (const JobSpec& job : jobs) {
    if (!job.enabled) continue;
    waiting.push_back(&job);
    waiting_names.insert(job.name.get());
  }
  std::sort(waiting.begin(), waiting.end(),
            [](const JobSpec* a, const JobSpec* b) { return a->name < b->name; });
  std::vector<const JobSpec*> ordered;
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const JobSpec* job) {
      return std::none_of(job->schedule.after.begin(), job->schedule.after.end(),
                          [&](const Name& before) { return waiting_names.contains(before.value); });
    });
    if (ready == waiting.end()) {
      std::string names;
      for (const JobSpec* job : waiting)
        names += (names.empty() ? "" : ", ") + job->name.get();
      return user_error("spec.cycle", "jobs wait for each other by `after`: " + names,
                        "take one of them out");
    }
    waiting_names.erase((*ready)->name.get());
    ordered.push_back(*ready);
    waiting.erase(ready);
  }
  return ordered;
}

}  // namespace tidemark

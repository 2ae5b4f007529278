// Triggers: jobs without times of their own that run when others have: `after`.
//
// What a job was run for is remembered as the newest fire of each of those before it. It follows
// again when each of them has a newer one (`all`), or one of them has (`any`), so that no fire is
// followed twice, and what came while it ran is followed by its next. One thread at a time; nothing
// blocks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/named.h"
#include "base/result.h"
#include "env/clock.h"
#include "spec/job_spec.h"

namespace tidemark {

// The newest fire of each job before it, as a fire that follows them has it.
using FireInputs = std::map<JobName, UtcMicros>;
// `orders@2026-12-24T18:00:00.000000Z customers@...`, for the store.
std::string to_text(const FireInputs& inputs);
Result<FireInputs> parse_fire_inputs(const std::string& text);

struct Triggered {
  JobName job;
  UtcMicros fire;  // the newest of `inputs`, or just after the job's last
  FireInputs inputs;
};

class Triggers {
 public:
  // Of the fires of a job that have ended.
  struct Newest {
    std::optional<UtcMicros> well;
    std::optional<UtcMicros> any;
  };

  static bool is_triggered(const JobSpec& job);

  // In the place of those before; what is known of fires stays.
  void set(const std::vector<std::shared_ptr<const JobSpec>>& jobs);
  bool has(const JobName& job) const { return jobs_.contains(job); }
  // All that follow others, and all that come before any job.
  std::vector<JobName> followers() const;
  std::set<JobName> followed() const;

  // A fire of any job has ended, well or not.
  void ended(const JobName& job, UtcMicros fire, bool well);
  // A fire of one that follows others, with what it was for.
  void fired(const JobName& job, UtcMicros fire, const FireInputs& inputs);
  // The same, in the place of what was known, also where that was later.
  void set_last(const JobName& job, UtcMicros fire, const FireInputs& inputs);
  // What follows now; counts as fired. Jobs of which `waits` is true follow later.
  std::vector<Triggered> take(const std::function<bool(const JobName&)>& waits = {});
  // The same of one job.
  std::optional<Triggered> take(const JobName& job);
  Newest newest(const JobName& job) const;
  // Of one that follows others: those that have run since its last time, or wait for nothing, are
  // left out.
  struct Lacking {
    JobName job;
    std::optional<UtcMicros> failed;  // its newest fire, which ended so since
  };
  struct Waiting {
    std::vector<Lacking> lacking;
    bool is_begun = false;  // others of them have run since
  };
  Waiting waiting(const JobName& job) const;
  // Who does not follow a fire that failed.
  std::vector<JobName> held_back_by(const JobName& failed) const;

 private:
  struct Last {
    UtcMicros fire{0};
    FireInputs inputs;
  };
  std::optional<Triggered> follows(const JobSpec& job);

  std::unordered_map<JobName, std::shared_ptr<const JobSpec>> jobs_;
  std::vector<std::shared_ptr<const JobSpec>> with_after_;  // also those with times of their own
  std::unordered_map<JobName, Newest> newest_;
  std::unordered_map<JobName, Last> last_;
};

}  // namespace tidemark

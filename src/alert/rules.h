// AlertRules: finds out what of a project a person should know of, and tells the board.
//
// What is found of jobs follows from the store: one server at a time looks for all, whichever has
// the turn, and what it keeps in memory is made anew of the store, so that a restart and a takeover
// find the same. What is found of the server itself is told by each.
//
// Owned by who serves; outlives its runs. look() and set_jobs() from one thread each, the observer
// from any. Memory: some runs of each job, and of up to 2,000 what they read in ten weeks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alert/alert.h"
#include "alert/job_memory.h"
#include "alert/server_rules.h"
#include "alert/volume_rule.h"
#include "base/cancel.h"
#include "observe/run_event.h"
#include "schedule/job_times.h"
#include "schedule/service.h"
#include "spec/alert_rules_spec.h"
#include "spec/job_spec.h"
#include "store/alert_facts.h"

namespace tidemark {

struct AlertRulesParts {
  SqlDatabase& store;  // of the project, of this version
  const Clock& clock;
  AlertBoard& board;
  // What this server sees of itself; blocks on its volumes. It is asked for its loop alone first:
  // one that is stuck may hold up who asks for more.
  std::function<std::optional<std::chrono::nanoseconds>()> stepped_at;
  std::function<ServerSight()> sight;
  Log& log = process_log();  // what could not be looked at, once
};

struct AlertRulesOptions {
  std::string server;   // this_process()
  std::string name;     // of it, for people
  bool shared = false;  // other servers use the store
  std::chrono::milliseconds look_every{15'000};
  // So soon after something ended, and no sooner after the look before.
  std::chrono::milliseconds look_soon{500};
  std::chrono::milliseconds turn{60'000};
};

// It has times, follows others or watches something.
bool runs_by_itself(const JobSpec& job);

// What is open at one look, by job.
struct JobsOpen {
  UtcMicros at;
  std::map<JobName, OpenRun> runs;
  std::map<JobName, std::vector<FireRecord>> fires;  // of runs; oldest first
};

class AlertRules final : public RunObserver {
 public:
  AlertRules(const AlertRulesParts& parts, const AlertRulesSpec& rules, AlertRulesOptions options);
  ~AlertRules() override;

  // What is served from now on.
  void set_jobs(const Service::Jobs& jobs);
  // One look, now; blocks on the store. After an error nothing is told of what could not be looked
  // at, and the next look makes up for it. The first one of many jobs takes long, and ends early
  // once `stop` is requested. What a job reads in ten weeks is learned of some jobs at each look,
  // so that the other rules do not wait for it.
  Status look(const Cancel& stop = Cancel());
  // Looks now and then until `stop`, and gives the turn back.
  void look_until(const Cancel& stop);

  void on(const RunEvent&) override {}
  void ended(const RunEnd& end) override;
  void note(const ServiceNote& note);

 private:
  // A job as the rules look at it. Of the project.
  struct Watched {
    std::shared_ptr<const JobSpec> spec;
    std::optional<JobTimes> times;  // of its runs
    UtcMicros known_since;          // to these rules
    // The newest fire that was taken, as far as it was asked, and when the next one would be late.
    std::optional<UtcMicros> newest_fire;
    std::optional<UtcMicros> late_at;
  };

  void look_soon();
  Status look_at_server();
  Status look_at_project(const Cancel& stop);
  Result<bool> take_turn();
  void take_up_jobs();
  void forget(const JobName& job);
  // The jobs of which this look learns all anew.
  struct Begun {
    std::set<JobName> memories;
    std::set<JobName> volumes;
  };
  Status learn(const Cancel& stop);
  Status learn_all(UtcMicros now, UtcMicros since, const Cancel& stop, Begun& begun);
  Status learn_begins(UtcMicros since, const Cancel& stop, Begun& begun);
  Status learn_volumes(UtcMicros now, UtcMicros since, const Cancel& stop, Begun& begun);
  Status learn_volume(const JobName& job, UtcMicros now, UtcMicros ended_before);
  void learn(const EndedRun& run, bool is_known, const Begun& begun);
  void judge_volumes(const JobsOpen& open);
  Status learn_comparisons(UtcMicros since, const std::vector<JobName>& begun);
  Result<JobsOpen> find_open();
  Status look_at_fires(const JobsOpen& open);
  UtcMicros next_late(const Watched& job) const;

  // Of one job; see job_rules.cc. Each adds what holds.
  void find_all_of(const Watched& job, const JobsOpen& open, std::vector<Alert>& found) const;
  void find_failed(const Watched& job, const JobMemory& memory, const JobsOpen& open,
                   std::vector<Alert>& found) const;
  void find_too_long(const Watched& job, const JobMemory& memory, const JobsOpen& open,
                     std::vector<Alert>& found) const;
  void find_not_started(const Watched& job, const JobsOpen& open, std::vector<Alert>& found) const;
  void find_stale(const Watched& job, const JobMemory& memory, UtcMicros now,
                  std::vector<Alert>& found) const;
  void find_held(const Watched& job, const JobMemory& memory, UtcMicros now,
                 std::vector<Alert>& found) const;
  void find_refused(const Watched& job, const JobMemory& memory, std::vector<Alert>& found) const;
  void find_drift(const Watched& job, const JobMemory& memory, UtcMicros now,
                  std::vector<Alert>& found) const;
  void find_different(const Watched& job, std::vector<Alert>& found) const;
  void find_volume(const Watched& job, std::vector<Alert>& found) const;
  std::chrono::milliseconds start_within(const JobSpec& job) const;

  const AlertRulesParts parts_;
  const AlertRulesSpec rules_;
  const AlertRulesOptions options_;

  // Of look().
  ServerRules server_rules_;
  std::map<JobName, Watched> jobs_;
  std::unordered_map<JobName, JobMemory> memory_;
  UtcMicros ended_until_{};  // memory_ knows what ended until then
  std::set<std::pair<UtcMicros, RunId>> ended_lately_;
  std::map<JobName, FailedComparison> different_;
  std::unordered_map<JobName, VolumeRule> volumes_;
  std::set<JobName> volumes_to_learn_;
  std::optional<std::chrono::nanoseconds> turn_until_;  // nothing: another has it
  std::vector<Alert> of_server_;                        // as they were found last

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::optional<Service::Jobs> edited_;
  bool is_soon_ = false;
};

}  // namespace tidemark

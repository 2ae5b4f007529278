// Watches: jobs that run when something has changed (`when`): what is to be looked at and when, and
// what becomes of what was seen.
//
// Jobs that watch the same thing share one look. It asks nobody itself. One thread at a time;
// nothing blocks.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/named.h"
#include "base/result.h"
#include "schedule/job_times.h"
#include "spec/job_spec.h"
#include "store/records.h"

namespace tidemark {

// Whether `now` has a word that `before` had not.
bool has_news(std::string_view before, std::string_view now);

// Whether a job with `when` may run by itself at that time: within `starts` and `ends`, and on no
// day off.
Result<bool> may_run_at(const ScheduleSpec& schedule, UtcMicros at);

// The sign of what nobody can tell: each look at it is a change, the same for all servers.
std::string untold_sign(const WhenSpec& when, UtcMicros at);

// What is watched, as it was asked for.
struct Look {
  WhenSpec when;
  std::vector<JobName> jobs;
};

// What becomes of what a job watches, as it was seen.
enum class Follow {
  nothing,
  note,  // it is taken for known, and nothing is run for it
  fire,
};

class Watches {
 public:
  using Nanos = std::chrono::nanoseconds;

  // In the place of those before; what was seen of a thing that is watched still stays.
  void set(const std::vector<std::shared_ptr<const JobSpec>>& jobs);
  // What is to be looked at now. Each is given again only once it was seen or could not be.
  std::vector<Look> due(Nanos now);
  void seen(const std::string& watched, const std::string& sign, Nanos now);
  void failed(const std::string& watched, const Error& error, Nanos now);
  // Nobody looked, as the store did not answer.
  void put_off(const std::string& watched, Nanos now);
  // Why it cannot be looked at; empty: it can.
  std::string why_not(const std::string& watched) const;
  // The jobs of what cannot be, and why.
  std::vector<std::pair<JobName, std::string>> unseen() const;
  std::vector<JobName> jobs_of(const std::string& watched) const;

  // Whether it is time to store that somebody looks, so that what comes is not missed, though it
  // may not be followed yet. Asked at `asked_at`, with `known` of then, and answered at `at`, by
  // the clock that `known` has.
  static bool says_that_it_looks(const JobSpec& job, const SeenChange& known, UtcMicros asked_at,
                                 UtcMicros at);
  // What becomes of it for one of its jobs, that knew `known` when it was asked, at `asked_at` by
  // the clock that `known` has: however late the answer comes, who asks is there.
  Follow follow(const JobSpec& job, const std::optional<SeenChange>& known, const std::string& sign,
                UtcMicros asked_at, Nanos now) const;

 private:
  struct Thing {
    Look look;
    std::optional<Nanos> next;  // nothing: it is being looked at
    std::optional<std::string> sign;
    Nanos since{0};  // it looks so
    std::string why_not;
    std::chrono::milliseconds check{};
    std::chrono::milliseconds settle{};  // the shortest of its jobs that is any
  };
  std::map<std::string, Thing> things_;
};

}  // namespace tidemark

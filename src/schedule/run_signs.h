// RunSigns: what the runs of this process last said: how far they are, when they moved, and what
// the newest run of each job had to say of its plan, as that a transaction holds its watermark.
//
// Owned by who serves; any thread. Memory for the runs that go on, and some lines for each job.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "env/clock.h"
#include "observe/run_event.h"

namespace tidemark {

struct RunSign {
  JobName job;
  UtcMicros began_at;
  StreamName stream;
  RunStep step = RunStep::plan;
  std::int64_t rows = 0;  // so far, in this step
  std::int64_t bytes = 0;
  UtcMicros moved_at;  // when any of it was another than before
};

class RunSigns final : public RunObserver {
 public:
  explicit RunSigns(const Clock& clock) : clock_(clock) {}

  void on(const RunEvent& event) override;
  // It has ended.
  void forget(const RunId& run);

  std::unordered_map<RunId, RunSign> signs() const;
  // Which jobs' newest runs say the same.
  std::map<std::string, std::vector<JobName>> notes() const;

 private:
  static constexpr std::size_t notes_max = 8;  // of a job
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<RunId, RunSign> signs_;
  std::map<JobName, std::vector<std::string>> notes_;
};

}  // namespace tidemark

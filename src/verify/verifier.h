// Verifier: whether a target has what its source has, up to the last window; and a repair of what
// it has not.
//
// Compared are the rows that the windows so far were to bring, as the source has them now, with the
// target's. Rows that changed since belong to the next window and are left out. Rows that only the
// target has are counted and no fault: rows are deleted in sources, and `append` keeps old
// versions. A comparison changes nothing; a repair loads rows that are missing or different, as a
// run of its own. One command's; its thread. Blocking.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "run/runner.h"
#include "verify/comparison.h"

namespace tidemark {

struct VerifyOptions {
  bool all = false;  // read also what was proved equal before
  bool in_quiet_hours = false;
  // No further part of the source is read after this time; what is left comes first the next time.
  std::optional<std::chrono::milliseconds> budget;
};

// Of one stream.
struct Verdict {
  StreamId id;
  std::string note;  // why there was nothing to compare
  Guarantee guarantee = Guarantee::best_effort;
  std::string reason;                     // of the guarantee
  std::vector<std::string> not_compared;  // columns or rows, and why
  bool transformed = false;               // by the job's steps, else columns as they are
  std::vector<std::string> columns;       // that were compared
  std::int64_t rows = 0;                  // of the target
  int parts = 0;
  int parts_skipped = 0;  // proved before, and unchanged
  int parts_left = 0;     // for another time: the budget was used up
  Differences differences;
  std::optional<double> seconds_late;    // how far below its window's end a missing row's time lay
  std::optional<UtcMicros> proved_at;    // when all of it was equal
  std::optional<std::string> no_repair;  // why a repair loads nothing of it
};

struct JobVerdict {
  JobName job;
  std::vector<Verdict> streams;
  std::optional<RunRecord> repair;
  bool equal() const;     // nothing that was read is missing or different
  bool is_whole() const;  // all of it was compared: nothing is left for another time, or pending
};

class Verifier {
 public:
  explicit Verifier(const RunnerParts& parts) : parts_(parts) {}
  // `run.leased` while the job is being run.
  Result<JobVerdict> verify(const JobSpec& job, const VerifyOptions& options, Cancel& cancel);
  // The same, and a run of `runner` with the id that loads what is missing or different.
  Result<JobVerdict> repair(Runner& runner, const RunId& id, const JobSpec& job,
                            const VerifyOptions& options, Cancel& cancel);

 private:
  // Fills `verdict`; with `stages` the plan has the repair's.
  Result<JobPlan> check(Planner& planner, duck::Connection& engine, const JobSpec& job,
                        const VerifyOptions& options, bool stages, JobVerdict& verdict,
                        Cancel& cancel);
  RunnerParts parts_;
};

// When all of a job's target was last proved equal, as its first stream has it; nothing where one
// of its streams was not, or differed since.
Result<std::optional<UtcMicros>> proved_equal_at(Store& store, const JobName& job,
                                                 const std::vector<StreamName>& streams);

}  // namespace tidemark

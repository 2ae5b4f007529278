// StreamCheck: one stream's target compared with its source; for this folder only.
//
// Where the job has no steps its columns are compared as they stream by, bucket by bucket. Rows
// that differ are then judged by the job's rules, as a load would: what they refuse is no
// difference. Where the job has steps the source's rows are staged and refined whole, and the good
// ones are compared.
//
// Of a carried comparison that needs the source again only a part is read: a bucket that was proved
// equal is passed over as long as its target rows are the same and the keys and watermarks of its
// source rows are.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "plan/planner.h"
#include "run/refine.h"
#include "stage/stage.h"
#include "stage/stage_writer.h"
#include "verify/proof.h"
#include "verify/verifier.h"

namespace tidemark {

class StreamCheck {
 public:
  struct Parts {
    const RunnerParts& run;
    const JobSpec& job;
    const VerifyOptions& options;
    duck::Connection& engine;
    Planner& planner;
    Sink& sink;
    std::filesystem::path folder;       // for stages, its own
    std::chrono::nanoseconds deadline;  // of the monotonic clock
    OnDuplicate on_duplicate;           // of the job as it is written
  };
  StreamCheck(const Parts& parts, PreparedStream& stream);

  Result<Verdict> check(Cancel& cancel);
  // What a repair has to load, after check(); nothing where that is nothing, or cannot be told.
  Result<std::optional<Stage>> repair(Cancel& cancel);

 private:
  struct Looked;  // what a carried comparison saw of the buckets
  Result<Verdict> check_carried(Cancel& cancel);
  Result<Verdict> check_transformed(Cancel& cancel);
  Result<Looked> look(Side& expected, Side& target, Cancel& cancel);
  Result<std::optional<KeptProof>> kept_proof();
  std::optional<Proof> proof_of(const std::optional<KeptProof>& kept) const;
  // The buckets that have to be read from the source, in ascending order.
  Result<std::vector<int>> worth_a_look(const Proof& proof, const std::vector<Digest>& target,
                                        Cancel& cancel);
  Status mark_retraced(const Proof& proof, std::vector<bool>& wanted, Cancel& cancel);
  Status mark_touched(const Proof& proof, std::vector<bool>& wanted, Cancel& cancel);
  std::string what_is_compared() const;
  Status keep_proof(const Verdict& verdict);
  Result<std::optional<std::string>> why_no_repair(Cancel& cancel);
  // What the job's rules make of the rows that differ.
  Status judge(Side& expected, Side& target, const Looked& looked, Differences& differences,
               Cancel& cancel);
  Result<Refined> refined(const StagedRows& rows, Cancel& cancel);
  Result<std::optional<double>> seconds_late(const std::string& rows, Cancel& cancel);
  Result<std::int64_t> make_rows(const Stage& stage, const char* table, Cancel& cancel);
  Result<std::unique_ptr<StageWriter>> writer(const char* name, std::vector<Split> splits,
                                              Cancel& cancel);
  Result<Stage> stage_source(const char* name, const Window& window, Cancel& cancel);
  // Widens the types of what is compared; before the others.
  Result<std::unique_ptr<Side>> target_rows(Cancel& cancel);
  std::unique_ptr<Side> source_rows(Source& source, const Schema& present, const Window& window);
  std::unique_ptr<Side> source_rows(const Window& window);
  std::unique_ptr<Side> judged_rows(const std::string& relation);
  std::string as_read() const;
  const Window& loaded() const { return stream_.plan.bound.window; }
  SideEngine side_engine() const { return {parts_.run.engine, parts_.engine}; }

  Parts parts_;
  PreparedStream& stream_;
  Compared compared_;
  std::vector<std::string> traces_;  // as in Hashed
  Comparison comparison_;
  bool watermark_in_rows_ = false;
  bool can_skip_ = false;
  bool wants_repair_ = false;
  std::int64_t target_rows_ = 0;
  std::optional<Proof> proof_;
  std::optional<Stage> whole_;        // of a transformed comparison
  std::optional<std::string> batch_;  // a relation of rows as they are staged
};

}  // namespace tidemark

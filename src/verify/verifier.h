// Verifier: whether a target has what its source has, up to the last window; and where not.
//
// Compared are the rows that the windows so far were to bring, as the source has them now, with the
// target's. Rows that changed since belong to the next window and are left out. Where the job
// carries its columns unchanged they are compared as they stream by; else, and where that finds a
// difference that a rule might explain, the job's transform and rules are run over the source's
// rows first, and their good rows are compared. Nothing is changed in source or target.
//
// Buckets of the key that were proved equal are not read from the source again while nothing in
// them changed: the target's rows are the same, so are the keys in the source, and no row has a
// watermark since. A change in the source that left the watermark where it was is seen by `all`.
//
// One run of a command; its thread. Blocking.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "run/runner.h"
#include "verify/comparison.h"

namespace tidemark {

struct VerifyOptions {
  bool all = false;  // read also what was proved equal before
};

// Of one stream.
struct Verdict {
  StreamId id;
  std::string note;                        // why there was nothing to compare
  bool transformed = false;                // by the job's transform, else columns as they are
  std::vector<std::string> columns;        // that were compared
  std::int64_t rows = 0;                   // of the target
  int buckets = 0;
  int skipped = 0;                         // proved before, and unchanged
  Differences differences;
  std::vector<RowRange> ranges;            // to repair; none where the key has no ranges
  std::optional<UtcMicros> proved_at;      // equal, at this time
};

struct JobVerdict {
  JobName job;
  std::vector<Verdict> streams;
  bool equal() const;
};

class Verifier {
 public:
  explicit Verifier(const RunnerParts& parts) : parts_(parts) {}
  Result<JobVerdict> verify(const JobSpec& job, const VerifyOptions& options, Cancel& cancel);

 private:
  struct Look;  // one stream as it is looked at
  Result<Verdict> verify_stream(Look& look, Cancel& cancel);
  Result<Verdict> compare_carried(Look& look, Cancel& cancel);
  Result<Verdict> compare_transformed(Look& look, Cancel& cancel);
  // What the store knows to be equal, if it is of these very columns.
  struct Proof;
  Result<std::optional<Proof>> proof_of(const Look& look);
  // The buckets that have to be read from the source.
  Result<std::vector<int>> worth_a_look(Look& look, const Proof& proof,
                                        const std::vector<Digest>& target, Cancel& cancel);
  Result<std::vector<Digest>> key_digests(Look& look, const Buckets& buckets, Cancel& cancel);
  // Buckets with rows whose watermark is not below `hi`.
  Result<std::vector<int>> touched_since(Look& look, const Position& hi, const Buckets& buckets,
                                         Cancel& cancel);
  Status keep_proof(Look& look, const Buckets& buckets, const std::vector<Digest>& target,
                    Verdict& verdict, Cancel& cancel);
  // The same stream opened anew: a source reads one set of columns.
  Result<PreparedStream> open_again(Look& look, Cancel& cancel);

  RunnerParts parts_;
};

}  // namespace tidemark

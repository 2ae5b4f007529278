// Comparison: two sides of one table, bucket by bucket, and row by row where buckets differ.
//
// Owned by one verification, used from its thread with its engine connection, where it makes
// temporary tables (tm_verify_*). Blocking; what is collected may spill to disk.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "verify/digest.h"
#include "verify/side.h"

namespace tidemark {

// How rows are compared: all columns of `schema`.
struct Compared {
  Schema schema;
  std::vector<std::string> key;    // tells rows apart; empty: all they hold does
  std::vector<std::string> place;  // divides them into buckets
};

// What differs in some buckets. Rows that changed in the source since the last window are pending,
// and in none of the other counts.
struct Differences {
  std::int64_t missing = 0;           // in the target
  std::int64_t different = 0;         // in both, with other values
  std::int64_t doubled = 0;           // in the target again under a key that it has already
  std::int64_t only_in_target = 0;    // deleted in the source, older versions, or never from it
  std::int64_t pending = 0;           // differ, and changed in the source since the last window
  std::int64_t refused = 0;           // of those that differ, what the job's rules refuse
  std::vector<int> buckets;           // where rows differ that are not only in the target
  std::vector<std::string> examples;  // up to `examples_max`: what it is, and the key
  bool equal() const { return missing == 0 && different == 0 && doubled == 0; }
};

// Buckets [first, second).
using Span = std::pair<int, int>;
// Numbers in ascending order as spans of neighbours.
std::vector<Span> spans_of(const std::vector<int>& numbers);

class Comparison {
 public:
  static constexpr int examples_max = 20;
  static constexpr std::int64_t rows_of_bucket = 20'000;
  static constexpr std::int64_t buckets_max = 1'024;

  // Both outlive the comparison.
  Comparison(const Compared& compared, duck::Connection& engine)
      : compared_(compared), engine_(engine) {}

  // For these rows: some tens of thousands each.
  Result<Buckets> buckets(Side& rows, Cancel& cancel);
  // Of the buckets of `spans`; the others stay empty.
  Result<std::vector<Digest>> digests(Side& rows, const Hashed& hashed, const Buckets& buckets,
                                      const std::vector<Span>& spans, Cancel& cancel);
  // The rows of some buckets, one against the other. `changed` gives keys of rows that belong to
  // later windows; null: none do. Kept until the next call, for the batches below.
  Result<Differences> find(Side& expected, Side& target, Side* changed, const Buckets& buckets,
                           const std::vector<int>& which, Cancel& cancel);
  // A table of the engine with the rows of `expected` that were found to differ and are not only in
  // the target, as often as they are.
  Result<std::string> batch(Side& expected, const Buckets& buckets, const std::vector<int>& which,
                            Cancel& cancel);
  // A SELECT of those rows of a batch that were found missing.
  std::string missing_of(const std::string& batch) const;

 private:
  std::vector<std::string> told_by() const;
  Status collect(Side& side, const std::string& table, const std::string& columns,
                 const std::vector<RowRange>& ranges, const std::string& condition, Cancel& cancel);
  Result<Differences> count(const Buckets& buckets);

  const Compared& compared_;
  duck::Connection& engine_;
};

}  // namespace tidemark

// Comparison: two sides of one table, bucket by bucket, and row by row where buckets differ.
//
// Owned by one verification, used from its thread with its engine connection. Blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "verify/digest.h"
#include "verify/side.h"

namespace tidemark {

// How rows are compared: all columns of `schema`, by `key`; without one, rows are told by all they
// hold.
struct Compared {
  Schema schema;
  std::vector<std::string> key;
};

// What differs in some buckets. Rows that changed in the source since the last window are in none
// of the counts.
struct Differences {
  std::int64_t missing = 0;         // of the target
  std::int64_t different = 0;       // in both, with other values
  std::int64_t only_in_target = 0;  // deleted in the source, or never from it
  std::vector<int> buckets;         // with rows that are missing or different
  std::vector<std::string> examples;  // up to `examples_max`: what it is, and the key
  bool equal() const { return missing == 0 && different == 0; }
};

class Comparison {
 public:
  static constexpr int examples_max = 20;

  // All of it outlives the comparison. `changed` gives keys of rows that belong to later windows.
  Comparison(Side& expected, Side& target, Side* changed, const Compared& compared,
             duck::Connection& engine)
      : expected_(expected),
        target_(target),
        changed_(changed),
        compared_(compared),
        engine_(engine) {}

  // Buckets by the target's rows: some tens of thousands each.
  Result<Buckets> buckets(Cancel& cancel);
  enum class Which { expected, target };
  // Of the buckets [from, to) for each of `spans`; the others stay empty.
  using Span = std::pair<int, int>;
  Result<std::vector<Digest>> digests(Which which, const Buckets& buckets,
                                      const std::vector<Span>& spans, Cancel& cancel);
  // The rows of some buckets, one against the other.
  Result<Differences> differences(const Buckets& buckets, const std::vector<int>& which,
                                  Cancel& cancel);

 private:
  Status collect(Side& side, const char* table, const std::string& columns,
                 const std::vector<RowRange>& ranges, const std::string& condition,
                 Cancel& cancel);
  // What a SELECT of (what VARCHAR, the names) found.
  Result<Differences> tell(const std::string& found, const std::vector<std::string>& names,
                           const Buckets& buckets);

  Side& expected_;
  Side& target_;
  Side* changed_;
  const Compared& compared_;
  duck::Connection& engine_;
};

// Numbers in ascending order as spans of neighbours.
std::vector<Comparison::Span> spans_of(const std::vector<int>& numbers);

}  // namespace tidemark

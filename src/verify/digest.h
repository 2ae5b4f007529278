// Digest: what a set of rows is, without their order: how many, and sums of their hashes; taken of
// each bucket of the key, so that two sides that differ can be told where.
//
// Values and SQL of the engine. The hash is the engine's own, and may be another in another version
// of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "model/schema.h"

namespace tidemark {

struct Digest {
  std::int64_t rows = 0;
  std::uint64_t sum = 0;     // of the hashes of the rows, modulo 2^64
  std::uint64_t traces = 0;  // the same of the columns that show a change, such as the watermark
  friend bool operator==(const Digest&, const Digest&) = default;
};

// How rows are told apart into buckets: by ranges of an integer column, which sources can be asked
// for, else by the hash of the key.
class Buckets {
 public:
  static bool can_range(const Column& column);
  // REQUIRES can_range(column). The values beyond both ends go into the outermost ranges, rows
  // without a value into the last.
  static Buckets of_ranges(const Column& column, std::int64_t least, std::int64_t largest,
                           int count);
  static Buckets of_hash(std::vector<std::string> key, int count);

  int count() const { return count_; }
  // SQL of an INTEGER from 0, of a row with the key's columns.
  std::string sql() const;
  // The rows of the buckets [from, to) for Source::keep_to; nothing where they are told apart by
  // hash.
  std::optional<RowRange> range(int from, int to) const;
  bool have_ranges() const { return ranges_; }
  // As text, so that digests of another time can be compared; nothing for what text() did not give.
  std::string text() const;
  static std::optional<Buckets> parse(const std::string& text);

 private:
  int count_ = 1;
  bool ranges_ = false;
  std::vector<std::string> key_;  // the one column of ranges
  std::int64_t least_ = 0;
  int shift_ = 0;  // a range has 2^shift numbers
};

// What is hashed of the rows, as columns of SQL: `compared` whole, and by itself what shows that a
// row was changed. Without columns the sum is 0.
struct Hashed {
  std::vector<std::string> compared;
  std::vector<std::string> traces;
};
// The columns of a schema so that values hash alike only where they are the same: to the engine an
// empty list is like NULL, and a month like 30 days.
std::vector<std::string> hashed_columns(const Schema& schema);
// A SELECT over the rows of `from`, for add_digests().
std::string digest_sql(const Buckets& buckets, const Hashed& hashed, const std::string& from);
// Adds what such a SELECT gave. REQUIRES digests.size() == buckets.count().
void add_digests(const duck::Answer& answer, std::vector<Digest>& digests);
// A hash of some columns of SQL, as a BIGINT of 63 bits; 0 where there are none.
std::string row_hash_sql(const std::vector<std::string>& columns);

}  // namespace tidemark

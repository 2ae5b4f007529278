// Digest: what a set of rows is, without their order: how many, and the sum of their hashes; taken
// of each bucket of a key, so that two sides that differ can be told where.
//
// Values and SQL of the engine; nothing here reads anything. The hash is the engine's own, of 64
// bits, and may be another in another version of it.
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
  std::uint64_t sum = 0;  // of the hashes, modulo 2^64
  friend bool operator==(const Digest&, const Digest&) = default;
};

// How rows are told apart into buckets: by ranges of an integer column, which sources can be asked
// for, else by the hash of the key.
class Buckets {
 public:
  static bool can_range(const Column& column);
  // REQUIRES can_range(column). The values beyond both ends go into the outermost ranges.
  static Buckets of_ranges(const Column& column, std::int64_t least, std::int64_t largest,
                           int count);
  static Buckets of_hash(std::vector<std::string> key, int count);

  int count() const { return count_; }
  // SQL of an INTEGER from 0, of a row with the key's columns.
  std::string sql() const;
  // The rows of the buckets [from, to) for Source::keep_to; nothing where they are told apart by
  // hash.
  std::optional<RowRange> range(int from, int to) const;
  // As text, so that digests of another time can be compared; nothing for what text() did not give.
  std::string text() const;
  static std::optional<Buckets> parse(const std::string& text);

 private:
  int count_ = 1;
  bool ranges_ = false;
  std::vector<std::string> key_;  // the one column of ranges
  std::int64_t least_ = 0;
  std::int64_t step_ = 1;  // of ranges
};

// A SELECT of (bucket INTEGER, rows BIGINT, sum VARCHAR, a decimal) over the rows of `from`.
std::string digest_sql(const Buckets& buckets, const Schema& compared, const std::string& from);
// Adds what such a SELECT gave. REQUIRES digests.size() == buckets.count().
Status add_digests(duck::Connection& engine, const std::string& sql, std::vector<Digest>& digests);
// Of digests as texts, for the store.
std::string digests_text(const std::vector<Digest>& digests);
std::optional<std::vector<Digest>> parse_digests(const std::string& text);
// A hash of one row, as UBIGINT.
std::string row_hash_sql(const Schema& compared);

}  // namespace tidemark

#include "verify/digest.h"

#include <charconv>
#include <utility>

#include "base/assert.h"
#include "connect/table_source.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

using Wide = __int128;

std::uint64_t sum_at(const duck::Answer& answer, std::size_t row, std::size_t column) {
  const std::string text = answer.text(row, column).value_or("0");
  std::uint64_t sum = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sum);
  TM_ASSERT(error == std::errc() && end == text.data() + text.size());
  return sum;
}

std::string sum_sql(const char* column) {
  return std::string("CAST(sum(") + column + ") % 18446744073709551616 AS VARCHAR)";
}

}  // namespace

bool Buckets::can_range(const Column& column) {
  return fits_int64(column.type);
}

Buckets Buckets::of_ranges(const Column& column, std::int64_t least, std::int64_t largest,
                           int count) {
  TM_ASSERT(can_range(column) && least <= largest && count > 0);
  Buckets buckets;
  buckets.ranges_ = true;
  buckets.key_ = {column.name};
  buckets.least_ = least;
  const Wide width = static_cast<Wide>(largest) - least + 1;
  while (((width - 1) >> buckets.shift_) + 1 > count)
    ++buckets.shift_;
  buckets.count_ = static_cast<int>(((width - 1) >> buckets.shift_) + 1);
  return buckets;
}

Buckets Buckets::of_hash(std::vector<std::string> key, int count) {
  Buckets buckets;
  buckets.key_ = std::move(key);
  buckets.count_ = count;
  return buckets;
}

std::string Buckets::sql() const {
  const std::string last = std::to_string(count_ - 1);
  if (count_ == 1) return "CAST(0 AS INTEGER)";
  if (!ranges_)
    return "CAST(hash(" + duck::quote_list(key_) + ") % " + std::to_string(count_) + " AS INTEGER)";
  // Numbers of 128 bits are slow, and wanted only where a difference has more than 63.
  const Wide end = least_ + (static_cast<Wide>(count_) << shift_);
  const bool wide = end - least_ > INT64_MAX || end > INT64_MAX;
  const std::string type = wide ? "HUGEINT" : "BIGINT";
  const std::string least = std::to_string(least_);
  const std::string value = "CAST(" + duck::quote_name(key_.front()) + " AS " + type + ")";
  const std::string place = wide ? "least(" + last + ", (greatest(" + value + ", " + least +
                                       ") - " + least + ") // " +
                                       std::to_string(std::uint64_t{1} << shift_) + ")"
                                 : "(least(greatest(" + value + ", " + least + "), " +
                                       std::to_string(static_cast<std::int64_t>(end - 1)) + ") - " +
                                       least + ") >> " + std::to_string(shift_);
  // Rows without a value are in the last bucket; greatest() and least() take no heed of NULL.
  return "CAST(CASE WHEN " + duck::quote_name(key_.front()) + " IS NULL THEN " + last + " ELSE " +
         place + " END AS INTEGER)";
}

std::optional<RowRange> Buckets::range(int from, int to) const {
  if (!ranges_) return std::nullopt;
  const auto begin = [&](int bucket) {
    return static_cast<std::int64_t>(least_ + (static_cast<Wide>(bucket) << shift_));
  };
  RowRange range{key_.front(), std::nullopt, std::nullopt};
  if (from > 0) range.from = begin(from);
  if (to < count_) range.to = begin(to);
  return range;
}

std::string Buckets::text() const {
  JsonArray key;
  for (const std::string& name : key_)
    key.emplace_back(name);
  JsonValue json;
  json.set("count", static_cast<std::int64_t>(count_)).set("ranges", ranges_);
  json.set("key", std::move(key))
      .set("least", least_)
      .set("shift", static_cast<std::int64_t>(shift_));
  return to_json(json, JsonLayout::compact);
}

std::optional<Buckets> Buckets::parse(const std::string& text) {
  const auto json = parse_json(text);
  if (!json.ok()) return std::nullopt;
  const auto count = json->integer_at("count");
  const auto ranges = json->boolean_at("ranges");
  const auto key = json->array_at("key");
  const auto least = json->integer_at("least");
  const auto shift = json->integer_at("shift");
  if (!count.ok() || !ranges.ok() || !key.ok() || !least.ok() || !shift.ok()) return std::nullopt;
  Buckets buckets;
  buckets.count_ = static_cast<int>(*count);
  buckets.ranges_ = *ranges;
  for (const JsonValue& name : **key) {
    if (name.string() == nullptr) return std::nullopt;
    buckets.key_.push_back(*name.string());
  }
  buckets.least_ = *least;
  buckets.shift_ = static_cast<int>(*shift);
  if (buckets.count_ < 1 || buckets.shift_ < 0 || buckets.shift_ > 64 || buckets.key_.empty())
    return std::nullopt;
  return buckets;
}

std::vector<std::string> hashed_columns(const Schema& schema) {
  std::vector<std::string> columns;
  for (const Column& column : schema.columns) {
    const TypeKind kind = column.type.kind;
    const bool as_text =
        kind == TypeKind::list || kind == TypeKind::interval || kind == TypeKind::engine;
    const std::string name = duck::quote_name(column.name);
    columns.push_back(as_text ? "CAST(" + name + " AS VARCHAR)" : name);
  }
  return columns;
}

std::string row_hash_sql(const std::vector<std::string>& columns) {
  // The engine adds up numbers with a sign much faster than those without.
  return columns.empty() ? "CAST(0 AS BIGINT)"
                         : "CAST(hash(" + comma_list(columns) + ") >> 1 AS BIGINT)";
}

std::string digest_sql(const Buckets& buckets, const Hashed& hashed, const std::string& from) {
  return "SELECT bucket, count(*) AS rows, " + sum_sql("row_hash") + " AS sum, " +
         sum_sql("trace_hash") + " AS traces FROM (SELECT " + buckets.sql() + " AS bucket, " +
         row_hash_sql(hashed.compared) + " AS row_hash, " + row_hash_sql(hashed.traces) +
         " AS trace_hash FROM " + from + ") GROUP BY bucket";
}

void add_digests(const duck::Answer& answer, std::vector<Digest>& digests) {
  for (std::size_t row = 0; row < answer.rows(); ++row) {
    const auto bucket = static_cast<std::size_t>(answer.integer(row, 0));
    TM_ASSERT(bucket < digests.size());
    Digest& digest = digests[bucket];
    digest.rows += answer.integer(row, 1);
    digest.sum += sum_at(answer, row, 2);  // both wrap as they should
    digest.traces += sum_at(answer, row, 3);
  }
}

}  // namespace tidemark

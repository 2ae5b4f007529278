#include "verify/digest.h"

#include <charconv>
#include <utility>

#include "base/assert.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

using Wide = __int128;

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + duck::quote_name(name);
  return list;
}

std::optional<std::uint64_t> parse_sum(const std::string& text) {
  std::uint64_t sum = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sum);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return sum;
}

std::optional<Digest> digest_of(const JsonValue& item) {
  auto rows = item.integer_at("rows");
  auto sum = item.string_at("sum");
  if (!rows.ok() || !sum.ok()) return std::nullopt;
  const auto number = parse_sum(*sum);
  if (!number) return std::nullopt;
  return Digest{*rows, *number};
}

}  // namespace

bool Buckets::can_range(const Column& column) {
  switch (column.type.kind) {
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
      return true;
    default:
      return false;
  }
}

Buckets Buckets::of_ranges(const Column& column, std::int64_t least, std::int64_t largest,
                           int count) {
  TM_ASSERT(can_range(column) && least <= largest && count > 0);
  Buckets buckets;
  buckets.ranges_ = true;
  buckets.key_ = {column.name};
  buckets.least_ = least;
  const Wide width = static_cast<Wide>(largest) - least + 1;
  buckets.step_ = static_cast<std::int64_t>((width + count - 1) / count);
  buckets.count_ = static_cast<int>((width + buckets.step_ - 1) / buckets.step_);
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
  if (!ranges_)
    return "CAST(hash(" + list_of(key_) + ") % " + std::to_string(count_) + " AS INTEGER)";
  return "CAST(greatest(0, least(" + last + ", (CAST(" + duck::quote_name(key_.front()) +
         " AS HUGEINT) - " + std::to_string(least_) + ") // " + std::to_string(step_) +
         ")) AS INTEGER)";
}

std::optional<RowRange> Buckets::range(int from, int to) const {
  if (!ranges_) return std::nullopt;
  const auto begin = [&](int bucket) {
    return std::to_string(
        static_cast<std::int64_t>(least_ + static_cast<Wide>(bucket) * step_));
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
  json.set("key", std::move(key)).set("least", least_).set("step", step_);
  return to_json(json, JsonLayout::compact);
}

std::optional<Buckets> Buckets::parse(const std::string& text) {
  const auto json = parse_json(text);
  if (!json.ok()) return std::nullopt;
  const auto count = json->integer_at("count");
  const auto ranges = json->boolean_at("ranges");
  const auto key = json->array_at("key");
  const auto least = json->integer_at("least");
  const auto step = json->integer_at("step");
  if (!count.ok() || !ranges.ok() || !key.ok() || !least.ok() || !step.ok()) return std::nullopt;
  Buckets buckets;
  buckets.count_ = static_cast<int>(*count);
  buckets.ranges_ = *ranges;
  for (const JsonValue& name : **key) {
    if (name.string() == nullptr) return std::nullopt;
    buckets.key_.push_back(*name.string());
  }
  buckets.least_ = *least;
  buckets.step_ = *step;
  if (buckets.count_ < 1 || buckets.step_ < 1 || buckets.key_.empty()) return std::nullopt;
  return buckets;
}

std::string row_hash_sql(const Schema& compared) {
  return "hash(" + list_of(compared.names()) + ")";
}

std::string digest_sql(const Buckets& buckets, const Schema& compared, const std::string& from) {
  return "SELECT bucket, count(*) AS rows, CAST(sum(CAST(row_hash AS HUGEINT)) % "
         "18446744073709551616 AS VARCHAR) AS sum "
         "FROM (SELECT " +
         buckets.sql() + " AS bucket, " + row_hash_sql(compared) + " AS row_hash FROM " + from +
         ") GROUP BY bucket";
}

Status add_digests(duck::Connection& engine, const std::string& sql,
                   std::vector<Digest>& digests) {
  TM_TRY(const duck::Answer answer, engine.query(sql));
  for (std::size_t row = 0; row < answer.rows(); ++row) {
    const auto bucket = static_cast<std::size_t>(answer.integer(row, 0));
    TM_ASSERT(bucket < digests.size());
    Digest& digest = digests[bucket];
    digest.rows += answer.integer(row, 1);
    digest.sum += parse_sum(answer.text(row, 2).value_or("0")).value_or(0);  // wraps as it should
  }
  return {};
}

std::string digests_text(const std::vector<Digest>& digests) {
  JsonArray items;
  for (const Digest& digest : digests)
    items.push_back(JsonValue().set("rows", digest.rows).set("sum", std::to_string(digest.sum)));
  return to_json(JsonValue(std::move(items)), JsonLayout::compact);
}

std::optional<std::vector<Digest>> parse_digests(const std::string& text) {
  const auto json = parse_json(text);
  if (!json.ok() || json->array() == nullptr) return std::nullopt;
  std::vector<Digest> digests;
  for (const JsonValue& item : *json->array()) {
    auto digest = digest_of(item);
    if (!digest) return std::nullopt;
    digests.push_back(std::move(*digest));
  }
  return digests;
}

}  // namespace tidemark

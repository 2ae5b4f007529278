#include "verify/proof.h"

#include <charconv>
#include <utility>

#include "drivers/json/json.h"

namespace tidemark {
namespace {

// A sum does not fit the integers of JSON.
std::optional<std::uint64_t> parse_sum(const JsonValue& json, const char* name) {
  const auto text = json.string_at(name);
  if (!text.ok()) return std::nullopt;
  std::uint64_t sum = 0;
  const char* last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, sum);
  if (error != std::errc() || end != last) return std::nullopt;
  return sum;
}

JsonValue to_json_value(const Digest& digest) {
  JsonValue json;
  json.set("rows", digest.rows).set("sum", std::to_string(digest.sum));
  return json.set("traces", std::to_string(digest.traces));
}

JsonValue to_json_value(const std::optional<ProvedPart>& part) {
  if (!part) return {};
  JsonValue json;
  json.set("target", to_json_value(part->target));
  return json.set("source", to_json_value(part->source));
}

std::optional<Digest> parse_digest(const JsonValue* json) {
  if (json == nullptr) return std::nullopt;
  const auto rows = json->integer_at("rows");
  const auto sum = parse_sum(*json, "sum");
  const auto traces = parse_sum(*json, "traces");
  if (!rows.ok() || !sum || !traces) return std::nullopt;
  return Digest{*rows, *sum, *traces};
}

std::optional<ProvedPart> parse_part(const JsonValue& json) {
  const auto target = parse_digest(json.find("target"));
  const auto source = parse_digest(json.find("source"));
  if (!target || !source) return std::nullopt;
  return ProvedPart{*target, *source};
}

}  // namespace

std::string Proof::text() const {
  JsonArray items;
  for (const auto& part : parts)
    items.push_back(to_json_value(part));
  JsonValue json;
  json.set("what", what).set("buckets", buckets.text());
  json.set("hi", hi ? JsonValue(hi->text) : JsonValue());
  json.set("parts", std::move(items)).set("next", static_cast<std::int64_t>(next));
  return to_json(json, JsonLayout::compact);
}

std::optional<Proof> Proof::parse(const std::string& text) {
  const auto json = parse_json(text);
  if (!json.ok()) return std::nullopt;
  auto what = json->string_at("what");
  const auto buckets = json->string_at("buckets");
  const auto items = json->array_at("parts");
  const auto next = json->integer_at("next");
  if (!what.ok() || !buckets.ok() || !items.ok() || !next.ok()) return std::nullopt;
  auto found = Buckets::parse(*buckets);
  if (!found || (*items)->size() != static_cast<std::size_t>(found->count())) return std::nullopt;
  Proof proof{std::move(*what), std::move(*found), std::nullopt, {}, static_cast<int>(*next)};
  for (const JsonValue& item : **items)
    proof.parts.push_back(parse_part(item));
  if (const JsonValue* hi = json->find("hi"); hi != nullptr && hi->string() != nullptr)
    proof.hi = Position{*hi->string()};
  return proof;
}

}  // namespace tidemark

#include "verify/proof.h"

#include <charconv>
#include <utility>

#include "drivers/hash/hash.h"
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

JsonValue to_json_value(const std::optional<Digest>& digest) {
  if (!digest) return {};
  JsonValue json;
  json.set("rows", digest->rows).set("sum", std::to_string(digest->sum));
  json.set("traces", std::to_string(digest->traces));
  return json;
}

std::optional<Digest> parse_digest(const JsonValue& json) {
  const auto rows = json.integer_at("rows");
  const auto sum = parse_sum(json, "sum");
  const auto traces = parse_sum(json, "traces");
  if (!rows.ok() || !sum || !traces) return std::nullopt;
  return Digest{*rows, *sum, *traces};
}

}  // namespace

std::string Proof::text() const {
  JsonArray items;
  for (const auto& digest : digests)
    items.push_back(to_json_value(digest));
  JsonValue json;
  json.set("what", what).set("buckets", buckets.text());
  json.set("hi", hi ? JsonValue(hi->text) : JsonValue());
  json.set("digests", std::move(items));
  return to_json(json, JsonLayout::compact);
}

std::optional<Proof> Proof::parse(const std::string& text) {
  const auto json = parse_json(text);
  if (!json.ok()) return std::nullopt;
  auto what = json->string_at("what");
  const auto buckets = json->string_at("buckets");
  const auto items = json->array_at("digests");
  if (!what.ok() || !buckets.ok() || !items.ok()) return std::nullopt;
  auto found = Buckets::parse(*buckets);
  if (!found || (*items)->size() != static_cast<std::size_t>(found->count())) return std::nullopt;
  Proof proof{std::move(*what), std::move(*found), std::nullopt, {}};
  for (const JsonValue& item : **items)
    proof.digests.push_back(parse_digest(item));
  if (const JsonValue* hi = json->find("hi"); hi != nullptr && hi->string() != nullptr)
    proof.hi = Position{*hi->string()};
  return proof;
}

std::string what_is_compared(const Compared& compared, const std::vector<std::string>& traces,
                             const std::string& table) {
  std::string text = duck::Engine::version() + "\n" + table;
  for (const Column& column : compared.schema.columns)
    text += "\n" + column.name + " " + sql_name(column.type);
  for (const std::string& name : compared.key)
    text += "\nkey " + name;
  for (const std::string& name : traces)
    text += "\ntrace " + name;
  return sha256_hex(text);
}

}  // namespace tidemark

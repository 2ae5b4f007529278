#include "connect/watermark_memory.h"

#include "drivers/json/json.h"

namespace tidemark {

WatermarkMemory WatermarkMemory::parse(const std::string& text, const std::string& of) {
  const auto json = parse_json(text);
  if (!json.ok()) return {};
  const auto owner = json->string_at("of");
  const auto clock = json->string_at("clock");
  const auto ring = json->string_at("ring");
  if (!owner.ok() || *owner != of || !clock.ok() || !ring.ok()) return {};
  return {*clock, SampleRing::parse(*ring)};
}

std::string WatermarkMemory::text(const std::string& of) const {
  JsonValue json;
  json.set("of", of).set("clock", clock).set("ring", ring.text());
  return to_json(json);
}

}  // namespace tidemark

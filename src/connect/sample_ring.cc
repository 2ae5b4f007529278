#include "connect/sample_ring.h"

#include <algorithm>
#include <set>
#include <utility>

#include "drivers/json/json.h"

namespace tidemark {
namespace {

// Enough for the last moments and ever fewer of those before.
constexpr std::size_t moments_max = 64;

void keep_only(std::map<std::string, std::int64_t>& known, const std::vector<std::string>& names) {
  const std::set<std::string> now(names.begin(), names.end());
  std::erase_if(known, [&](const auto& one) { return !now.contains(one.first); });
}

JsonValue to_json_value(const std::map<std::string, std::int64_t>& known) {
  JsonValue list{JsonArray{}};
  for (const auto& [name, number] : known)
    list.append(JsonArray{name, number});
  return list;
}

// Pairs of a text and a number.
std::optional<std::vector<std::pair<std::string, std::int64_t>>> read_pairs(const JsonValue* list) {
  if (list == nullptr || list->array() == nullptr) return std::nullopt;
  std::vector<std::pair<std::string, std::int64_t>> pairs;
  for (const JsonValue& one : *list->array()) {
    const JsonArray* pair = one.array();
    if (pair == nullptr || pair->size() != 2 || (*pair)[0].string() == nullptr ||
        (*pair)[1].integer() == nullptr)
      return std::nullopt;
    pairs.emplace_back(*(*pair)[0].string(), *(*pair)[1].integer());
  }
  return pairs;
}

}  // namespace

SampleRing SampleRing::parse(std::string_view text) {
  const auto json = parse_json(text);
  if (!json.ok()) return {};
  const JsonValue* last = json->find("last");
  const JsonValue* settled = json->find("settled");
  const auto moments = read_pairs(json->find("moments"));
  const auto running = read_pairs(json->find("running"));
  const auto prepared = read_pairs(json->find("prepared"));
  if (last == nullptr || last->integer() == nullptr || !moments || !running || !prepared) return {};
  SampleRing ring;
  ring.last_number_ = *last->integer();
  if (settled != nullptr && settled->string() != nullptr) ring.settled_ = *settled->string();
  for (const auto& [moment, number] : *moments)
    ring.moments_.push_back({number, moment});
  ring.running_ = {running->begin(), running->end()};
  ring.prepared_ = {prepared->begin(), prepared->end()};
  return ring;
}

std::string SampleRing::text() const {
  JsonValue moments{JsonArray{}};
  for (const Moment& moment : moments_)
    moments.append(JsonArray{moment.text, moment.number});
  JsonValue json;
  json.set("last", last_number_).set("moments", std::move(moments));
  if (settled_) json.set("settled", *settled_);
  json.set("running", to_json_value(running_)).set("prepared", to_json_value(prepared_));
  return to_json(json, JsonLayout::compact);
}

void SampleRing::add(const std::string& moment, const InFlight& now) {
  moments_.push_back({++last_number_, moment});
  forget_ended(now);
  for (const std::string& name : now.running)
    running_.emplace(name, last_number_);
  settle();
  thin();
}

void SampleRing::look_again(const InFlight& now) {
  forget_ended(now);
  settle();
}

std::int64_t SampleRing::oldest_pending() const {
  std::int64_t oldest = last_number_;
  for (const auto* known : {&running_, &prepared_}) {
    for (const auto& [name, number] : *known)
      oldest = std::min(oldest, number);
  }
  return oldest;
}

void SampleRing::forget_ended(const InFlight& now) {
  // Before what has ended is forgotten: it may have become what is prepared.
  const std::int64_t oldest = oldest_pending();
  for (const std::string& name : now.prepared)
    prepared_.emplace(name, oldest);
  for (const auto& [before, after] : now.became) {
    const auto known = running_.find(before);
    if (known == running_.end()) continue;
    const std::int64_t number = known->second;
    const auto heir = running_.emplace(after, number).first;
    heir->second = std::min(heir->second, number);
  }
  keep_only(running_, now.running);
  keep_only(prepared_, now.prepared);
}

std::optional<SampleRing::Waiting> SampleRing::oldest_waiting() const {
  for (const auto* known : {&running_, &prepared_}) {
    for (const auto& [name, number] : *known) {
      if (!moments_.empty() && number <= moments_.front().number)
        return Waiting{moments_.front().text, name, known == &prepared_};
    }
  }
  return std::nullopt;
}

void SampleRing::settle() {
  std::int64_t first_open = last_number_ + 1;
  for (const auto* known : {&running_, &prepared_}) {
    for (const auto& [name, number] : *known)
      first_open = std::min(first_open, number);
  }
  while (!moments_.empty() && moments_.front().number < first_open) {
    settled_ = std::move(moments_.front().text);
    moments_.pop_front();
  }
}

// Any moment may be left out, only later ones then settle in its place. Each second one goes, so
// that the span grows and transactions as long as it still find a moment from before.
void SampleRing::thin() {
  if (moments_.size() <= moments_max) return;
  std::deque<Moment> kept;
  for (std::size_t at = 0; at < moments_.size(); ++at) {
    if (at % 2 == 0 || at + 1 == moments_.size()) kept.push_back(std::move(moments_[at]));
  }
  moments_ = std::move(kept);
}

}  // namespace tidemark

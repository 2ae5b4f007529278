#include "connectors/mysql/sample_ring.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidemark::mysql {
namespace {

constexpr std::string_view heading = "mysql samples 1 ";
constexpr std::size_t moment_length = 26;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view take_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

struct Start {
  char unit = 's';
  std::int64_t value = 0;
};

std::optional<Start> start_of(std::string_view text) {
  if (!text.starts_with('s') && !text.starts_with('m')) return std::nullopt;
  Start start{text.front(), 0};
  text.remove_prefix(1);
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), start.value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return start;
}

// The server says how long a statement runs, so its start is known as well as the moment of asking.
bool same_statement(const std::string& a, const std::string& b) {
  const auto first = start_of(a);
  const auto second = start_of(b);
  if (!first || !second || first->unit != second->unit) return a == b;
  const std::int64_t distance = first->value - second->value;
  const std::int64_t slack = first->unit == 'm' ? 500 : 1;
  return distance <= slack && distance >= -slack;
}

}  // namespace

SampleRing SampleRing::parse(std::string_view memory, std::string_view server) {
  SampleRing ring;
  ring.server_ = server;
  std::string_view first = take_line(memory);
  if (!first.starts_with(heading) || first.substr(heading.size()) != server) return ring;
  while (!memory.empty()) {
    std::string_view line = take_line(memory);
    const std::string_view what = take_word(line);
    if (what == "released" && line.size() == moment_length) ring.released_ = std::string(line);
    if (what == "prepared") {
      while (!line.empty())
        ring.prepared_.emplace_back(take_word(line));
    }
    if (what != "sample" || line.size() < moment_length) continue;
    Sample sample{std::string(line.substr(0, moment_length)), {}};
    line.remove_prefix(std::min(moment_length + 1, line.size()));
    while (!line.empty()) {
      std::string_view word = take_word(line);
      if (word.size() < 2) continue;
      const std::size_t colon = word.find(':', 2);
      Item item{word[0],
                std::string(word.substr(
                    2, colon == std::string_view::npos ? std::string_view::npos : colon - 2)),
                {}};
      if (colon != std::string_view::npos) item.b = std::string(word.substr(colon + 1));
      sample.items.push_back(std::move(item));
    }
    ring.samples_.push_back(std::move(sample));
  }
  return ring;
}

std::string SampleRing::text() const {
  std::string all = std::string(heading) + server_ + '\n';
  if (released_) all += "released " + *released_ + '\n';
  if (!prepared_.empty()) {
    all += "prepared";
    for (const std::string& one : prepared_)
      all += ' ' + one;
    all += '\n';
  }
  for (const Sample& sample : samples_) {
    all += "sample " + sample.moment;
    for (const Item& item : sample.items)
      all += std::string(" ") + item.kind + ':' + item.a + (item.kind == 'q' ? ":" + item.b : "");
    all += '\n';
  }
  return all;
}

std::optional<SampleRing::Item> SampleRing::still_there(const Item& item, const InFlight& now) {
  if (item.kind == 'q') {
    for (const InFlight::Statement& statement : now.statements) {
      if (std::to_string(statement.session) == item.a && same_statement(statement.start, item.b))
        return item;
    }
    // The statement has ended. The transaction its session is in may be the one it was in.
    for (const InFlight::Transaction& transaction : now.transactions) {
      if (std::to_string(transaction.session) == item.a) return Item{'t', transaction.id, {}};
    }
    return std::nullopt;
  }
  if (item.kind == 't') {
    const bool there = std::any_of(
        now.transactions.begin(), now.transactions.end(),
        [&](const InFlight::Transaction& transaction) { return transaction.id == item.a; });
    return there ? std::optional(item) : std::nullopt;
  }
  const bool there =
      std::find(now.prepared.begin(), now.prepared.end(), item.a) != now.prepared.end();
  return there ? std::optional(item) : std::nullopt;
}

void SampleRing::add(const InFlight& now) {
  std::vector<std::string> fresh;
  for (const std::string& one : now.prepared) {
    if (std::find(prepared_.begin(), prepared_.end(), one) == prepared_.end()) fresh.push_back(one);
  }
  for (Sample& sample : samples_) {
    std::vector<Item> left;
    const auto keep = [&](const Item& item) {
      if (std::find(left.begin(), left.end(), item) == left.end()) left.push_back(item);
    };
    for (const Item& item : sample.items) {
      if (const auto rest = still_there(item, now)) keep(*rest);
    }
    // Whatever ended since the last look may have become one of these.
    for (const std::string& one : fresh)
      keep({'x', one, {}});
    sample.items = std::move(left);
  }
  prepared_ = now.prepared;
  clock_went_back_ = now.moment < newest();
  if (!clock_went_back_) {
    Sample sample{now.moment, {}};
    for (const InFlight::Statement& statement : now.statements)
      sample.items.push_back({'q', std::to_string(statement.session), statement.start});
    for (const InFlight::Transaction& transaction : now.transactions)
      sample.items.push_back({'t', transaction.id, {}});
    for (const std::string& one : now.prepared)
      sample.items.push_back({'x', one, {}});
    samples_.push_back(std::move(sample));
  }
  while (!samples_.empty() && samples_.front().items.empty()) {
    released_ = samples_.front().moment;
    samples_.erase(samples_.begin());
  }
  if (samples_.size() > samples_max) thin_out();
}

std::string SampleRing::newest() const {
  return samples_.empty() ? released_.value_or("") : samples_.back().moment;
}

// Each sample stands for itself, so any may go; the oldest is the first that can be released, and
// the newest the one that says most.
void SampleRing::thin_out() {
  std::vector<Sample> kept;
  const std::size_t half = samples_.size() / 2;
  for (std::size_t at = 0; at < samples_.size(); ++at) {
    if (at >= half || at % 2 == 0) kept.push_back(std::move(samples_[at]));
  }
  samples_ = std::move(kept);
}

std::string SampleRing::holder() const {
  if (samples_.empty() || samples_.front().items.empty()) return {};
  const Item& item = samples_.front().items.front();
  const std::string since = " since before " + samples_.front().moment + " UTC";
  if (item.kind == 'q') return "a statement of session " + item.a + since;
  if (item.kind == 't') return "transaction " + item.a + since;
  return "a prepared XA transaction" + since;
}

}  // namespace tidemark::mysql

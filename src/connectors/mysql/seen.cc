#include "connectors/mysql/seen.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace tidemark::mysql {
namespace {

// Names in the ring: `q SESSION START` of a statement, `t ID` of a transaction.
constexpr std::string_view statement_mark = "q ";
constexpr std::string_view transaction_mark = "t ";

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

// Milliseconds in steps, so that a long statement has few names; what is at most the slack apart
// stays so.
constexpr std::int64_t step_ms = 100;
constexpr std::int64_t slack_ms = 500;

std::string in_steps(const std::string& start) {
  const auto read = start_of(start);
  if (!read || read->unit != 'm') return start;
  return "m" + std::to_string(read->value / step_ms * step_ms);
}

// The server says how long a statement runs, so its start is known as well as the moment of asking.
bool same_statement(std::string_view a, std::string_view b) {
  const auto first = start_of(a);
  const auto second = start_of(b);
  if (!first || !second || first->unit != second->unit) return a == b;
  const std::int64_t distance = first->value - second->value;
  const std::int64_t slack = first->unit == 'm' ? slack_ms : 1;
  return distance <= slack && distance >= -slack;
}

struct KnownStatement {
  std::string session;
  std::string start;
};

std::optional<KnownStatement> statement_of(std::string_view name) {
  if (!name.starts_with(statement_mark)) return std::nullopt;
  name.remove_prefix(statement_mark.size());
  const std::size_t blank = name.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  return KnownStatement{std::string(name.substr(0, blank)), std::string(name.substr(blank + 1))};
}

bool runs(const KnownStatement& known, const Seen& seen) {
  for (const Seen::Statement& statement : seen.statements) {
    if (std::to_string(statement.session) == known.session &&
        same_statement(in_steps(statement.start), known.start))
      return true;
  }
  return false;
}

// As the ring names it. A statement that it knows keeps each name that it may have had.
InFlight named(const Seen& seen, const SampleRing& ring) {
  InFlight now;
  for (const Seen::Statement& statement : seen.statements)
    now.running.push_back(std::string(statement_mark) + std::to_string(statement.session) + " " +
                          in_steps(statement.start));
  for (const Seen::Transaction& transaction : seen.transactions)
    now.running.push_back(std::string(transaction_mark) + transaction.id);
  now.prepared = seen.prepared;
  for (const auto& [name, number] : ring.running()) {
    const auto known = statement_of(name);
    if (!known) continue;
    if (runs(*known, seen)) {
      now.running.push_back(name);
      continue;
    }
    for (const Seen::Transaction& transaction : seen.transactions) {
      if (std::to_string(transaction.session) == known->session)
        now.became.emplace_back(name, std::string(transaction_mark) + transaction.id);
    }
  }
  return now;
}

}  // namespace

bool add(const Seen& seen, WatermarkMemory& memory) {
  const InFlight now = named(seen, memory.ring);
  if (seen.moment < memory.clock) {
    memory.ring.look_again(now);
    return false;
  }
  memory.clock = seen.moment;
  memory.ring.add(seen.moment, now);
  return true;
}

std::string holder(const SampleRing& ring) {
  const auto waiting = ring.oldest_waiting();
  if (!waiting) return {};
  const std::string since = " since before " + waiting->moment + " UTC";
  if (waiting->is_prepared) return "a prepared XA transaction" + since;
  if (const auto statement = statement_of(waiting->name))
    return "a statement of session " + statement->session + since;
  return "transaction " + waiting->name.substr(transaction_mark.size()) + since;
}

}  // namespace tidemark::mysql

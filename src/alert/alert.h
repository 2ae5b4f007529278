// Alert: a state of the service, of a job or of a connection that a person should know of, and the
// seam between who finds it (the rules) and who tells it (the channels).
//
// Plain values. No value of a row and no secret is in them: they leave the machine.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/named.h"
#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

enum class AlertSeverity { warning, critical };

constexpr std::string_view to_string(AlertSeverity severity) {
  return severity == AlertSeverity::critical ? "critical" : "warning";
}

// What makes two looks at a state the same alert.
struct AlertKey {
  std::string rule;     // `run_failed`, `data_stale`, ...
  std::string subject;  // `job:orders`, `connection:shop`, `volume:stage`, `server:NAME`

  auto operator<=>(const AlertKey&) const = default;
};

struct Alert {
  AlertKey key;
  AlertSeverity severity = AlertSeverity::warning;
  std::optional<JobName> job;  // whose state it is, where it is one job's
  std::optional<RunId> run;    // that shows it
  UtcMicros since{};           // when the state began, as far as it is known
  std::string text;            // one sentence: what is
  std::string hint;            // what to do; names a command where there is one
  std::string runbook;         // a page of docs/runbooks, as `stale-data.md`
};

// Who can know whether a state holds: any server that asks the store, or the one that it is in.
enum class AlertScope { project, server };

// Takes in what holds now; opens, keeps, resolves, and has it told. Any thread; blocks on the
// store, never on a channel.
class AlertBoard {
 public:
  virtual ~AlertBoard() = default;
  // All alerts that hold now of that scope (of a server: of this one). Those of it that are open
  // and not among these are resolved; new ones are opened; both with what is to be sent, in one
  // transaction. The same set again changes nothing.
  virtual Status holds(AlertScope scope, const std::vector<Alert>& now) = 0;
};

}  // namespace tidemark

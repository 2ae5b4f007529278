#include "alert/server_rules.h"

#include <fmt/format.h>

#include <cmath>

#include "base/units.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// As the rules of deploy/prometheus/alerts.yaml.
constexpr double pace_strained = 0.25;
constexpr double free_critical = 0.03;
// A volume that swings around that is told once.
constexpr double free_critical_over = 0.04;
// A breaker lets one run through now and then, and a pace is never still: neither is over before it
// was not seen for so long.
constexpr std::chrono::minutes over_after{2};

UtcMicros earlier(UtcMicros at, std::chrono::nanoseconds by) {
  return UtcMicros(at.get() - std::chrono::duration_cast<std::chrono::microseconds>(by).count());
}

// What holds at one look, and since when.
class Finder {
 public:
  Finder(const std::map<AlertKey, HeldState>& before, UtcMicros now) : before_(before), now_(now) {}

  // `alert` holds now; it is told once it has done so for `above`.
  void holds(Alert alert, const AlertRuleSettings& settings) {
    const auto known = before_.find(alert.key);
    alert.since = known == before_.end() ? now_ : known->second.alert.since;
    const milliseconds above = settings.above.value_or(milliseconds(0));
    const std::chrono::microseconds for_so_long(now_.get() - alert.since.get());
    const bool is_told = !settings.off && for_so_long >= above;
    if (is_told) found.push_back(alert);
    held.insert_or_assign(alert.key, HeldState{alert, now_, is_told});
  }
  // What this rule found a moment ago and finds no more holds on, as it was.
  void hold_on(const char* rule) {
    for (const auto& [key, state] : before_) {
      const std::chrono::microseconds unseen(now_.get() - state.seen.get());
      if (key.rule != rule || held.contains(key) || unseen >= over_after) continue;
      if (state.is_told) found.push_back(state.alert);
      held.emplace(key, state);
    }
  }
  bool was_critical(const AlertKey& key) const {
    const auto known = before_.find(key);
    return known != before_.end() && known->second.alert.severity == AlertSeverity::critical;
  }

  std::vector<Alert> found;
  std::map<AlertKey, HeldState> held;

 private:
  const std::map<AlertKey, HeldState>& before_;
  const UtcMicros now_;
};

Alert alert_of(const char* rule, std::string subject, const char* runbook) {
  Alert alert;
  alert.key = {rule, std::move(subject)};
  alert.runbook = runbook;
  return alert;
}

// Why it does not answer is not told: a driver's message names hosts and users.
void find_resting(const ServerSight& sight, const AlertRulesSpec& rules, Finder& finder) {
  for (const RestingConnection& resting : sight.resting) {
    Alert alert =
        alert_of("breaker_open", "connection:" + resting.connection, "connection-rests.md");
    alert.severity = AlertSeverity::critical;
    alert.text = "connection `" + resting.connection + "` does not answer, so its jobs wait";
    alert.hint = "`tidemark status` shows why, `tidemark connection test " + resting.connection +
                 "` whether it still is so";
    finder.holds(std::move(alert), rules.breaker_open);
  }
  finder.hold_on("breaker_open");
}

void find_held_back(const ServerSight& sight, const AlertRulesSpec& rules, Finder& finder) {
  for (const ServerSight::Use& use : sight.connections) {
    const bool is_strained = use.pace < pace_strained;
    if (!is_strained && use.wanted == 0) continue;
    Alert alert = alert_of("guard_block", "connection:" + use.connection, "source-guard.md");
    alert.text =
        "connection `" + use.connection + "`" +
        (is_strained ? fmt::format(" is slow, so it is read at {:.0f}% of its pace", use.pace * 100)
                     : fmt::format(" has no session left for {} that wait", use.wanted));
    alert.hint = "`tidemark connection list` shows its guard, `tidemark status` what waits for it";
    finder.holds(std::move(alert), rules.guard_block);
  }
  finder.hold_on("guard_block");
}

// Each new text is written to the store, so it has no number that changes at each look.
std::string show_free(double share) {
  const double percent = std::floor(share * 100);
  return percent < 1 ? "less than 1%" : fmt::format("{:.0f}%", percent);
}

void find_full(const ServerSight& sight, const AlertRulesSpec& rules, Finder& finder) {
  for (const auto& [use, space] : sight.volumes) {
    if (space.all <= 0) continue;
    const double share = static_cast<double>(space.free) / static_cast<double>(space.all);
    if (share >= rules.disk.below.value_or(0)) continue;
    Alert alert = alert_of("disk", "volume:" + use, "disk-full.md");
    const double critical = finder.was_critical(alert.key) ? free_critical_over : free_critical;
    if (share < critical) alert.severity = AlertSeverity::critical;
    alert.text = fmt::format("the volume {} of the {} is nearly full: {} of {} is free",
                             space.mount.string(), use, show_free(share), show_bytes(space.all));
    alert.hint = "`tidemark stage list` shows what the stage holds and who still wants it";
    finder.holds(std::move(alert), rules.disk);
  }
}

}  // namespace

std::vector<Alert> ServerRules::find(const ServerSight& sight, UtcMicros now,
                                     std::chrono::nanoseconds monotonic) {
  Finder finder(held_, now);
  find_resting(sight, rules_, finder);
  find_held_back(sight, rules_, finder);
  find_full(sight, rules_, finder);
  held_ = std::move(finder.held);
  if (const auto stuck = find_stuck(sight.stepped_at, now, monotonic))
    finder.found.push_back(*stuck);
  return std::move(finder.found);
}

std::optional<Alert> ServerRules::find_stuck(std::optional<std::chrono::nanoseconds> stepped_at,
                                             UtcMicros now,
                                             std::chrono::nanoseconds monotonic) const {
  if (!stepped_at || rules_.scheduler_stuck.off) return std::nullopt;
  const std::chrono::nanoseconds silent = monotonic - *stepped_at;
  if (silent < rules_.scheduler_stuck.above.value_or(milliseconds(0))) return std::nullopt;
  Alert alert = alert_of("scheduler_stuck", "server:" + server_, "scheduler-stuck.md");
  alert.severity = AlertSeverity::critical;
  alert.since = earlier(now, silent);
  alert.text = "the service " + server_ + " takes no fires: its loop made no step for " +
               show_duration(std::chrono::duration_cast<milliseconds>(silent));
  alert.hint = "`tidemark doctor` looks whether the store answers; then restart the service";
  return alert;
}

}  // namespace tidemark

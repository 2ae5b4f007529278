#include "alert/server_rules.h"

#include <fmt/format.h>

#include "base/units.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// As the rules of deploy/prometheus/alerts.yaml.
constexpr double pace_strained = 0.25;
constexpr double free_critical = 0.03;

UtcMicros earlier(UtcMicros at, std::chrono::nanoseconds by) {
  return UtcMicros(at.get() - std::chrono::duration_cast<std::chrono::microseconds>(by).count());
}

// What holds at one look, and since when.
class Finder {
 public:
  Finder(const std::map<AlertKey, UtcMicros>& before, UtcMicros now) : before_(before), now_(now) {}

  // `alert` holds now; it is told once it has done so for `above`.
  void holds(Alert alert, const AlertRuleSettings& settings) {
    const auto known = before_.find(alert.key);
    alert.since = known == before_.end() ? now_ : known->second;
    since.emplace(alert.key, alert.since);
    const milliseconds above = settings.above.value_or(milliseconds(0));
    const std::chrono::microseconds held(now_.get() - alert.since.get());
    if (!settings.off && held >= above) found.push_back(std::move(alert));
  }

  std::vector<Alert> found;
  std::map<AlertKey, UtcMicros> since;

 private:
  const std::map<AlertKey, UtcMicros>& before_;
  const UtcMicros now_;
};

Alert alert_of(const char* rule, std::string subject, const char* runbook) {
  Alert alert;
  alert.key = {rule, std::move(subject)};
  alert.runbook = runbook;
  return alert;
}

void find_resting(const ServerSight& sight, const AlertRulesSpec& rules, Finder& finder) {
  for (const RestingConnection& resting : sight.resting) {
    Alert alert =
        alert_of("breaker_open", "connection:" + resting.connection, "connection-rests.md");
    alert.severity = AlertSeverity::critical;
    alert.text =
        "connection `" + resting.connection + "` does not answer, so its jobs wait: " + resting.why;
    alert.hint = "`tidemark connection test " + resting.connection + "` says what is in the way";
    finder.holds(std::move(alert), rules.breaker_open);
  }
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
}

void find_full(const ServerSight& sight, const AlertRulesSpec& rules, Finder& finder) {
  for (const auto& [use, space] : sight.volumes) {
    if (space.all <= 0) continue;
    const double share = static_cast<double>(space.free) / static_cast<double>(space.all);
    if (share >= rules.disk.below.value_or(0)) continue;
    Alert alert = alert_of("disk", "volume:" + use, "disk-full.md");
    if (share < free_critical) alert.severity = AlertSeverity::critical;
    alert.text =
        fmt::format("the volume {} of the {} is nearly full: {} of {} are free",
                    space.mount.string(), use, show_bytes(space.free), show_bytes(space.all));
    alert.hint = "`tidemark stage list` shows what the stage holds and who still wants it";
    finder.holds(std::move(alert), rules.disk);
  }
}

}  // namespace

std::vector<Alert> ServerRules::find(const ServerSight& sight, UtcMicros now,
                                     std::chrono::nanoseconds monotonic) {
  Finder finder(since_, now);
  find_resting(sight, rules_, finder);
  find_held_back(sight, rules_, finder);
  find_full(sight, rules_, finder);
  since_ = std::move(finder.since);
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

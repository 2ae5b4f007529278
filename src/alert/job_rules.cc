// What holds of one job, by its memory and what of it is open.
#include <fmt/format.h>

#include <algorithm>

#include "alert/rules.h"
#include "base/units.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds too_long_min = std::chrono::minutes(10);
constexpr int too_long_times = 5;

UtcMicros later(UtcMicros at, milliseconds by) {
  return UtcMicros(at.get() + std::chrono::microseconds(by).count());
}

milliseconds between(UtcMicros from, UtcMicros to) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(to.get() - from.get()));
}

Alert alert_of(const char* rule, const JobName& job, UtcMicros since, const char* runbook) {
  Alert alert;
  alert.key = {rule, "job:" + job.get()};
  alert.job = job;
  alert.since = since;
  alert.runbook = runbook;
  return alert;
}

// What was promised is worth more than what is usual.
AlertSeverity severity_of(bool is_promised) {
  return is_promised ? AlertSeverity::critical : AlertSeverity::warning;
}

// The fire of a run that failed goes on: it waits for its next attempt, or that runs.
bool is_tried_again(const std::vector<FireRecord>& fires) {
  return std::any_of(fires.begin(), fires.end(), [](const FireRecord& fire) {
    return fire.attempts > (fire.state == FireState::running ? 1 : 0);
  });
}

bool runs_now(const std::vector<FireRecord>& fires) {
  return std::any_of(fires.begin(), fires.end(),
                     [](const FireRecord& fire) { return fire.state == FireState::running; });
}

const std::vector<FireRecord>& fires_of(const JobsOpen& open, const JobName& job) {
  static const std::vector<FireRecord> none;
  const auto fires = open.fires.find(job);
  return fires == open.fires.end() ? none : fires->second;
}

}  // namespace

bool runs_by_itself(const JobSpec& job) {
  return job.schedule.every || job.schedule.cron || job.schedule.when ||
         !job.schedule.after.empty();
}

void AlertRules::find_all_of(const Watched& job, const JobsOpen& open,
                             std::vector<Alert>& found) const {
  const auto known = memory_.find(job.spec->name);
  if (known == memory_.end()) return;
  const JobMemory& memory = known->second;
  find_failed(job, memory, open, found);
  find_too_long(job, memory, open, found);
  find_not_started(job, open, found);
  find_stale(job, memory, open.at, found);
  find_held(job, memory, open.at, found);
  find_refused(job, memory, found);
  find_drift(job, memory, open.at, found);
  find_different(job, found);
  find_volume(job, found);
}

// Of an error its code alone is told: what a system says of it may hold values of rows.
void AlertRules::find_failed(const Watched& job, const JobMemory& memory, const JobsOpen& open,
                             std::vector<Alert>& found) const {
  if (!memory.newest || memory.newest->is_well()) return;
  const EndedRun& run = *memory.newest;
  const std::string name = job.spec->name.get();
  const bool is_blocked = run.state == RunState::blocked;
  Alert alert = alert_of(is_blocked ? "run_blocked" : "run_failed", job.spec->name,
                         memory.bad_since.value_or(run.ended_at), "runs-fail.md");
  alert.run = run.run;
  alert.hint = "`tidemark show " + run.run.get() + "` tells the step, the error and what to do";
  if (is_blocked) {
    if (rules_.run_blocked.off) return;
    alert.severity = AlertSeverity::critical;
    alert.text = name + " is blocked by `" + run.code + "` and waits for a person";
    return found.push_back(std::move(alert));
  }
  const int times = memory.failed_in_a_row;
  const bool goes_on = is_tried_again(fires_of(open, job.spec->name));
  if (rules_.run_failed.off || (goes_on && times < rules_.run_failed.times.value_or(1))) return;
  alert.text = name + " failed with `" + run.code + "`";
  if (times > 1) alert.text += fmt::format(", {} times in a row", times);
  alert.text += goes_on ? "; it is tried again" : "; it is not tried again by itself";
  found.push_back(std::move(alert));
}

void AlertRules::find_too_long(const Watched& job, const JobMemory& memory, const JobsOpen& open,
                               std::vector<Alert>& found) const {
  const auto run = open.runs.find(job.spec->name);
  if (rules_.run_too_long.off || run == open.runs.end() || run->second.kind != RunKind::run) return;
  const bool is_promised = job.spec->slo && job.spec->slo->duration;
  std::optional<milliseconds> most =
      is_promised ? job.spec->slo->duration : rules_.run_too_long.above;
  const std::optional<milliseconds> usual = memory.usual_duration();
  if (!most && usual) most = std::max(too_long_min, *usual * too_long_times);
  const UtcMicros begun = run->second.started_at;
  if (!most || between(begun, open.at) < *most) return;
  Alert alert = alert_of("run_too_long", job.spec->name, later(begun, *most), "run-too-long.md");
  alert.severity = severity_of(is_promised);
  alert.run = run->second.run;
  alert.text = fmt::format("{} has run for longer than {}, since {}", job.spec->name.get(),
                           show_duration(*most), to_text(begun));
  if (usual) alert.text += "; its runs take " + show_duration(*usual);
  alert.hint = "`tidemark status` shows the step, the rows and whether it moves";
  found.push_back(std::move(alert));
}

milliseconds AlertRules::start_within(const JobSpec& job) const {
  if (job.slo && job.slo->start) return *job.slo->start;
  return rules_.not_started.above.value_or(milliseconds(0));
}

// The oldest fire that waits for no stated reason, or one that nobody took.
void AlertRules::find_not_started(const Watched& job, const JobsOpen& open,
                                  std::vector<Alert>& found) const {
  const JobName& name = job.spec->name;
  const std::vector<FireRecord>& fires = fires_of(open, name);
  if (rules_.not_started.off || open.runs.contains(name) || runs_now(fires)) return;
  const milliseconds within = start_within(*job.spec);
  std::optional<UtcMicros> late_at;
  for (const FireRecord& fire : fires) {
    const bool waits = fire.state == FireState::waiting && fire.attempts == 0 &&
                       fire.reason.empty() && (!fire.next_at || *fire.next_at <= open.at);
    if (!waits) continue;
    const UtcMicros due = job.times ? job.times->begin_of(name, fire.fire) : fire.fire;
    late_at = later(due, within);
    break;
  }
  if (fires.empty() && job.late_at) late_at = job.late_at;
  if (!late_at || *late_at > open.at) return;
  Alert alert = alert_of("not_started", name, *late_at, "fires-late.md");
  alert.severity = severity_of(job.spec->slo && job.spec->slo->start);
  alert.text = fmt::format("{} was due at {} and has not begun", name.get(),
                           to_text(later(*late_at, -within)));
  alert.text += fires.empty() ? ": no server took its fire" : ": it waits for a place";
  alert.hint = "`tidemark status` shows what runs and what waits";
  found.push_back(std::move(alert));
}

void AlertRules::find_stale(const Watched& job, const JobMemory& memory, UtcMicros now,
                            std::vector<Alert>& found) const {
  const bool is_promised = job.spec->slo && job.spec->slo->freshness;
  const std::optional<milliseconds> most =
      is_promised ? job.spec->slo->freshness : rules_.data_stale.above;
  if (rules_.data_stale.off || !most || (!is_promised && !runs_by_itself(*job.spec))) return;
  const UtcMicros never_good = memory.first_begin.value_or(job.known_since);
  const UtcMicros until =
      memory.data_until ? *memory.data_until : memory.good_at.value_or(never_good);
  if (between(until, now) < *most) return;
  Alert alert = alert_of("data_stale", job.spec->name, later(until, *most), "stale-data.md");
  alert.severity = severity_of(is_promised);
  if (memory.newest) alert.run = memory.newest->run;
  const char* const what = memory.data_until ? "has loaded nothing that is newer than"
                           : memory.good_at  ? "ended well last at"
                                             : "has never ended well since";
  alert.text = fmt::format("{} {} {}, which is older than {}", job.spec->name.get(), what,
                           to_text(until), show_duration(*most));
  alert.hint = "`tidemark runs " + job.spec->name.get() +
               "` shows whether it runs, `tidemark plan " + job.spec->name.get() +
               "` what it would read";
  found.push_back(std::move(alert));
}

void AlertRules::find_held(const Watched& job, const JobMemory& memory, UtcMicros now,
                           std::vector<Alert>& found) const {
  const AlertRuleSettings& settings = rules_.watermark_held;
  if (settings.off || !memory.held_since) return;
  if (between(*memory.held_since, now) < settings.above.value_or(milliseconds(0))) return;
  Alert alert = alert_of("watermark_held", job.spec->name, *memory.held_since, "watermark-held.md");
  if (memory.newest) alert.run = memory.newest->run;
  alert.text = "something in the source of " + job.spec->name.get() +
               " has held its watermark since " + to_text(*memory.held_since);
  alert.hint = "`tidemark plan " + job.spec->name.get() + "` says what holds it";
  found.push_back(std::move(alert));
}

void AlertRules::find_refused(const Watched& job, const JobMemory& memory,
                              std::vector<Alert>& found) const {
  const std::optional<double> most = job.spec->quarantine.alert_above;
  if (rules_.quarantine.off || !most || !memory.newest_read) return;
  const EndedRun& run = *memory.newest_read;
  const double share = static_cast<double>(run.rows_rejected) / static_cast<double>(run.rows_read);
  if (share <= *most) return;
  Alert alert = alert_of("quarantine", job.spec->name, run.ended_at, "quarantine.md");
  alert.run = run.run;
  alert.text = fmt::format("{} refused {} of {} rows ({:.3g}%), above `alert_above: {:.6g}%`",
                           job.spec->name.get(), show_count(run.rows_rejected),
                           show_count(run.rows_read), share * 100, *most * 100);
  alert.hint = "`tidemark quarantine " + job.spec->name.get() + "` shows them and why";
  found.push_back(std::move(alert));
}

void AlertRules::find_drift(const Watched& job, const JobMemory& memory, UtcMicros now,
                            std::vector<Alert>& found) const {
  const AlertRuleSettings& settings = rules_.schema_drift;
  if (settings.off || !memory.drifted) return;
  const EndedRun& run = *memory.drifted;
  if (between(run.ended_at, now) >= settings.keep.value_or(milliseconds(0))) return;
  Alert alert = alert_of("schema_drift", job.spec->name, run.ended_at, "schema-drift.md");
  alert.run = run.run;
  alert.text = "the source of " + job.spec->name.get() + " has other columns: " + run.signs.drift;
  alert.hint = "`tidemark show " + run.run.get() + "` tells what became of them";
  found.push_back(std::move(alert));
}

void AlertRules::find_volume(const Watched& job, std::vector<Alert>& found) const {
  const auto volume = volumes_.find(job.spec->name);
  if (volume == volumes_.end() || !volume->second.anomaly()) return;
  const VolumeAnomaly& anomaly = *volume->second.anomaly();
  Alert alert = alert_of("volume", job.spec->name, anomaly.since, "volume.md");
  alert.text = fmt::format(
      "{} read {} rows in the hour from {} on; at such a time it reads {}, and "
      "{} to {} are as ever",
      job.spec->name.get(), show_count(anomaly.rows), to_text(begin_of_hour(anomaly.hour)),
      show_count(anomaly.verdict.expected), show_count(anomaly.verdict.at_least),
      show_count(anomaly.verdict.at_most));
  alert.hint = "`tidemark runs " + job.spec->name.get() + "` shows what its runs read";
  found.push_back(std::move(alert));
}

// What the comparison says of the difference stays here: it may hold keys.
void AlertRules::find_different(const Watched& job, std::vector<Alert>& found) const {
  const auto different = different_.find(job.spec->name);
  if (rules_.verify_differs.off || different == different_.end()) return;
  const FailedComparison& one = different->second;
  Alert alert = alert_of("verify_differs", job.spec->name, one.ended_at.value_or(one.fire),
                         "verify-differs.md");
  alert.severity = AlertSeverity::critical;
  alert.text = "the comparison of " + job.spec->name.get() +
               "'s source and target failed, or found them different";
  alert.hint = "`tidemark verify " + job.spec->name.get() + "` tells what differs";
  found.push_back(std::move(alert));
}

}  // namespace tidemark

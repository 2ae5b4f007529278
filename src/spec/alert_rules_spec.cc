#include "spec/alert_rules_spec.h"

#include <array>
#include <utility>

namespace tidemark {
namespace {

using Rules = AlertRulesSpec;

constexpr std::array rules{
    AlertRule{"run_failed", &Rules::run_failed, "runs-fail.md"},
    AlertRule{"run_blocked", &Rules::run_blocked, "runs-fail.md"},
    AlertRule{"run_too_long", &Rules::run_too_long, "run-too-long.md"},
    AlertRule{"not_started", &Rules::not_started, "fires-late.md"},
    AlertRule{"data_stale", &Rules::data_stale, "stale-data.md"},
    AlertRule{"watermark_held", &Rules::watermark_held, "watermark-held.md"},
    AlertRule{"quarantine", &Rules::quarantine, "quarantine.md"},
    AlertRule{"volume", &Rules::volume, "volume.md"},
    AlertRule{"schema_drift", &Rules::schema_drift, "schema-drift.md"},
    AlertRule{"verify_differs", &Rules::verify_differs, "verify-differs.md"},
    AlertRule{"breaker_open", &Rules::breaker_open, "connection-rests.md"},
    AlertRule{"guard_block", &Rules::guard_block, "source-guard.md"},
    AlertRule{"disk", &Rules::disk, "disk-full.md"},
    AlertRule{"scheduler_stuck", &Rules::scheduler_stuck, "scheduler-stuck.md"},
};

using Settings = ConfigSpec<AlertRuleSettings>;

Settings rule(std::string_view name, std::string description) {
  Settings spec{std::string(name), std::move(description)};
  spec.field("off", &AlertRuleSettings::off, config::boolean(),
             {.default_text = "false", .description = "True: it is not told."});
  return spec;
}

Settings above(Settings spec, FieldInfo info) {
  spec.field("above", &AlertRuleSettings::above, config::duration(), std::move(info));
  return spec;
}

ConfigSpec<AlertRulesSpec> rules_spec() {
  ConfigSpec<AlertRulesSpec> spec("rules",
                                  "Which states are told, and from when on: see [What is "
                                  "told](../alerts-rules.md).",
                                  "{watermark_held: {above: 1h}, volume: {off: true}}");
  const auto add = [&](AlertRuleSettings Rules::* member, Settings settings) {
    std::string name = settings.doc()->name;
    std::string description = settings.doc()->description;
    // A rule that is not written is as one without keys.
    spec.field(std::move(name), member, config::object(std::move(settings)),
               {.default_text = "{}", .description = std::move(description)});
  };
  Settings failed = rule("run_failed", "A job's newest run failed.");
  failed.field("times", &AlertRuleSettings::times, config::integer(1, 100),
               {.default_text = "3",
                .description = "So many failures in a row are told also where it is tried again."});
  add(&Rules::run_failed, std::move(failed));
  add(&Rules::run_blocked, rule("run_blocked", "A job's newest run waits for a person."));
  add(&Rules::run_too_long,
      above(rule("run_too_long", "A run takes longer than its job's runs do."),
            {.default_note = "`duration` of the job's `slo`, else five times the median of its "
                             "last 20 runs and at least 10 minutes",
             .description = "From when on, of jobs without `slo: {duration}`.",
             .example = "2h"}));
  add(&Rules::not_started,
      above(rule("not_started", "A run is due and has not begun."),
            {.default_text = "5m",
             .description = "How late it may be, of jobs without `slo: {start}`."}));
  add(&Rules::data_stale,
      above(rule("data_stale", "What a job has loaded is old."),
            {.default_note = "`freshness` of the job's `slo`; without it this is not told",
             .description = "From when on, of jobs that run by themselves and have no `slo: "
                            "{freshness}`.",
             .example = "1d"}));
  add(&Rules::watermark_held, above(rule("watermark_held",
                                         "Something in a source holds a job's "
                                         "watermark."),
                                    {.default_text = "30m", .description = "From when on."}));
  add(&Rules::quarantine, rule("quarantine", "A job refuses more than its `alert_above`."));
  add(&Rules::volume,
      rule("volume", "A job reads far more or fewer rows than it does at such a time."));
  Settings drift = rule("schema_drift", "The columns of a job's source are others than before.");
  drift.field("keep", &AlertRuleSettings::keep, config::duration(),
              {.default_text = "1d",
               .description = "How long it is told after the run that met "
                              "them."});
  add(&Rules::schema_drift, std::move(drift));
  add(&Rules::verify_differs, rule("verify_differs", "A comparison of source and target failed."));
  add(&Rules::breaker_open,
      above(rule("breaker_open", "A connection does not answer, and its jobs wait."),
            {.default_text = "1m", .description = "From when on."}));
  add(&Rules::guard_block,
      above(rule("guard_block", "A source is slow, or has no session left, so its runs wait."),
            {.default_text = "15m", .description = "From when on."}));
  Settings disk = rule("disk", "A volume of the service fills; below 3% free that is critical.");
  disk.field("below", &AlertRuleSettings::below, config::percent(),
             {.default_text = "10%", .description = "From how little is free on."});
  add(&Rules::disk, std::move(disk));
  add(&Rules::scheduler_stuck,
      above(rule("scheduler_stuck", "The service takes no fires any more."),
            {.default_text = "1m", .description = "From when on."}));
  return spec;
}

}  // namespace

std::span<const AlertRule> alert_rules() {
  return rules;
}

const AlertRulesSpec& AlertRulesSpec::defaults() {
  static const AlertRulesSpec all = rules_spec().defaults();
  return all;
}

ValueSpec<AlertRulesSpec> alert_rules_value() {
  return config::object(rules_spec());
}

}  // namespace tidemark

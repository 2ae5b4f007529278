// AlertRulesSpec: which states of the service and of its jobs are told, and from when on: `rules`
// under `alerts` of tidemark.yaml. docs/alerts-rules.md says what each is.
//
// A plain value, read-only for everybody after it was read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spec/config_spec.h"

namespace tidemark {

// Of one rule; those that it does not take stay empty.
struct AlertRuleSettings {
  bool off = false;
  std::optional<std::chrono::milliseconds> above;
  std::optional<std::int64_t> times;
  std::optional<double> below;
  std::optional<std::chrono::milliseconds> keep;
};

// A member for each rule, with the rule's name.
struct AlertRulesSpec {
  AlertRuleSettings run_failed;
  AlertRuleSettings run_blocked;
  AlertRuleSettings run_too_long;
  AlertRuleSettings not_started;
  AlertRuleSettings data_stale;
  AlertRuleSettings watermark_held;
  AlertRuleSettings quarantine;
  AlertRuleSettings volume;
  AlertRuleSettings schema_drift;
  AlertRuleSettings verify_differs;
  AlertRuleSettings breaker_open;
  AlertRuleSettings guard_block;
  AlertRuleSettings disk;
  AlertRuleSettings scheduler_stuck;

  // With every default.
  static const AlertRulesSpec& defaults();
};

// The rules there are, in the order in which they are described.
struct AlertRule {
  std::string_view name;
  AlertRuleSettings AlertRulesSpec::* settings;
  std::string_view runbook;  // a page of docs/runbooks
};
std::span<const AlertRule> alert_rules();

// The value of `rules`.
ValueSpec<AlertRulesSpec> alert_rules_value();

}  // namespace tidemark

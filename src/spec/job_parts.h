// The parts of a job file, each with its own codec: job_yaml.cc puts them together.
//
// Pure functions, no thread rule. Used inside spec/ only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/config_value.h"
#include "spec/job_spec.h"

namespace tidemark {

ValueSpec<SourceSpec> source_value();             // job_source.cc
ValueSpec<TransformStep> transform_step_value();  // job_steps.cc
ValueSpec<std::vector<RuleSpec>> rules_value();   // job_rules.cc
ValueSpec<QuarantineSpec> quarantine_value();     // job_rules.cc
ValueSpec<DeletesSpec> deletes_value();           // job_deletes.cc
ValueSpec<TargetSpec> target_value();             // job_target.cc
ValueSpec<Name> cron_value();                     // job_schedule.cc
ValueSpec<Name> timezone_value();                 // job_schedule.cc
ValueSpec<std::int64_t> day_value();              // job_schedule.cc
ValueSpec<DayOrMoment> day_or_moment_value();     // job_schedule.cc
ValueSpec<RetrySpec> retries_value();             // job_schedule.cc
ValueSpec<VerifySpec> verify_value();             // job_schedule.cc
ValueSpec<WhenSpec> when_value();                 // job_when.cc
ValueSpec<SloSpec> slo_value();                   // slo_spec.cc

// A day such as `2026-12-24`, since 1970; nothing where there is no such day.
std::optional<std::int64_t> day_of(const std::string& text);

// `after`, as it is written.
struct RawAfter {
  std::vector<Name> all;
  std::vector<Name> any;
  AfterFailed failed = AfterFailed::wait;
  std::optional<Located<std::chrono::milliseconds>> wait;
  std::optional<Located<AfterLate>> late;
};
ValueSpec<RawAfter> after_value();  // job_schedule.cc

// A name for both halves of a run, or one for each.
struct EachHalf {
  Name both;  // empty: by half
  std::optional<Name> extract;
  std::optional<Name> load;

  std::optional<Name> of_extract() const { return both.value.empty() ? extract : both; }
  std::optional<Name> of_load() const { return both.value.empty() ? load : both; }
};
// `what` as in "the name of a pool".
ValueSpec<EachHalf> each_half_value(const std::string& key, const std::string& what,
                                    const std::string& example);  // job_schedule.cc

// Adds a fault where a schedule has both, or a distance that it cannot have.
void check_every_or_cron(const std::optional<Located<std::chrono::milliseconds>>& every,
                         const std::optional<Name>& cron, ReadContext& context);

// Adds a fault at `at` where `starts` and `ends` leave no time between them; it tells the first
// times as they are understood.
void check_limits(const ScheduleSpec& schedule, Location at, ReadContext& context);

// Adds a fault for every name that stands in the list twice.
bool check_distinct(const std::vector<Name>& names, std::string_view what, ReadContext& context);

}  // namespace tidemark

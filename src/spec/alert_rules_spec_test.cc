#include "spec/alert_rules_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "drivers/yaml/document.h"
#include "spec/fault.h"
#include "spec/read_context.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;

struct Read {
  AlertRulesSpec rules;
  std::string faults;
};

Read read(const std::string& text) {
  Faults faults;
  const YamlDocument document = YamlDocument::parse(text);
  ReadContext context(
      {.root = {}, .file = "tidemark.yaml", .document = document, .faults = faults});
  Read read;
  alert_rules_value().read(document.root(), context, "`rules`", read.rules);
  read.faults = faults.print();
  return read;
}

TEST(AlertRulesSpec, WhatIsNotWrittenIsAsByDefault) {
  const Read read_of = read("{watermark_held: {above: 2h}, disk: {off: true}}");
  EXPECT_EQ(read_of.faults, "");
  EXPECT_EQ(read_of.rules.watermark_held.above, hours(2));
  EXPECT_FALSE(read_of.rules.watermark_held.off);
  EXPECT_TRUE(read_of.rules.disk.off);
  EXPECT_EQ(read_of.rules.disk.below, 0.1);
  EXPECT_EQ(read_of.rules.run_failed.times, 3);
  EXPECT_EQ(read_of.rules.not_started.above, minutes(5));
  EXPECT_EQ(read_of.rules.data_stale.above, std::nullopt);
  EXPECT_EQ(AlertRulesSpec::defaults().watermark_held.above, minutes(30));
}

TEST(AlertRulesSpec, FaultsSayWhereAndWhatToWrite) {
  EXPECT_THAT(read("{watermark_hold: {above: 2h}}").faults,
              HasSubstr("tidemark.yaml:1:2: unknown key `watermark_hold`; did you mean "
                        "`watermark_held`?"));
  EXPECT_THAT(read("{run_failed: {above: 2h}}").faults, HasSubstr("unknown key `above`"));
  EXPECT_THAT(read("{run_failed: {times: 0}}").faults, HasSubstr("tidemark.yaml:1:22"));
  EXPECT_THAT(read("{disk: {below: 5}}").faults, HasSubstr("tidemark.yaml:1:16"));
}

TEST(AlertRulesSpec, EachRuleHasOneMember) {
  std::set<std::string_view> names;
  AlertRulesSpec rules;
  for (const AlertRule& rule : alert_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
    EXPECT_FALSE((rules.*rule.settings).off) << rule.name << " has the member of another";
    (rules.*rule.settings).off = true;
    const Read off = read("{" + std::string(rule.name) + ": {off: true}}");
    EXPECT_EQ(off.faults, "");
    EXPECT_TRUE((off.rules.*rule.settings).off) << rule.name;
  }
}

}  // namespace
}  // namespace tidemark

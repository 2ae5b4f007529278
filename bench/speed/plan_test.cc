#include "plan.h"

#include <gtest/gtest.h>

namespace tidemark::bench {
namespace {

constexpr const char* good = R"(# of a test
version: shell | sh --version
note: two cores
group: li | lines of orders
  drain: drain li
  rows: echo 10
  sum: echo abc
subject: stage | into files
  prepare: rm -rf x | cat
  time: run
  rows: echo 10
  sum: echo abc
subject: other
  missing: not installed
  peer: yes
goal: 2 | stage / drain | stage | drain | wall | 1.5
goal: 8 | peak of the stage | stage | - | peak | 256
)";

std::string fault(const std::string& text) {
  return parse_plan(text).fault;
}

TEST(ParsePlan, ReadsWhatIsWritten) {
  const ParsedPlan parsed = parse_plan(good);
  ASSERT_TRUE(parsed.plan.has_value()) << parsed.fault;
  ASSERT_EQ(parsed.plan->groups.size(), 1U);
  EXPECT_EQ(parsed.plan->versions[0].second, "sh --version");
  const Group& group = parsed.plan->groups[0];
  EXPECT_EQ(group.about, "lines of orders");
  ASSERT_EQ(group.subjects.size(), 2U);
  EXPECT_EQ(group.subjects[0].prepare, "rm -rf x | cat");
  EXPECT_FALSE(group.subjects[0].peer);
  EXPECT_TRUE(group.subjects[1].peer);
  EXPECT_EQ(group.subjects[1].missing, "not installed");
  ASSERT_EQ(group.goals.size(), 2U);
  EXPECT_EQ(group.goals[0].to, "drain");
  EXPECT_EQ(group.goals[1].figure, Figure::peak);
  EXPECT_EQ(group.goals[1].at_most, 256);
}

TEST(ParsePlan, SaysWhichLineIsWrong) {
  const std::string text = good;
  EXPECT_EQ(fault(text + "nonsense\n"), "line 18: a line is `KEY: VALUE`");
  EXPECT_EQ(fault(text + "  time: again\n  time: twice\n"), "line 19: `time:` stands here twice");
  EXPECT_EQ(fault(text + "  slow: yes\n"), "line 18: there is no `slow:` here");
  EXPECT_EQ(fault(text + "goal: 1 | x | nobody | drain | wall | 1\n"),
            "line 18: the group has no subject `nobody`");
  EXPECT_EQ(fault(text + "goal: 1 | x | drain | drain | wall | 1\n"),
            "line 18: the group has no subject `drain`");
  EXPECT_EQ(fault(text + "goal: 1 | x | stage | drain | speed | 1\n"),
            "line 18: a figure is wall, cpu or peak, not `speed`");
  EXPECT_EQ(fault(text + "goal: 1 | x | stage | drain | wall | 1s\n"),
            "line 18: `1s` is no number");
  EXPECT_EQ(fault(text + "subject: stage\n"), "line 18: the group has a subject `stage` already");
  EXPECT_EQ(fault("subject: x\n"), "line 1: `subject:` stands in no group");
}

TEST(ParsePlan, RefusesWhatIsNotChecked) {
  EXPECT_EQ(fault(std::string(good) + "subject: fast\n  time: run\n  rows: echo 10\n"),
            "`fast` needs `time:`, `rows:` and `sum:`: what is not checked is not measured");
  EXPECT_EQ(fault("group: x\n  drain: d\n"), "the group `x` needs `drain:`, `rows:` and `sum:`");
  EXPECT_EQ(fault("group: x\n  rounds: few\n"), "`rounds:` is a number from 1, not `few`");
  EXPECT_EQ(fault("# nothing\n"), "there is no group");
}

}  // namespace
}  // namespace tidemark::bench

#include "cli/job_order.h"

#include <gtest/gtest.h>

#include "cli/text_table.h"

namespace tidemark {
namespace {

JobSpec job(const std::string& name, const std::vector<std::string>& after, bool enabled = true) {
  JobSpec spec;
  spec.name = JobName(name);
  spec.enabled = enabled;
  for (const std::string& before : after)
    spec.schedule.after.push_back({before, {}});
  return spec;
}

std::string ordered(const std::vector<JobSpec>& jobs) {
  auto order = order_jobs(jobs);
  if (!order.ok()) return order.error().code + ": " + order.error().message;
  std::string names;
  for (const JobSpec* each : *order)
    names += (names.empty() ? "" : " ") + each->name.get();
  return names;
}

TEST(JobOrder, EachAfterThoseItNamesElseByName) {
  EXPECT_EQ(ordered({job("c", {}), job("a", {"b"}), job("b", {})}), "b a c");
  EXPECT_EQ(ordered({job("d", {"c"}), job("c", {"b"}), job("b", {"a"}), job("a", {})}), "a b c d");
  EXPECT_EQ(ordered({}), "");
}

TEST(JobOrder, ADisabledJobNeitherRunsNorHoldsBack) {
  EXPECT_EQ(ordered({job("a", {"b"}), job("b", {}, false)}), "a");
}

TEST(JobOrder, ACycleNamesItsJobs) {
  EXPECT_EQ(ordered({job("a", {"b"}), job("b", {"a"}), job("c", {})}),
            "spec.cycle: jobs wait for each other by `after`: a, b");
  EXPECT_EQ(ordered({job("a", {"a"})}), "spec.cycle: jobs wait for each other by `after`: a");
}

TEST(TextTable, ColumnsStandAlignedWhateverTheLetters) {
  const std::string text =
      print_table({{"name", "n"}, {false, true}, {{"\xc3\xa4rger", "7"}, {"a\nb", "1234"}}});
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[2], "\xc3\xa4rger     7");
  EXPECT_EQ(lines[3], "a\\nb   1234");
}

TEST(TextTable, WhatHasNoRoomStandsBelowItsRow) {
  const TextTable table{{"job", "why"}, {}, {{"a", "one two three four"}, {"b", ""}}};
  EXPECT_EQ(print_table(table, 23), print_table(table));
  EXPECT_EQ(print_table(table, 18),
            "job\n"
            "---\n"
            "a\n"
            "    why: one two\n"
            "    three four\n"
            "b\n");
}

}  // namespace
}  // namespace tidemark

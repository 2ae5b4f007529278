#include "schedule/triggers.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidemark {
namespace {

std::shared_ptr<JobSpec> a_job(const std::string& name, const std::vector<std::string>& after) {
  auto job = std::make_shared<JobSpec>();
  job->name = JobName(name);
  for (const std::string& before : after)
    job->schedule.after.push_back({before, {}});
  return job;
}

class TriggersTest : public testing::Test {
 protected:
  void ended(const std::string& job, std::int64_t fire, bool well = true) {
    triggers_.ended(JobName(job), UtcMicros(fire), well);
  }
  std::string taken() {
    std::vector<std::string> found;
    for (const Triggered& one : triggers_.take()) {
      std::string text = one.job.get() + std::to_string(one.fire.get()) + ":";
      for (const auto& [job, fire] : one.inputs)
        text += " " + job.get() + std::to_string(fire.get());
      found.push_back(text);
    }
    std::sort(found.begin(), found.end());
    std::string all;
    for (const std::string& one : found)
      all += (all.empty() ? "" : "; ") + one;
    return all;
  }

  Triggers triggers_;
};

TEST_F(TriggersTest, AJobFollowsWhenAllBeforeItHaveANewFire) {
  triggers_.set({a_job("a", {}), a_job("b", {}), a_job("both", {"a", "b"})});
  ended("a", 10);
  EXPECT_EQ(taken(), "");
  ended("b", 5);
  EXPECT_EQ(taken(), "both10: a10 b5");
  EXPECT_EQ(taken(), "");
  ended("a", 20);
  ended("a", 30);
  EXPECT_EQ(taken(), "");
  ended("b", 7);  // it was late, and is newer than the one that was followed
  EXPECT_EQ(taken(), "both30: a30 b7");
}

TEST_F(TriggersTest, WithAnyOneIsEnough) {
  auto any = a_job("one_of", {"a", "b"});
  any->schedule.after_any = true;
  triggers_.set({any});
  ended("a", 10);
  EXPECT_EQ(taken(), "one_of10: a10");
  ended("b", 5);
  EXPECT_EQ(taken(), "one_of11: a10 b5") << "a time of its own, just after its last";
  ended("b", 5);
  EXPECT_EQ(taken(), "");
}

TEST_F(TriggersTest, AFailedFireIsFollowedWhereTheJobSaysSo) {
  auto anyway = a_job("anyway", {"a"});
  anyway->schedule.after_failed = AfterFailed::run;
  triggers_.set({a_job("waits", {"a"}), anyway});
  ended("a", 10, false);
  EXPECT_EQ(taken(), "anyway10: a10");
  EXPECT_EQ(triggers_.held_back_by(JobName("a")), std::vector<JobName>{JobName("waits")});
  ended("a", 20);
  EXPECT_EQ(taken(), "anyway20: a20; waits20: a20");
}

TEST_F(TriggersTest, WhatWasFollowedBeforeAStartIsNotFollowedAgain) {
  triggers_.set({a_job("next", {"a"})});
  const FireInputs inputs{{JobName("a"), UtcMicros(10)}};
  const auto kept = parse_fire_inputs(to_text(inputs));
  ASSERT_TRUE(kept.ok());
  triggers_.fired(JobName("next"), UtcMicros(10), *kept);
  ended("a", 10);
  EXPECT_EQ(taken(), "");
  ended("a", 11);
  EXPECT_EQ(taken(), "next11: a11");
}

TEST_F(TriggersTest, AJobThatIsBusyFollowsLaterAndOnce) {
  triggers_.set({a_job("next", {"a"})});
  ended("a", 10);
  EXPECT_TRUE(triggers_.take([](const JobName&) { return true; }).empty());
  ended("a", 20);
  EXPECT_EQ(taken(), "next20: a20");
  EXPECT_EQ(taken(), "");
}

TEST_F(TriggersTest, OnlyJobsWithoutTimesOfTheirOwnFollow) {
  auto timed = a_job("timed", {"a"});
  timed->schedule.every = std::chrono::hours(1);
  auto off = a_job("off", {"a"});
  off->enabled = false;
  triggers_.set({timed, off});
  ended("a", 1);
  EXPECT_EQ(taken(), "");
}

TEST(FireInputs, AreTextAndBack) {
  const FireInputs inputs{{JobName("a"), UtcMicros(1'500'000)}, {JobName("b-2"), UtcMicros(7)}};
  const std::string text = to_text(inputs);
  EXPECT_EQ(text, "a@1970-01-01T00:00:01.500000Z b-2@1970-01-01T00:00:00.000007Z");
  EXPECT_EQ(parse_fire_inputs(text).value(), inputs);
  EXPECT_EQ(parse_fire_inputs("").value(), FireInputs());
  EXPECT_FALSE(parse_fire_inputs("nonsense").ok());
}

}  // namespace
}  // namespace tidemark

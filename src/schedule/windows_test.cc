#include "schedule/windows.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using std::chrono::hours;

UtcMicros at(const std::string& time) {
  return *parse_utc("2026-01-02T" + time + ":00Z");
}

class WindowsTest : public testing::Test {
 protected:
  // Without `every`: it has no times of its own.
  JobSpec& job(const std::string& name, std::optional<hours> every,
               const std::vector<std::string>& after = {}) {
    auto spec = std::make_shared<JobSpec>();
    spec->name = JobName(name);
    if (every) spec->schedule.every = *every;
    for (const std::string& before : after)
      spec->schedule.after.push_back({before, {}});
    specs_[name] = spec;
    return *spec;
  }
  void set() {
    std::unordered_map<JobName, PlannedJob> planned;
    for (const auto& [name, spec] : specs_)
      planned.emplace(JobName(name), PlannedJob{spec, *JobTimes::of(spec->schedule)});
    windows_.set(std::move(planned));
  }
  std::string follows(const std::string& name, const std::string& time) {
    set();
    std::string text;
    for (const Awaited& one : windows_.follows(JobName(name), at(time)))
      text += (text.empty() ? "" : " ") + one.job.get() + "@" + to_text(one.fire).substr(8, 8);
    return text;
  }
  std::string missing(const std::string& name, const std::string& time) {
    set();
    const JobSpec& spec = *specs_.at(name);
    return to_text(Windows::missing(spec, windows_.follows(JobName(name), at(time)), ended_),
                   spec.schedule.after_any);
  }

  std::map<std::string, std::shared_ptr<JobSpec>> specs_;
  Windows windows_;
  Triggers ended_;
};

TEST_F(WindowsTest, AFireFollowsTheNewestOneUntilItsTime) {
  job("hourly", hours(1));
  job("daily", hours(24));
  job("facts", hours(2), {"hourly", "daily"});
  EXPECT_EQ(follows("facts", "02:00"), "hourly@02T02:00 daily@02T00:00");
  EXPECT_EQ(follows("facts", "02:30"), "hourly@02T02:00 daily@02T00:00");
  EXPECT_EQ(follows("hourly", "02:00"), "") << "it names nobody";
}

TEST_F(WindowsTest, OneWithoutTimesHasThoseOfTheJobsBeforeIt) {
  job("six", hours(6));
  job("four", hours(4));
  job("both", std::nullopt, {"six", "four"});
  job("either", std::nullopt, {"six", "four"}).schedule.after_any = true;
  job("facts", hours(1), {"both"});
  job("other", hours(1), {"either"});
  EXPECT_EQ(follows("facts", "11:00"), "both@02T06:00") << "it runs again when six has";
  EXPECT_EQ(follows("other", "11:00"), "either@02T08:00");
}

TEST_F(WindowsTest, NobodyWaitsForWhatNeverRunsByItself) {
  job("by_hand", std::nullopt);
  job("paused", hours(1)).enabled = false;
  job("facts", hours(1), {"by_hand", "paused", "gone"});
  EXPECT_EQ(follows("facts", "11:00"), "");
  EXPECT_EQ(missing("facts", "11:00"), "");
}

TEST_F(WindowsTest, ItWaitsUntilEachOfThemHasEndedWell) {
  job("a", hours(1));
  job("b", hours(1));
  job("facts", hours(1), {"a", "b"});
  EXPECT_EQ(missing("facts", "02:00"),
            "a of 2026-01-02T02:00:00.000000Z and b of 2026-01-02T02:00:00.000000Z");
  ended_.ended(JobName("a"), at("01:00"), true);
  ended_.ended(JobName("b"), at("03:00"), true);
  EXPECT_EQ(missing("facts", "02:00"), "a of 2026-01-02T02:00:00.000000Z")
      << "the one before does not do, a later one does";
  ended_.ended(JobName("a"), at("02:00"), false);
  EXPECT_EQ(missing("facts", "02:00"), "a of 2026-01-02T02:00:00.000000Z, which failed");
  specs_.at("facts")->schedule.after_failed = AfterFailed::run;
  EXPECT_EQ(missing("facts", "02:00"), "");
}

TEST_F(WindowsTest, OneOfThemIsEnoughForAny) {
  job("a", hours(1));
  job("b", hours(1));
  job("facts", hours(1), {"a", "b"}).schedule.after_any = true;
  EXPECT_EQ(missing("facts", "02:00"),
            "a of 2026-01-02T02:00:00.000000Z or b of 2026-01-02T02:00:00.000000Z");
  ended_.ended(JobName("b"), at("02:00"), true);
  EXPECT_EQ(missing("facts", "02:00"), "");
}

TEST_F(WindowsTest, ItWaitsUntilItsNextFireOrAsLongAsItSays) {
  job("a", hours(1));
  JobSpec& facts = job("facts", hours(4), {"a"});
  set();
  EXPECT_EQ(windows_.waits_until(facts.name, at("04:00"), at("04:00")), at("08:00"));
  EXPECT_EQ(windows_.waits_until(facts.name, at("04:00"), at("09:00")), at("12:00"))
      << "one that is taken late waits from then on";
  facts.schedule.after_wait = hours(6);
  EXPECT_EQ(windows_.waits_until(facts.name, at("04:00"), at("04:00")), at("10:00"));
}

}  // namespace
}  // namespace tidemark

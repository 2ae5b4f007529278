#include "telemetry/promise_burn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::int64_t minute_us = 60'000'000;
constexpr std::int64_t now_us = 20'000 * std::int64_t{86'400'000'000};
const UtcMicros now(now_us);

UtcMicros ago(std::int64_t time_in_minutes) {
  return UtcMicros(now_us - time_in_minutes * minute_us);
}

// Newest first, as the store gives them.
void add_run(ReportedJob& job, std::int64_t began, std::int64_t took, RunState state) {
  ReportedRun run;
  run.started_at = ago(began);
  run.ended_at = ago(began - took);
  run.state = state;
  job.runs.push_back(run);
}

void add_fire(ReportedJob& job, std::int64_t due, std::int64_t late) {
  ReportedFire fire;
  fire.due = ago(due);
  fire.state = FireState::done;
  fire.began = ago(due - late);
  job.fires.push_back(fire);
}

TEST(PromiseBurn, TheShortWindowIsTheEndOfTheLongOne) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  add_run(job, 30, 1, RunState::done);
  add_run(job, 90, 20, RunState::done);  // too slow
  add_run(job, 150, 1, RunState::failed);
  add_run(job, 210, 1, RunState::done);
  SloSpec slo;
  slo.duration = minutes(10);
  slo.objective = 0.75;
  const auto good = burn_of(job, slo, now);
  ASSERT_EQ(good.size(), 1U);
  EXPECT_EQ(good.front().what, "duration");
  EXPECT_DOUBLE_EQ(good.front().burn_1h.value(), 0);
  EXPECT_DOUBLE_EQ(good.front().burn_6h.value(), 2);  // half of them, where a quarter may
  EXPECT_FALSE(good.front().left.has_value());
}

TEST(PromiseBurn, FiresCountInTheirOwnWindow) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  add_fire(job, 10, 9);
  add_fire(job, 40, 0);
  add_fire(job, 100, 0);
  add_fire(job, 200, 0);
  SloSpec slo;
  slo.start = minutes(5);
  slo.objective = 0.5;
  const auto found = burn_of(job, slo, now);
  EXPECT_DOUBLE_EQ(found.front().burn_1h.value(), 1);
  EXPECT_DOUBLE_EQ(found.front().burn_6h.value(), 0.5);
}

TEST(PromiseBurn, DataGrowsOldWithoutRuns) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  add_run(job, 241, 1, RunState::done);
  SloSpec slo;
  slo.freshness = minutes(121);  // broken since two hours
  slo.objective = 0.9;
  const auto found = burn_of(job, slo, now);
  EXPECT_NEAR(found.front().burn_1h.value(), 10, 1e-9);
  // Of the four hours since something is known.
  EXPECT_NEAR(found.front().burn_6h.value(), 5, 1e-9);
}

TEST(PromiseBurn, WhatWasNotMeasuredIsNotToldOf) {
  const ReportedJob job{JobName("orders"), {}, {}, {}};
  SloSpec slo;
  slo.freshness = slo.duration = hours(1);
  auto found = burn_of(job, slo, now);
  ASSERT_EQ(found.size(), 2U);
  set_left(job, slo, now, found);
  for (const PromiseNow& promise : found) {
    EXPECT_FALSE(promise.burn_1h.has_value()) << promise.what;
    EXPECT_FALSE(promise.burn_6h.has_value()) << promise.what;
    EXPECT_FALSE(promise.left.has_value()) << promise.what;
  }
}

TEST(PromiseBurn, WhatIsLeftIsOfSevenDays) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  add_run(job, 30, 1, RunState::done);
  add_run(job, 3 * 24 * 60, 1, RunState::failed);
  add_run(job, 4 * 24 * 60, 1, RunState::done);
  add_run(job, 6 * 24 * 60, 1, RunState::done);
  SloSpec slo;
  slo.duration = minutes(10);
  slo.objective = 0.5;
  auto found = burn_of(job, slo, now);
  set_left(job, slo, now, found);
  EXPECT_DOUBLE_EQ(found.front().left.value(), 0.5);
}

// A store with nothing in it, and whose every read takes a second of the clock.
class SlowDatabase final : public SqlDatabase {
 public:
  SlowDatabase(ManualClock& clock, std::atomic<int>& reads) : clock_(clock), reads_(reads) {}
  Status read(const Work&) override {
    clock_.advance(std::chrono::seconds(1));
    ++reads_;
    return {};
  }
  Status write(const Work&, std::optional<std::chrono::milliseconds>) override { return {}; }
  Status migrate(const Work&) override { return {}; }
  std::string name() const override { return "slow"; }

 private:
  ManualClock& clock_;
  std::atomic<int>& reads_;
};

class PromiseWatchTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const JobSpec> job(const std::string& name, const std::string& version) {
    auto made = std::make_shared<JobSpec>();
    made->name = JobName(name);
    made->content_hash = version;
    made->slo.emplace().duration = minutes(10);
    return made;
  }
  // As it is called; each time with what was read by then.
  PromiseWatch::Tell tell() {
    return [this](const auto&) { looked_at_ = reads_.load(); };
  }
  void wait_for_reads(int reads) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (looked_at_ != reads) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << reads_ << " reads, not " << reads;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  ManualClock clock_{now};
  std::atomic<int> reads_{0};
  std::atomic<int> looked_at_{-1};
};

TEST_F(PromiseWatchTest, WhoeverEditsJobsMakesItReadNoMoreThanATenthOfTheTime) {
  PromiseWatch watch(std::make_unique<SlowDatabase>(clock_, reads_), clock_, tell());
  watch.set_jobs({job("a", "1"), job("b", "1")});
  wait_for_reads(4);  // of both the six hours and the seven days, in four seconds
  for (int edits = 0; edits < 20; ++edits) {
    watch.set_jobs({job("a", "1"), job("b", "1")});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(reads_, 4);
  clock_.advance(std::chrono::seconds(35));
  watch.set_jobs({job("a", "1"), job("b", "1")});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(reads_, 4) << "nine times four seconds";
  clock_.advance(std::chrono::seconds(1));
  watch.set_jobs({job("a", "1"), job("b", "1")});
  wait_for_reads(6);  // sooner than after a minute, and nothing of the budgets
}

TEST_F(PromiseWatchTest, BudgetsAreReadOfJobsThatAreNew) {
  PromiseWatch watch(std::make_unique<SlowDatabase>(clock_, reads_), clock_, tell());
  watch.set_jobs({job("a", "1"), job("b", "1")});
  wait_for_reads(4);
  clock_.advance(std::chrono::seconds(40));
  watch.set_jobs({job("a", "1"), job("b", "2"), job("c", "1")});
  wait_for_reads(4 + 3 + 2);
  clock_.advance(minutes(15));
  watch.set_jobs({job("a", "1"), job("b", "2"), job("c", "1")});
  wait_for_reads(9 + 6);
}

}  // namespace
}  // namespace tidemark

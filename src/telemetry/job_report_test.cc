#include "telemetry/job_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;

constexpr std::int64_t minute_us = 60'000'000;
constexpr std::int64_t begin_us = 20'000 * std::int64_t{86'400'000'000};  // midnight of a day

UtcMicros at(std::int64_t minute) {
  return UtcMicros(begin_us + minute * minute_us);
}

ReportStretch until(std::int64_t minute) {
  return {at(0), at(minute), at(1'000'000)};
}

ReportedRun run(std::int64_t from, std::int64_t to, RunState state) {
  ReportedRun one;
  one.started_at = at(from);
  one.ended_at = at(to);
  one.state = state;
  one.use = RunUse{};
  return one;
}

PriceSpec prices() {
  return {"EUR", *Price::parse("3.6"), *Price::parse("1"), *Price::parse("0.1"),
          *Price::parse("0.01")};
}

const PromiseReport& promise(const JobReport& report, const std::string& what) {
  for (const PromiseReport& one : report.promises) {
    if (one.what == what) return one;
  }
  ADD_FAILURE() << "no promise " << what;
  return report.promises.front();
}

TEST(JobReport, DataAgesBetweenTwoEndsOfRuns) {
  // Until 10 nobody knows; data of 5 is 30 minutes old at 35, data of 40 at 70.
  const std::vector<FreshFrom> points{{at(10), at(5)}, {at(50), at(40)}};
  const Kept kept = fresh_time(points, at(0), at(100), minutes(30));
  EXPECT_EQ(kept.measured, 90 * minute_us);
  EXPECT_EQ(kept.kept, (25 + 20) * minute_us);
  EXPECT_DOUBLE_EQ(kept.share(), 0.5);
  EXPECT_DOUBLE_EQ(kept.burn(0.25), 2.0);
}

TEST(JobReport, WhatWasLoadedBeforeCountsFromTheBegin) {
  const std::vector<FreshFrom> points{{at(-500), at(-510)}, {at(-60), at(-10)}};
  const Kept kept = fresh_time(points, at(0), at(100), minutes(30));
  EXPECT_EQ(kept.measured, 100 * minute_us);
  EXPECT_EQ(kept.kept, 20 * minute_us);
}

TEST(JobReport, DataThatIsAlwaysTooOldIsNeverFresh) {
  const Kept kept = fresh_time({{at(0), at(-100)}, {at(50), at(-50)}}, at(0), at(100), minutes(30));
  EXPECT_EQ(kept.kept, 0);
  EXPECT_EQ(fresh_time({}, at(0), at(100), minutes(30)).measured, 0);
}

TEST(JobReport, AJobWithoutDataTimeIsAsFreshAsTheBeginOfItsLastGoodRun) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  ReportedRun replayed = run(45, 46, RunState::done);
  replayed.kind = RunKind::replay;  // shows nothing newer
  job.runs = {replayed, run(30, 40, RunState::failed), run(0, 10, RunState::done)};
  SloSpec slo;
  slo.freshness = minutes(60);
  const JobReport report = report_of(job, slo, std::nullopt, until(100));
  const Kept& kept = promise(report, "freshness").kept;
  EXPECT_EQ(kept.measured, 90 * minute_us);
  EXPECT_EQ(kept.kept, 50 * minute_us);
}

TEST(JobReport, RunsKeepTheirDurationWhereTheyEndWellInTime) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  job.runs = {run(50, 52, RunState::cancelled), run(40, 41, RunState::failed),
              run(30, 45, RunState::done),      run(20, 30, RunState::done),
              run(10, 11, RunState::skipped),   run(-20, -19, RunState::done)};
  ReportedRun backfilled = run(50, 99, RunState::done);
  backfilled.kind = RunKind::backfill;  // takes what it takes
  job.runs.insert(job.runs.begin(), backfilled);
  SloSpec slo;
  slo.duration = minutes(10);
  slo.objective = 0.75;
  const JobReport report = report_of(job, slo, std::nullopt, until(100));
  EXPECT_EQ(report.runs, 6);
  EXPECT_EQ(report.idle, 1);
  EXPECT_EQ(report.failed, 1);
  const PromiseReport& duration = promise(report, "duration");
  EXPECT_EQ(duration.kept.measured, 4);
  EXPECT_EQ(duration.kept.kept, 2);
  EXPECT_DOUBLE_EQ(duration.left(), -1.0);
  EXPECT_DOUBLE_EQ(*report.budget_left(), -1.0);
}

TEST(JobReport, AFireThatWaitsMayStillBeginInTime) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  job.fires = {{at(0), FireState::done, at(4)},
               {at(10), FireState::failed, at(16)},
               {at(20), FireState::skipped, std::nullopt},
               {at(25), FireState::cancelled, std::nullopt},
               {at(30), FireState::waiting, std::nullopt},
               {at(38), FireState::waiting, std::nullopt}};
  SloSpec slo;
  slo.start = minutes(5);
  const JobReport report = report_of(job, slo, std::nullopt, {at(0), at(40), at(40)});
  const Kept& kept = promise(report, "start").kept;
  EXPECT_EQ(kept.measured, 4);
  EXPECT_EQ(kept.kept, 1);
}

TEST(JobReport, CostIsTheExactSumOfWhatRunsUsed) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  ReportedRun one = run(0, 1, RunState::done);
  one.use = RunUse{1'000'000, 200'000'000, 10'000'000};  // a second is 0.001
  one.bytes_staged = 50'000'000;
  one.rows_loaded = RowCount(4'000);
  ReportedRun unknown = run(2, 3, RunState::done);
  unknown.use.reset();
  job.runs = {unknown, one};
  const JobReport report = report_of(job, std::nullopt, prices(), until(100));
  EXPECT_EQ(report.runs_without_use, 1);
  ASSERT_TRUE(report.cost);
  EXPECT_EQ(report.cost->text(9), "0.206100000");
  EXPECT_EQ(report.cost->per_million(report.rows_loaded).text(4), "51.5250");
  EXPECT_FALSE(report_of(job, std::nullopt, std::nullopt, until(100)).cost);
  EXPECT_FALSE(report.budget_left());
}

TEST(JobReport, StepsByRankAndDaysWithoutRuns) {
  ReportedJob job{JobName("orders"), {}, {}, {}};
  for (int i = 1; i <= 20; ++i)
    job.steps.push_back({"extract", i * 100});
  job.steps.push_back({"load", 7});
  job.runs = {run(2'000, 2'001, RunState::done)};  // on the second of three days
  const JobReport report = report_of(job, std::nullopt, std::nullopt, until(3 * 1'440));
  EXPECT_EQ(report.steps.at("extract").count, 20);
  EXPECT_EQ(report.steps.at("extract").p50_us, 1'000);
  EXPECT_EQ(report.steps.at("extract").p95_us, 1'900);
  EXPECT_EQ(report.steps.at("load").p95_us, 7);
  EXPECT_THAT(report.days_without, ElementsAre(20'000, 20'002));
}

TEST(JobReport, TheWorstComeFirst) {
  std::vector<JobReport> jobs(4);
  for (std::size_t i = 0; i < jobs.size(); ++i)
    jobs[i].job = JobName(std::string(1, static_cast<char>('a' + i)));
  jobs[1].cost = Money::of_bytes(5, *Price::parse("1"));
  jobs[2].promises.push_back({"duration", minutes(1), 0.9, {10, 8}});
  jobs[3].failed = 2;
  worst_first(jobs);
  std::string order;
  for (const JobReport& job : jobs)
    order += job.job.get();
  EXPECT_EQ(order, "cdba");
}

}  // namespace
}  // namespace tidemark

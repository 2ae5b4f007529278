#include "telemetry/service_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ServiceMetricsTest : public ::testing::Test {
 protected:
  ManualClock clock_{UtcMicros(1'000'000'000'000'000)};
  ServiceMetrics metrics_{clock_};
  const JobName job_{"orders"};

  void plan(const char* run, bool holds = false) {
    metrics_.on({RunId(run), {job_, StreamName("main")}, RunStep::plan, 0, 0, {}, holds});
  }
  RunEnd end(const char* run, const char* status = "success") {
    RunEnd end;
    end.run = RunId(run);
    end.job = job_;
    end.status = status;
    end.is_well = end.status == "success";
    return end;
  }
  std::string text() { return metrics_.text({}); }
  void serve(std::map<JobName, UtcMicros> ended_well = {}) {
    auto job = std::make_shared<JobSpec>();
    job->name = job_;
    job->schedule.every = std::chrono::hours(1);
    metrics_.set_jobs({job}, ended_well);
  }
};

TEST_F(ServiceMetricsTest, RunsAreCountedByJobAndStatusWithTheirRows) {
  RunEnd one = end("r1");
  one.rows_read = 10;
  one.rows_loaded = 8;
  one.rows_rejected = 2;
  one.took = std::chrono::seconds(3);
  metrics_.ended(one);
  metrics_.ended(end("r2", "failed"));
  EXPECT_THAT(text(),
              AllOf(HasSubstr("tidemark_runs_total{etl_job=\"orders\",status=\"success\"} 1"),
                    HasSubstr("tidemark_runs_total{etl_job=\"orders\",status=\"failed\"} 1"),
                    HasSubstr("tidemark_run_rows_read_total{etl_job=\"orders\"} 10"),
                    HasSubstr("tidemark_run_rows_rejected_total{etl_job=\"orders\"} 2"),
                    HasSubstr("tidemark_run_seconds_sum{status=\"success\"} 3")));
}

TEST_F(ServiceMetricsTest, PromisesAreToldAsTheyWereFoundLast) {
  metrics_.set_promises(
      {{job_, "freshness", 2.5, 0.5, -0.25}, {job_, "start", std::nullopt, 1, {}}});
  EXPECT_THAT(
      text(),
      AllOf(HasSubstr(
                "tidemark_slo_burn_rate{etl_job=\"orders\",slo=\"freshness\",window=\"1h\"} 2.5"),
            HasSubstr(
                "tidemark_slo_burn_rate{etl_job=\"orders\",slo=\"freshness\",window=\"6h\"} 0.5"),
            HasSubstr("tidemark_slo_budget_left_ratio{etl_job=\"orders\",slo=\"freshness\"} -0.25"),
            HasSubstr("tidemark_slo_burn_rate{etl_job=\"orders\",slo=\"start\",window=\"6h\"} 1"),
            Not(HasSubstr("slo=\"start\",window=\"1h\"")),
            Not(HasSubstr("tidemark_slo_budget_left_ratio{etl_job=\"orders\",slo=\"start\"}"))));
  metrics_.set_promises({});
  EXPECT_THAT(text(), Not(HasSubstr("slo=")));
}

TEST_F(ServiceMetricsTest, AStepIsAsLongAsUntilTheNextOne) {
  plan("r1");
  clock_.advance(std::chrono::seconds(2));
  metrics_.on({RunId("r1"), {job_, StreamName("main")}, RunStep::extract, 5, 0, {}});
  EXPECT_THAT(text(), AllOf(HasSubstr("tidemark_run_step_seconds_sum{step=\"plan\"} 2"),
                            HasSubstr("tidemark_runs_in_progress{step=\"extract\"} 1")));
  metrics_.ended(end("r1"));
  EXPECT_THAT(text(), Not(HasSubstr("tidemark_runs_in_progress{")));
}

TEST_F(ServiceMetricsTest, ARunThatChangesHandsIsUnderWayHereNoMore) {
  plan("r1");
  metrics_.left(RunId("r1"));
  EXPECT_THAT(text(), Not(HasSubstr("tidemark_runs_in_progress{")));
}

TEST_F(ServiceMetricsTest, ARunThatWasHeardOfNoMoreIsForgottenWithTheNext) {
  plan("r1");
  plan("r2");
  EXPECT_THAT(text(), HasSubstr("tidemark_runs_in_progress{step=\"plan\"} 1"));
}

TEST_F(ServiceMetricsTest, AHeldWatermarkIsToldFromItsFirstRunUntilOneThatIsFree) {
  plan("r1", true);
  metrics_.ended(end("r1"));
  clock_.advance(std::chrono::seconds(100));
  plan("r2", true);
  metrics_.ended(end("r2"));
  EXPECT_THAT(text(), HasSubstr("tidemark_job_watermark_held_seconds{etl_job=\"orders\"} 100"));
  plan("r3");
  metrics_.ended(end("r3"));
  EXPECT_THAT(text(), Not(HasSubstr("tidemark_job_watermark_held_seconds{")));
}

TEST_F(ServiceMetricsTest, TheLagIsOnTheTimeOfTheData) {
  RunEnd one = end("r1");
  one.data_until = clock_.now_utc().get() - 60'000'000;
  metrics_.ended(one);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_THAT(text(), HasSubstr("tidemark_job_data_lag_seconds{etl_job=\"orders\"} 90"));
}

TEST_F(ServiceMetricsTest, OfAJobThatIsServedTheFirstFailureIsOneMore) {
  serve();
  EXPECT_THAT(text(), HasSubstr("tidemark_runs_total{etl_job=\"orders\",status=\"failed\"} 0"));
  metrics_.ended(end("r1", "failed"));
  EXPECT_THAT(text(), HasSubstr("tidemark_runs_total{etl_job=\"orders\",status=\"failed\"} 1"));
}

TEST_F(ServiceMetricsTest, SinceWhenNoneEndedWellIsAsTheStoreKnowsItOrSinceItIsServed) {
  const std::string name = "tidemark_job_last_success_timestamp_seconds{etl_job=\"orders\"} ";
  serve({{job_, UtcMicros(900'000'000'000'000)}});
  EXPECT_THAT(text(), HasSubstr(name + "900000000"));
  metrics_.ended(end("r1", "failed"));
  EXPECT_THAT(text(), HasSubstr(name + "900000000"));
  metrics_.ended(end("r2"));
  EXPECT_THAT(text(), HasSubstr(name + "1000000000"));
  metrics_.set_jobs({}, {});
  EXPECT_THAT(text(), Not(HasSubstr(name))) << "one that is gone is missed by nobody";
}

TEST_F(ServiceMetricsTest, JobsBeyondTheBoundAreToldTogether) {
  for (int number = 0; number < 2'100; ++number) {
    RunEnd one = end("r");
    one.job = JobName("job" + std::to_string(number));
    metrics_.ended(one);
  }
  const std::string told = text();
  EXPECT_THAT(told,
              AllOf(HasSubstr("{etl_job=\"(others)\",status=\"success\"} 100"),
                    HasSubstr("tidemark_runs_total{etl_job=\"job1999\",status=\"success\"} 1"),
                    Not(HasSubstr("job2000"))));
}

TEST_F(ServiceMetricsTest, OfAStoreThatDoesNotAnswerNothingIsMadeUp) {
  ServiceMoment moment;
  moment.store.emplace();
  moment.store->fires_waiting = 7;
  EXPECT_THAT(metrics_.text(moment),
              AllOf(HasSubstr("tidemark_fires_waiting 7"), HasSubstr("tidemark_store_answers 1")));
  EXPECT_THAT(text(), AllOf(Not(HasSubstr("tidemark_fires_waiting ")),
                            HasSubstr("tidemark_store_answers 0")));
}

TEST_F(ServiceMetricsTest, TheProcessIsTold) {
  const std::string told = text();
  EXPECT_THAT(told, AllOf(HasSubstr("process_resident_memory_bytes "),
                          HasSubstr("process_open_fds "), HasSubstr("tidemark_build_info{")));
  EXPECT_THAT(told, Not(HasSubstr("process_open_fds 0\n")));
}

}  // namespace
}  // namespace tidemark

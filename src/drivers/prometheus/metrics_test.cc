#include "drivers/prometheus/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<MetricSpec> specs() {
  return {{"t_runs_total", MetricKind::counter, "Runs."},
          {"t_free_bytes", MetricKind::gauge, "Free."},
          {"t_seconds", MetricKind::histogram, "Long.", {0.1, 1, 10}}};
}

TEST(Metrics, AreToldInThePrometheusText) {
  Metrics metrics(specs());
  metrics.add("t_runs_total", {{"job", "a"}});
  metrics.add("t_runs_total", {{"job", "a"}}, 2);
  metrics.set("t_free_bytes", {}, 7);
  metrics.observe("t_seconds", {{"step", "load"}}, 0.5);
  EXPECT_THAT(
      metrics.text(),
      AllOf(HasSubstr("# TYPE t_runs_total counter"), HasSubstr("t_runs_total{job=\"a\"} 3"),
            HasSubstr("t_free_bytes 7"), HasSubstr("t_seconds_bucket{step=\"load\",le=\"0.1\"} 0"),
            HasSubstr("t_seconds_bucket{step=\"load\",le=\"1\"} 1"),
            HasSubstr("t_seconds_bucket{step=\"load\",le=\"+Inf\"} 1")));
}

TEST(Metrics, ALabelMayHoldAnything) {
  Metrics metrics(specs());
  metrics.set("t_free_bytes", {{"volume", "a\"b\\c\nd"}}, 1);
  EXPECT_THAT(metrics.text(), HasSubstr(R"(t_free_bytes{volume="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, SeriesOfAGaugeGoTogetherAndComeBack) {
  Metrics metrics(specs());
  metrics.set("t_free_bytes", {{"volume", "a"}}, 1);
  metrics.set("t_free_bytes", {{"volume", "b"}}, 2);
  metrics.clear("t_free_bytes");
  metrics.set("t_free_bytes", {{"volume", "b"}}, 3);
  EXPECT_THAT(metrics.text(),
              AllOf(HasSubstr("t_free_bytes{volume=\"b\"} 3"), Not(HasSubstr("volume=\"a\""))));
}

TEST(Metrics, ACounterOfSomebodyElseNeverGoesBack) {
  Metrics metrics(specs());
  metrics.advance_to("t_runs_total", {}, 5);
  metrics.advance_to("t_runs_total", {}, 4);
  metrics.advance_to("t_runs_total", {}, 6);
  EXPECT_THAT(metrics.text(), HasSubstr("t_runs_total 6"));
}

}  // namespace
}  // namespace tidemark

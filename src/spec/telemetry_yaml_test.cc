// What `telemetry:` means, its defaults, and its faults.
#include "spec/telemetry_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class TelemetryYaml : public ::testing::Test {
 protected:
  TestProject& with(const std::string& telemetry) {
    return project_.write("tidemark.yaml",
                          "connections: {w: {duckdb: w.duckdb}}\ntelemetry:\n" + telemetry);
  }
  std::vector<std::string> faults_of_otlp(const std::string& otlp) {
    return with("  otlp: {" + otlp + "}\n").faults();
  }

  TestProject project_;
};

TEST_F(TelemetryYaml, NothingIsSentWhereNothingIsSaid) {
  project_.write("tidemark.yaml", "connections: {w: {duckdb: w.duckdb}}\n");
  EXPECT_FALSE(project_.load().project.telemetry);
}

TEST_F(TelemetryYaml, AnEndpointIsEnough) {
  const LoadedProject loaded = with("  otlp: {endpoint: \"http://localhost:4318\"}\n").load();
  EXPECT_EQ(loaded.faults.print(), "");
  ASSERT_TRUE(loaded.project.telemetry);
  const TelemetrySpec& spec = *loaded.project.telemetry;
  EXPECT_EQ(spec.otlp.endpoint, "http://localhost:4318");
  EXPECT_EQ(spec.otlp.timeout, std::chrono::seconds(10));
  EXPECT_THAT(spec.otlp.headers, testing::IsEmpty());
  EXPECT_EQ(spec.service_name, "tidemark");
  EXPECT_THAT(spec.attributes, testing::IsEmpty());
}

TEST_F(TelemetryYaml, AllIsTakenAsItIsWritten) {
  project_.set("OTLP_KEY", "s3cret");
  const LoadedProject loaded = with(
                                   "  service_name: sales\n"
                                   "  attributes: {deployment.environment: prod, team: a}\n"
                                   "  otlp:\n"
                                   "    endpoint: http://collector.example:4318/otlp\n"
                                   "    headers: {authorization: \"Bearer ${env:OTLP_KEY}\"}\n"
                                   "    timeout: 3s\n"
                                   "    networks: [10.1.0.0/16]\n")
                                   .load();
  EXPECT_EQ(loaded.faults.print(), "");
  const TelemetrySpec& spec = *loaded.project.telemetry;
  EXPECT_EQ(spec.service_name, "sales");
  EXPECT_THAT(spec.attributes,
              ElementsAre(Pair("deployment.environment", "prod"), Pair("team", "a")));
  EXPECT_EQ(spec.otlp.timeout, std::chrono::seconds(3));
  EXPECT_THAT(spec.otlp.networks, ElementsAre("10.1.0.0/16"));
  ASSERT_EQ(spec.otlp.headers.size(), 1u);
  EXPECT_EQ(spec.otlp.headers[0].first, "authorization");
  EXPECT_EQ(spec.otlp.headers[0].second.now()->reveal(), "Bearer s3cret");
}

TEST_F(TelemetryYaml, PlainHttpIsForThisMachineAndForNetworksThatAreNamed) {
  for (const char* here : {"http://localhost:4318", "http://127.0.0.1:4318", "http://[::1]:4318",
                           "https://otlp.example", "https://otlp.example/otlp"})
    EXPECT_THAT(faults_of_otlp("endpoint: \"" + std::string(here) + "\""), ElementsAre()) << here;
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://collector:4318\", networks: 10.0.0.0/8"),
              ElementsAre());
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://collector:4318\""),
              ElementsAre("tidemark.yaml:3:20: what goes to `http://collector:4318` is read by "
                          "everybody on the way"));
}

TEST_F(TelemetryYaml, FaultsSayWhereTheyAre) {
  EXPECT_THAT(faults_of_otlp("endpoint: localhost"),
              ElementsAre(HasSubstr("tidemark.yaml:3:20: a URL is not usable")));
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://localhost:4318/v1/traces\""),
              ElementsAre("tidemark.yaml:3:20: `/v1/traces` is added to the address of a "
                          "collector"));
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://localhost:4318/?a=b\""),
              ElementsAre("tidemark.yaml:3:20: the address of a collector has no query"));
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://localhost:4318\", timeout: 5m"),
              ElementsAre("tidemark.yaml:3:54: `timeout` must be from 1s to 1m"));
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://localhost:4318\", networks: [here]"),
              ElementsAre("tidemark.yaml:3:55: `here` is no network"));
  EXPECT_THAT(with("  service_name: a\n").faults(),
              ElementsAre("tidemark.yaml:3:3: the key `otlp` of `telemetry` is missing"));
}

TEST_F(TelemetryYaml, ASecretIsNotWrittenAndAHeaderHasAName) {
  project_.set("OTLP_KEY", "s3cret");
  EXPECT_THAT(faults_of_otlp("endpoint: \"http://localhost:4318\", headers: {key: s3cret}"),
              ElementsAre("tidemark.yaml:3:60: `key` is a secret and must not be written in the "
                          "file"));
  EXPECT_THAT(faults_of_otlp(
                  "endpoint: \"http://localhost:4318\", headers: {\"a b\": \"${env:OTLP_KEY}\"}"),
              ElementsAre("tidemark.yaml:3:55: `a b` cannot be the name of a header"));
  EXPECT_THAT(
      faults_of_otlp("endpoint: \"http://localhost:4318\", headers: {Host: \"${env:OTLP_KEY}\"}"),
      ElementsAre("tidemark.yaml:3:55: each request says `Host` itself"));
  EXPECT_THAT(with("  otlp: {endpoint: \"http://localhost:4318\"}\n"
                   "  attributes: {service.name: a}\n")
                  .faults(),
              ElementsAre("tidemark.yaml:4:16: the name of the service stands at `service_name`"));
}

}  // namespace
}  // namespace tidemark

// What `log:` of tidemark.yaml means, and every fault of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LoadedProject loaded(const std::string& log) {
  TestProject project;
  return project.write("tidemark.yaml", "connections: {w: {duckdb: w.duckdb}}\n" + log).load();
}

TEST(LogYaml, WithoutItEverythingFromInfoOnIsTold) {
  EXPECT_EQ(loaded("").project.log, LogSpec());
}

TEST(LogYaml, LevelsAreOfTheWholeAndOfComponents) {
  const LoadedProject read =
      loaded("log: {level: warn, levels: {schedule: debug, postgres: trace}, format: json}\n");
  EXPECT_EQ(read.faults.print(), "");
  EXPECT_EQ(read.project.log, (LogSpec{LogLevel::warn,
                                       {{LogComponent::schedule, LogLevel::debug},
                                        {LogComponent::postgres, LogLevel::trace}},
                                       LogFormat::json}));
}

// So that a service need not begin anew for it.
TEST(LogYaml, WhatElseIsSaidIsTheSameWhateverItSays) {
  const std::size_t before = loaded("workers: 2\n").project.settings;
  EXPECT_EQ(loaded("workers: 2\nlog: {level: trace}\n").project.settings, before);
  EXPECT_EQ(loaded("# a comment\n\nworkers:   2\n").project.settings, before);
  for (const char* other : {"", "workers: 3\n", "workers: 2\nhistory: 1d\n"})
    EXPECT_NE(loaded(other).project.settings, before) << other;
}

TEST(LogYaml, EachFaultHasItsPlaceAndTheRightWords) {
  const LoadedProject read = loaded(
      "log:\n"
      "  level: inof\n"
      "  levels:\n"
      "    shedule: debug\n"
      "    run: loud\n"
      "  format: xml\n");
  std::vector<std::string> faults;
  for (const SpecFault& fault : read.faults.list())
    faults.push_back(fault.print());
  EXPECT_THAT(
      faults,
      ElementsAre(
          HasSubstr("tidemark.yaml:3:10: `level` must be one of trace, debug, info, warn, error"),
          testing::AllOf(HasSubstr("tidemark.yaml:5:5: nothing in the log is of `shedule`; did you "
                                   "mean `schedule`?"),
                         HasSubstr("write one of access, alert, api, cli, run, schedule")),
          HasSubstr("tidemark.yaml:6:10: `run` must be one of trace, debug, info, warn, error"),
          HasSubstr("tidemark.yaml:7:11: `format` must be one of text, json")));
}

}  // namespace
}  // namespace tidemark

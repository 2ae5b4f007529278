#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What a job says of each half of its runs, and a project of the stage between them.
class HalvesTest : public ::testing::Test {
 protected:
  void project_is(const std::string& stage) {
    project_.write("tidemark.yaml",
                   "store: postgres://t@db/t\nstage: " + stage +
                       "\npools: {reads: 1, loads: 2}\nconnections:\n  shop: {postgres: "
                       "\"postgres://u@h/d\"}\n  landing: {files: data}\n  warehouse: {duckdb: "
                       "w.duckdb}\n");
  }
  void job_says(const std::string& rest) {
    project_.write("jobs/a.yaml", job_with(good_from, good_to, "every: 1h\n" + rest));
  }
  static std::string value_of(const std::optional<Name>& name) { return name ? name->value : "-"; }
  std::string pools() {
    const ScheduleSpec schedule = project_.job().schedule;
    return value_of(schedule.pool) + " " + value_of(schedule.load_pool);
  }
  TestProject project_;
};

TEST_F(HalvesTest, ANameIsForBothOrForEach) {
  project_is("{path: /mnt/stage, shared: true}");
  job_says("");
  EXPECT_EQ(pools(), "- -");
  job_says("pool: reads\n");
  EXPECT_EQ(pools(), "reads reads");
  job_says("pool: {extract: reads, load: loads}\n");
  EXPECT_EQ(pools(), "reads loads");
  job_says("pool: {load: loads}\nlabel: {extract: near-shop}\n");
  EXPECT_EQ(pools(), "- loads");
  EXPECT_EQ(value_of(project_.job().schedule.label), "near-shop");
  EXPECT_EQ(value_of(project_.job().schedule.load_label), "-");
}

TEST_F(HalvesTest, WithoutASharedStageThereIsOneNameForBoth) {
  project_is("{path: /mnt/stage}");
  job_says("pool: {extract: reads, load: reads}\n");
  EXPECT_EQ(pools(), "reads reads");
  job_says("label: {load: near}\n");
  EXPECT_THAT(project_.faults(),
              ElementsAre(HasSubstr("`label` names one for each half of a run, and servers of this "
                                    "project do not share a stage")));
}

TEST_F(HalvesTest, BothPoolsAreKnown) {
  project_is("{path: /mnt/stage, shared: true}");
  job_says("pool: {extract: reads, load: lods}\n");
  EXPECT_THAT(project_.faults(), ElementsAre(HasSubstr("unknown pool `lods`")));
  job_says("pool: nowhere\n");
  EXPECT_THAT(project_.faults(), ElementsAre(HasSubstr("unknown pool `nowhere`")));
  job_says("pool: {}\n");
  EXPECT_THAT(project_.faults(), ElementsAre(HasSubstr("`pool` names no half")));
}

TEST_F(HalvesTest, AStoreInAFileHasNobodyToShareWith) {
  project_.write("tidemark.yaml",
                 "stage: {path: s, shared: true}\nconnections: {w: {duckdb: w.duckdb}}\n");
  EXPECT_THAT(project_.faults(),
              ElementsAre(HasSubstr("`shared` is for servers that share a store")));
}

}  // namespace
}  // namespace tidemark

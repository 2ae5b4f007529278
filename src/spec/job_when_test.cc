// What a job watches: how it is read, and its faults, of one job and of several.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

std::string when(const std::string& watched, const std::string& rest = {}) {
  return job_with(good_from, good_to, "when: {" + watched + "}\n" + rest);
}

std::vector<std::string> faults_of(const std::string& job) {
  TestProject project;
  project.with_connections().write("jobs/orders.yaml", job);
  return project.faults();
}

std::string copy_into(const std::string& table, const std::string& rest = {}) {
  return job_with(good_from, "{connection: warehouse, table: " + table + "}", rest);
}

TEST(JobWhen, IsReadWithItsDefaults) {
  TestProject project;
  project.with_connections().write("jobs/orders.yaml", when("file: \"landing.in/*.csv\""));
  const WhenSpec files = *project.job().schedule.when;
  EXPECT_EQ(to_text(files), "file landing.in/*.csv");
  EXPECT_EQ(files.check, seconds(10));
  EXPECT_EQ(files.settle, seconds(5)) << "half-written files are waited for";
  project.write("jobs/orders.yaml",
                when("table: shop.public.orders, check: 1s, settle: 2s", "missed: skip\n"));
  const WhenSpec table = *project.job().schedule.when;
  EXPECT_EQ(to_text(table), "table shop.public.orders");
  EXPECT_EQ(table.check, seconds(1));
  EXPECT_EQ(table.settle, seconds(2));
  project.write("jobs/orders.yaml", when("table: shop.orders"));
  EXPECT_EQ(project.job().schedule.when->settle, seconds(0));
}

TEST(JobWhen, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(faults_of(when("check: 5s")),
              ElementsAre("jobs/orders.yaml:3:7: `when` does not say what it watches"));
  EXPECT_THAT(faults_of(when("file: landing.a, table: shop.b")),
              ElementsAre("jobs/orders.yaml:3:7: `when` watches one thing, and names 2"));
  EXPECT_THAT(
      faults_of(when("file: orders")),
      ElementsAre("jobs/orders.yaml:3:14: `orders` does not name a connection and what of it"));
  EXPECT_THAT(faults_of(when("file: landing.../in/*.csv")),
              ElementsAre("jobs/orders.yaml:3:14: `../in/*.csv` leaves the folder of its "
                          "connection"));
  EXPECT_THAT(faults_of(when("file: landng.a")),
              ElementsAre("jobs/orders.yaml:3:14: `when` names the unknown connection `landng`; "
                          "did you mean `landing`?"));
  EXPECT_THAT(faults_of(when("file: shop.orders")),
              ElementsAre("jobs/orders.yaml:3:14: connection `shop` (postgres) cannot say whether "
                          "a file of it has changed"));
  EXPECT_THAT(faults_of(when("table: warehouse.orders")),
              ElementsAre("jobs/orders.yaml:3:15: connection `warehouse` (duckdb) cannot say "
                          "whether a table of it has changed"));
  EXPECT_THAT(faults_of(when("table: shop.a, check: 500ms")),
              ElementsAre("jobs/orders.yaml:3:30: `check` is less than a second or more than a "
                          "day"));
  EXPECT_THAT(faults_of(when("file: landing.a, settle: 500ms")),
              ElementsAre("jobs/orders.yaml:3:33: `settle` of files is less than a second"));
}

TEST(JobWhen, StandsAlone) {
  EXPECT_THAT(faults_of(when("table: shop.a", "every: 1h\n")),
              ElementsAre("jobs/orders.yaml:3:15: the job has both `when` and `every`"));
  EXPECT_THAT(faults_of(when("table: shop.a", "cron: 0 2 1 * *\n")),
              ElementsAre("jobs/orders.yaml:3:15: the job has both `when` and `cron`"));
  EXPECT_THAT(faults_of(when("table: shop.a", "jitter: 5s\n")),
              ElementsAre("jobs/orders.yaml:3:15: `jitter` spreads times, and a job with `when` "
                          "has none"));
  EXPECT_THAT(
      faults_of(when("table: shop.a", "days_off: [2026-12-24]\non_day_off: next_workday\n")),
      ElementsAre("jobs/orders.yaml:5:13: `on_day_off` moves times, and a job with `when` "
                  "has none"));
  EXPECT_THAT(faults_of(when("table: shop.a", "starts: 2026-12-24\ndays_off: [2026-12-25]\n")),
              IsEmpty());
}

TEST(JobWhen, ADatasetIsWhatJobsLoad) {
  TestProject project;
  project.with_connections()
      .write("jobs/a.yaml", copy_into("mart.orders"))
      .write("jobs/many.yaml", job_with("{connection: shop, tables: [public.*]}",
                                        "{connection: warehouse, table: \"raw.{table}\"}"))
      .write("jobs/facts.yaml", copy_into("facts", "when: {dataset: warehouse.Mart.Orders}\n"))
      .write("jobs/raw.yaml", copy_into("one", "when: {dataset: warehouse.raw.items}\n"))
      .write("jobs/lost.yaml", copy_into("two", "when: {dataset: warehouse.nobody}\n"));
  const LoadedProject loaded = project.load();
  EXPECT_THAT(project.faults(),
              ElementsAre("jobs/lost.yaml:3:17: no job of this project loads `nobody` of "
                          "`warehouse`"));
  EXPECT_THAT(loaded.find_job("facts")->schedule.when->loaded_by, ElementsAre(JobName("a")));
  EXPECT_THAT(loaded.find_job("raw")->schedule.when->loaded_by, ElementsAre(JobName("many")));
}

TEST(JobWhen, JobsThatWatchEachOtherAreACircle) {
  TestProject project;
  project.with_connections()
      .write("jobs/a.yaml", copy_into("a", "when: {dataset: warehouse.b}\n"))
      .write("jobs/b.yaml", copy_into("b", "after: [c]\n"))
      .write("jobs/c.yaml", copy_into("c", "when: {dataset: warehouse.a}\n"))
      .write("jobs/d.yaml", copy_into("d", "when: {dataset: warehouse.d}\n"));
  EXPECT_THAT(
      project.faults(),
      ElementsAre("jobs/a.yaml:3:17: `when` runs in a circle: `b`, which loads it, waits for `a`",
                  "jobs/b.yaml:3:9: `after` runs in a circle: `c` waits for `b`",
                  "jobs/c.yaml:3:17: `when` runs in a circle: `a`, which loads it, waits for `c`",
                  "jobs/d.yaml:3:17: `when` runs in a circle: `d`, which loads it, is this job"));
}

}  // namespace
}  // namespace tidemark

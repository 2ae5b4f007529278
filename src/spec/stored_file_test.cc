// Jobs that stand in the store, read beside those of files.
#include "spec/stored_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string copy_job(const std::string& table, const std::string& rest = {}) {
  return job_with(good_from, "{connection: warehouse, table: " + table + "}", rest);
}

TEST(StoredFile, JobsOfTheStoreStandAmongThoseOfFiles) {
  TestProject project;
  project.with_connections()
      .write("jobs/b.yaml", copy_job("b", "after: a\n"))
      .store("a", copy_job("a"))
      .store("c", copy_job("c", "after: b\n"));
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_THAT(loaded.job_names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(loaded.find_job("a")->file, "store:a");
  EXPECT_EQ(loaded.find_job("a")->texts.at("store:a"), copy_job("a"));
  EXPECT_EQ(loaded.find_job("b")->file, "jobs/b.yaml");
}

TEST(StoredFile, AFileOfThatNameCounts) {
  TestProject project;
  project.with_connections().write("jobs/a.yaml", copy_job("of_file")).store("a", "no: job");
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  ASSERT_EQ(loaded.jobs.size(), 1U);
  EXPECT_EQ(loaded.jobs.front().to.table.value, "of_file");
}

TEST(StoredFile, FaultsSayTheJobAndItsPlace) {
  TestProject project;
  project.with_connections()
      .store("a", "from: {connection: nobody, table: t}\nto: {connection: warehouse, table: x}\n")
      .store("no job", copy_job("b"));
  EXPECT_THAT(project.faults(),
              ElementsAre(HasSubstr("store:a:1:20: "), HasSubstr("store:no job")));
}

TEST(StoredFile, ReadsTheSqlThatItWouldReadAsAFile) {
  TestProject project;
  project.with_connections()
      .write("jobs/steps.sql", "select * from rows")
      .store("a", copy_job("a", "transform: [{sql: steps.sql}]\n"));
  const LoadedProject loaded = project.load();
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_TRUE(loaded.jobs.front().texts.contains("jobs/steps.sql"));
}

TEST(StoredFile, IsReadAgainFromWhatWasKeptOfIt) {
  TestProject project;
  project.with_connections().store("a", copy_job("a"));
  const JobSpec job = project.job();
  const auto kept = read_kept_job(job.name, job.texts);
  ASSERT_TRUE(kept.ok()) << kept.error().describe();
  EXPECT_EQ(kept->content_hash, job.content_hash);
  EXPECT_EQ(kept->name, job.name);
}

TEST(StoredFile, OfAStoreThatCannotBeAskedNoneIsKnown) {
  TestProject project;
  project.with_connections().write("jobs/a.yaml", copy_job("a"));
  const LoadedProject loaded =
      load_project(project.root(), fake_catalog(), nullptr, {}, {},
                   [](const ProjectSpec&) -> Result<std::vector<StoredJobText>> {
                     return internal_error("store.busy", "the store does not answer");
                   });
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_THAT(loaded.job_names(), ElementsAre("a"));
  ASSERT_TRUE(loaded.store_unasked.has_value());
  EXPECT_EQ(loaded.store_unasked->code, "store.busy");
}

}  // namespace
}  // namespace tidemark

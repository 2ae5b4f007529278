#include "store/stored_jobs.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// In each system.
class StoredJobsTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    own_ = open_database();
    table_.emplace(*own_);
  }
  void TearDown() override {
    table_.reset();
    own_.reset();
    StoreFixture::TearDown();
  }
  std::optional<StoredJob> edit(const std::string& name, const std::optional<std::string>& text,
                                std::int64_t seen) {
    StoredJob job;
    job.name = name;
    job.text = text;
    job.set_by = "ann";
    return table_->edit(job, seen).value();
  }

  std::unique_ptr<SqlDatabase> own_;
  std::optional<StoredJobTable> table_;
};

TEST_P(StoredJobsTest, TheNewestVersionOfEachCounts) {
  EXPECT_EQ(table_->all()->edit, 0);
  EXPECT_TRUE(table_->all()->jobs.empty());
  EXPECT_EQ(edit("b", "b: 1", 0)->version, 1);
  EXPECT_EQ(edit("a", "a: 1", 1)->version, 1);
  EXPECT_EQ(edit("b", "b: 2", 2)->version, 2);
  const StoredJobs all = table_->all().value();
  EXPECT_EQ(all.edit, 3);
  ASSERT_EQ(all.jobs.size(), 2U);
  EXPECT_EQ(all.jobs[0].name, "a");
  EXPECT_EQ(all.jobs[1].text, "b: 2");
  EXPECT_EQ(all.jobs[1].set_by, "ann");
  EXPECT_EQ(table_->edits().value(), 3);
  EXPECT_EQ(table_->find("b", 1).value()->text, "b: 1");
  EXPECT_EQ(table_->newest("b").value()->text, "b: 2");
  EXPECT_FALSE(table_->find("b", 3).value().has_value());
  EXPECT_FALSE(table_->newest("c").value().has_value());
}

TEST_P(StoredJobsTest, WhatIsOutKeepsItsVersions) {
  edit("a", "a: 1", 0);
  EXPECT_EQ(edit("a", std::nullopt, 1)->version, 2);
  EXPECT_EQ(table_->newest("a").value()->text, std::nullopt);
  EXPECT_TRUE(table_->all()->jobs.empty());
  EXPECT_EQ(table_->all()->edit, 2);
  EXPECT_EQ(edit("a", "a: 3", 2)->version, 3);
  const auto versions = table_->versions("a").value();
  ASSERT_EQ(versions.size(), 3U);
  EXPECT_EQ(versions[0].text, "a: 3");
  EXPECT_EQ(versions[1].text, std::nullopt);
  EXPECT_EQ(versions[2].text, "a: 1");
}

TEST_P(StoredJobsTest, OfTwoWhoSawTheSameOneEdits) {
  edit("a", "a: 1", 0);
  EXPECT_TRUE(edit("b", "b: 1", 1));
  EXPECT_FALSE(edit("a", "a: 2", 1));
  EXPECT_EQ(table_->versions("a")->size(), 1U);
  EXPECT_EQ(table_->edits().value(), 2);
}

TEST_P(StoredJobsTest, ForgetsTheOldestVersions) {
  for (std::int64_t seen = 0; seen < StoredJobTable::versions_max + 3; ++seen)
    edit("a", "a: " + std::to_string(seen + 1), seen);
  const auto versions = table_->versions("a").value();
  ASSERT_EQ(versions.size(), static_cast<std::size_t>(StoredJobTable::versions_max));
  EXPECT_EQ(versions.front().version, StoredJobTable::versions_max + 3);
  EXPECT_EQ(versions.back().text, "a: 4");
}

TEST_P(StoredJobsTest, AStoreOfBeforeHasNone) {
  ASSERT_TRUE(
      own_->write([](SqlSession& session) { return session.execute("DROP TABLE etl_stored_jobs"); })
          .ok());
  EXPECT_TRUE(table_->all()->jobs.empty());
  EXPECT_EQ(table_->edits().value(), 0);
  EXPECT_TRUE(table_->versions("a")->empty());
  EXPECT_FALSE(table_->find("a", 1).value().has_value());
}

INSTANTIATE_TEST_SUITE_P(Stores, StoredJobsTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark

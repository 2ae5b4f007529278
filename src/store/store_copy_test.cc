#include "store/store_copy.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "env/failpoints.h"
#include "store/sqlite_database.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// From a file into each system.
class StoreCopyTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    store_.reset();
    const auto source = SqlStore::open_sqlite(dir_ / "source.db", clock_).value();
    JobRecord job;
    job.name = JobName("orders");
    job.spec_hash = "h1";
    job.spec_text = std::string("a\0b\xff", 4);
    ASSERT_TRUE(source->upsert_job(job).ok());
    ASSERT_TRUE(source->take_fire(new_fire(job.name, UtcMicros(100), "here"), OnOpen::queue).ok());
    ASSERT_TRUE(source->keep_proof({job.name, StreamName("orders")}, {"p", {}}).ok());
    for (int i = 0; i < runs; ++i) {
      RunStart start;
      start.run = RunId("r" + std::to_string(i));
      start.job = job.name;
      start.streams.push_back({StreamName("orders"), Seq(i), Fence(1), Window{}, "memory"});
      ASSERT_TRUE(source->begin_run(start).ok());
    }
    from_ = open_sqlite_database(dir_ / "source.db", clock_).value();
  }
  void TearDown() override {
    failpoints::disarm();
    from_.reset();
    StoreFixture::TearDown();
  }
  std::unique_ptr<SqlDatabase> target() { return open_database(); }

  static constexpr int runs = 250;
  std::unique_ptr<SqlDatabase> from_;
};

TEST_P(StoreCopyTest, EveryRowIsThereAndReadsTheSame) {
  const auto to = target();
  const auto copied = copy_store(*from_, *to);
  ASSERT_TRUE(copied.ok()) << copied.error().describe();
  for (const CopiedTable& table : *copied) {
    if (table.table == "etl_runs") {
      EXPECT_EQ(table.rows, runs);
    } else if (table.table == "run_events") {
      EXPECT_EQ(table.rows, 2 * runs);
    }
  }
  const auto store = open();
  const auto source = SqlStore::open_sqlite(dir_ / "source.db", clock_).value();
  EXPECT_EQ(store->spec_text("h1").value(), std::string("a\0b\xff", 4));
  EXPECT_EQ(store->open_fires().value(), source->open_fires().value());
  EXPECT_EQ(store->unfinished_runs()->size(), static_cast<std::size_t>(runs));
  const RunHistory old_run = source->get_run(RunId("r7")).value();
  const RunHistory new_run = store->get_run(RunId("r7")).value();
  EXPECT_EQ(new_run.run.started_at, old_run.run.started_at);
  EXPECT_EQ(new_run.run.streams[0].seq, Seq(7));
  EXPECT_EQ(new_run.events.size(), 2U);
}

TEST_P(StoreCopyTest, WhatHasRowsIsRefusedAndAFailedCopyLeavesNone) {
  const auto to = target();
  static_cast<void>(open());  // makes its tables
  failpoints::arm(Failpoint::store_commit, 1, [] { return std::optional<std::string>("eio"); });
  EXPECT_FALSE(copy_store(*from_, *to).ok());
  failpoints::disarm();
  EXPECT_TRUE(open()->list_jobs()->empty());
  ASSERT_TRUE(copy_store(*from_, *to).ok());
  const auto again = copy_store(*from_, *to);
  EXPECT_EQ(again.error().code, "store.not_empty");
  EXPECT_EQ(open()->unfinished_runs()->size(), static_cast<std::size_t>(runs));
}

// A table that a later version adds is copied too.
TEST(StoreTables, AreAllThatThereAre) {
  char name[] = "/tmp/tidemark-tables-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  SystemClock clock;
  const std::filesystem::path file = std::filesystem::path(name) / "store.db";
  ASSERT_TRUE(SqlStore::open_sqlite(file, clock).ok());
  {
    const auto database = open_sqlite_database(file, clock).value();
    const Status read = database->read([](SqlSession& session) -> Status {
      TM_TRY(auto rows, session.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                        "name <> 'tidemark_schema'"));
      std::size_t found = 0;
      while (true) {
        TM_TRY(const bool has_row, rows.step());
        if (!has_row) break;
        ++found;
        EXPECT_EQ(std::ranges::count(store_tables(), rows.text_at(0)), 1) << rows.text_at(0);
      }
      EXPECT_EQ(found, store_tables().size());
      return {};
    });
    EXPECT_TRUE(read.ok());
  }
  std::filesystem::remove_all(name);
}

INSTANTIATE_TEST_SUITE_P(Systems, StoreCopyTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark

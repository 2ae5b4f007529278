#include "store/sqlite_database.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

#include "env/failpoints.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr int writers = 8;

class SqliteDatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-group-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    database_ = open_sqlite_database(dir_ / "store.db", clock_).value();
    ASSERT_TRUE(database_
                    ->write([](SqlSession& session) {
                      return session.execute("CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT");
                    })
                    .ok());
  }
  void TearDown() override {
    failpoints::disarm();
    database_.reset();
    fs::remove_all(dir_);
  }

  static Status insert(SqlSession& session, int value) {
    TM_TRY(auto rows, session.prepare("INSERT INTO a (x) VALUES (?)"));
    return rows.bind_int64(0, value).run();
  }

  // One write goes on while `writers` others come, so that these wait together; what became of
  // each. The first inserts 100, the others their number; number 3 fails after that.
  std::vector<Status> write_together() {
    std::vector<Status> outcomes(writers);
    std::vector<std::thread> threads;
    std::atomic<int> begun{0};
    const Status first = database_->write([&](SqlSession& session) -> Status {
      for (int i = 0; i < writers; ++i) {
        threads.emplace_back([&, i] {
          ++begun;
          outcomes[static_cast<std::size_t>(i)] =
              database_->write([&](SqlSession& in_group) -> Status {
                TM_CHECK(insert(in_group, i));
                if (i == 3) return internal_error("test.refused", "number 3");
                return {};
              });
        });
      }
      while (begun < writers)
        std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      return insert(session, 100);
    });
    for (std::thread& thread : threads)
      thread.join();
    EXPECT_TRUE(first.ok());
    return outcomes;
  }

  std::vector<std::int64_t> stored() {
    std::vector<std::int64_t> values;
    const Status read = database_->read([&](SqlSession& session) -> Status {
      TM_TRY(auto rows, session.prepare("SELECT x FROM a ORDER BY x"));
      while (true) {
        TM_TRY(const bool more, rows.step());
        if (!more) return {};
        values.push_back(rows.int64_at(0));
      }
    });
    EXPECT_TRUE(read.ok());
    return values;
  }

  ManualClock clock_{UtcMicros(0)};
  fs::path dir_;
  std::unique_ptr<SqlDatabase> database_;
};

TEST_F(SqliteDatabaseTest, OneOfAGroupThatFailsTakesNothingFromTheOthers) {
  const std::vector<Status> outcomes = write_together();
  for (int i = 0; i < writers; ++i)
    EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].ok(), i != 3) << i;
  EXPECT_EQ(outcomes[3].error().code, "test.refused");
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{0, 1, 2, 4, 5, 6, 7, 100}));
}

TEST_F(SqliteDatabaseTest, ACommitThatFailsIsToldToAllOfItsGroup) {
  // The first write's own commit is the first reach; the group's is the second.
  failpoints::arm(Failpoint::store_commit, 2, [] { return std::optional<std::string>("enospc"); });
  const std::vector<Status> outcomes = write_together();
  int lost = 0;
  std::vector<std::int64_t> expected;
  for (int i = 0; i < writers; ++i) {
    const Status& outcome = outcomes[static_cast<std::size_t>(i)];
    if (i != 3 && !outcome.ok()) ++lost;
    if (outcome.ok()) expected.push_back(i);
  }
  EXPECT_GT(lost, 1) << "they shared one commit";
  EXPECT_EQ(outcomes[3].error().code, "test.refused");
  expected.push_back(100);
  EXPECT_EQ(stored(), expected);
}

TEST_F(SqliteDatabaseTest, WhatAReadWritesIsNotKept) {
  EXPECT_TRUE(database_->read([](SqlSession& session) { return insert(session, 1); }).ok());
  EXPECT_TRUE(stored().empty());
}

}  // namespace
}  // namespace tidemark

#include "store/postgres_database.h"

#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "env/failpoints.h"
#include "store/migrations.h"
#include "store/sql_store.h"

namespace tidemark {
namespace {

using testing::PostgresServer;
using testing::PostgresServerOptions;

class PostgresDatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    name_ = server().new_database();
    options_.conninfo = server().conninfo(name_);
  }
  void TearDown() override { failpoints::disarm(); }
  static PostgresServer& server() { return PostgresServer::shared(); }
  std::string psql(const std::string& sql) {
    std::string answer = server().psql(name_, sql);
    while (!answer.empty() && answer.back() == '\n')
      answer.pop_back();
    return answer;
  }
  std::unique_ptr<SqlDatabase> open_with_table() {
    auto database = open_postgres_database(options_, clock_);
    EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.error().describe());
    const Status made = (*database)->migrate([](SqlSession& session) {
      return session.execute("CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT");
    });
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().describe());
    return std::move(*database);
  }
  static Status insert(SqlSession& session, std::int64_t value) {
    TM_TRY(auto rows, session.prepare("INSERT INTO a (x) VALUES (?)"));
    return rows.bind_int64(0, value).run();
  }
  static JobRecord job(const std::string& name) {
    JobRecord job;
    job.name = JobName(name);
    return job;
  }

  SystemClock clock_;
  std::string name_;
  PostgresStoreOptions options_;
};

TEST_F(PostgresDatabaseTest, ALostAnswerToACommitIsAskedAfter) {
  const auto database = open_with_table();
  int runs = 0;
  const auto write = [&](std::int64_t value) {
    return database->write([&, value](SqlSession& session) {
      ++runs;
      return insert(session, value);
    });
  };
  // The server has done it, and its answer is lost.
  failpoints::arm(Failpoint::postgres_committed, 1,
                  [] { return std::optional<std::string>("reset"); });
  ASSERT_TRUE(write(1).ok());
  EXPECT_EQ(runs, 1) << "it was found to be done";
  // The session ends before the server has done it.
  failpoints::arm(Failpoint::postgres_commit, 1,
                  [] { return std::optional<std::string>("shutdown"); });
  ASSERT_TRUE(write(2).ok());
  EXPECT_EQ(runs, 3) << "it was found not to be done, and made again";
  failpoints::arm(Failpoint::postgres_commit, 1,
                  [] { return std::optional<std::string>("reset"); });
  ASSERT_TRUE(write(3).ok());
  EXPECT_EQ(psql("select string_agg(x::text, ' ' order by x) from tidemark.a"), "1 2 3");
}

TEST_F(PostgresDatabaseTest, ACommitOfWhichNothingCanBeLearntIsSaidToBeSo) {
  const auto database = open_with_table();
  failpoints::arm(Failpoint::postgres_committed, 1, [this] {
    psql("delete from tidemark.tidemark_writes");
    return std::optional<std::string>("reset");
  });
  const Status lost = database->write([](SqlSession& session) { return insert(session, 1); });
  EXPECT_EQ(lost.error().code, "store.commit_unknown");
}

TEST_F(PostgresDatabaseTest, WhatIsInEachOthersWayIsRunAgain) {
  const auto database = open_with_table();
  // Of one process two writes go on at a time.
  const auto another = open_postgres_database(options_, clock_);
  ASSERT_TRUE(another.ok());
  ASSERT_TRUE(database->write([](SqlSession& session) { return insert(session, 0); }).ok());
  constexpr int writers = 4;
  std::atomic<int> runs{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    SqlDatabase& through = i % 2 == 0 ? *database : **another;
    threads.emplace_back([&] {
      // Each adds one to the largest, which all of them read before any goes on.
      const Status added = through.write([&](SqlSession& session) -> Status {
        TM_TRY(auto rows, session.prepare("SELECT max(x) FROM a"));
        TM_TRY(const bool has_row, rows.step());
        const std::int64_t largest = has_row ? rows.int64_at(0) : -1;
        ++runs;
        while (runs < writers)
          std::this_thread::yield();
        return insert(session, largest + 1);
      });
      if (!added.ok()) ++failed;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(psql("select max(x), count(*) from tidemark.a"), "4|5");
  EXPECT_GE(runs, 2 * writers - 1) << "all but one were in another's way";
}

// Writes that come while two others go on, so that they wait together; what became of each.
class PostgresGroupTest : public PostgresDatabaseTest {
 protected:
  static constexpr int writers = 8;
  using Body = std::function<Status(SqlSession&, int)>;

  std::vector<Status> write_together(SqlDatabase& database, const Body& body) {
    std::vector<Status> outcomes(writers);
    std::atomic<int> first{0};
    std::atomic<int> begun{0};
    std::atomic<bool> goes_on{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        const Status before = database.write([&, i](SqlSession& session) {
          ++first;
          while (!goes_on)
            std::this_thread::yield();
          return insert(session, 100 + i);
        });
        EXPECT_TRUE(before.ok());
      });
    }
    while (first < 2)
      std::this_thread::yield();
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        ++begun;
        outcomes[static_cast<std::size_t>(i)] =
            database.write([&, i](SqlSession& session) { return body(session, i); });
      });
    }
    while (begun < writers)
      std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    goes_on = true;
    for (std::thread& thread : threads)
      thread.join();
    return outcomes;
  }
  // Of all sessions.
  std::int64_t commits() {
    return std::stoll(psql("select sum(number) from tidemark.tidemark_writes"));
  }
  std::string stored() {
    return psql("select string_agg(x::text, ' ' order by x) from tidemark.a");
  }
};

TEST_F(PostgresGroupTest, ThoseThatWaitTogetherShareACommitAndOneThatFailsTakesNothing) {
  const auto database = open_with_table();
  const std::int64_t before = commits();
  const auto outcomes = write_together(*database, [](SqlSession& session, int i) -> Status {
    TM_CHECK(insert(session, i));
    if (i == 3) return internal_error("test.refused", "number 3");
    // What the server refuses aborts a transaction, unless there is a savepoint.
    if (i == 5) return session.execute("SELECT 1/0");
    return {};
  });
  for (int i = 0; i < writers; ++i)
    EXPECT_EQ(outcomes[static_cast<std::size_t>(i)].ok(), i != 3 && i != 5) << i;
  EXPECT_EQ(outcomes[3].error().code, "test.refused");
  EXPECT_EQ(outcomes[5].error().code, "store.data_exception");
  EXPECT_EQ(stored(), "0 1 2 4 6 7 100 101");
  EXPECT_LE(commits() - before, 4) << "two of those before, and at most two groups";
}

TEST_F(PostgresGroupTest, OneThatIsInAnothersWayRunsItsWholeGroupAgain) {
  const auto database = open_with_table();
  std::array<std::atomic<int>, writers> runs{};
  const auto outcomes = write_together(*database, [&](SqlSession& session, int i) -> Status {
    TM_CHECK(insert(session, i));
    if (++runs[static_cast<std::size_t>(i)] == 1 && i == writers - 1) {
      return session.execute(
          "do $$ begin raise exception 'a conflict' using errcode = '40001'; end $$");
    }
    return {};
  });
  int again = 0;
  for (int i = 0; i < writers; ++i) {
    EXPECT_TRUE(outcomes[static_cast<std::size_t>(i)].ok());
    if (runs[static_cast<std::size_t>(i)] == 2) ++again;
  }
  EXPECT_GT(again, 1) << "with those before it in its group";
  EXPECT_EQ(stored(), "0 1 2 3 4 5 6 7 100 101");
}

TEST_F(PostgresGroupTest, ALostAnswerIsAskedAfterOnceForAll) {
  const auto database = open_with_table();
  std::atomic<int> runs{0};
  // The first two commit before the group does.
  failpoints::arm(Failpoint::postgres_committed, 3,
                  [] { return std::optional<std::string>("reset"); });
  const auto outcomes = write_together(*database, [&](SqlSession& session, int i) {
    ++runs;
    return insert(session, i);
  });
  for (const Status& outcome : outcomes)
    EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(runs, writers) << "found to be done";
  EXPECT_EQ(stored(), "0 1 2 3 4 5 6 7 100 101");
}

TEST_F(PostgresGroupTest, OneWhosePatienceEndsBeforeItsTurnDoesNotWait) {
  const auto database = open_with_table();
  std::atomic<int> first{0};
  std::atomic<bool> goes_on{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(database
                      ->write([&, i](SqlSession& session) {
                        ++first;
                        while (!goes_on)
                          std::this_thread::yield();
                        return insert(session, 200 + i);
                      })
                      .ok());
    });
  }
  while (first < 2)
    std::this_thread::yield();
  const Status late = database->write([](SqlSession& session) { return insert(session, 300); },
                                      std::chrono::milliseconds(200));
  EXPECT_EQ(late.error().code, "store.busy");
  goes_on = true;
  for (std::thread& thread : threads)
    thread.join();
}

TEST_F(PostgresDatabaseTest, AnErrorOfTheWorkIsNotRunAgainAndKeepsNothing) {
  const auto database = open_with_table();
  int runs = 0;
  const Status refused = database->write([&](SqlSession& session) -> Status {
    ++runs;
    TM_CHECK(insert(session, 1));
    return internal_error("run.leased", "somebody has it", Retry::backoff);
  });
  EXPECT_EQ(refused.error().code, "run.leased");
  EXPECT_EQ(runs, 1);
  const Status broken = database->write(
      [](SqlSession& session) { return session.execute("INSERT INTO nowhere VALUES (1)"); });
  EXPECT_EQ(broken.error().code, "store.table_missing");
  EXPECT_EQ(psql("select count(*) from tidemark.a"), "0");
}

TEST_F(PostgresDatabaseTest, TwoServersThatStartTogetherMakeTheTablesOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      auto store = SqlStore::open_postgres(options_, clock_);
      if (!store.ok() || !(*store)->upsert_job(job("j" + std::to_string(i))).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(psql("select count(*) from tidemark.etl_jobs"), "6");
}

TEST_F(PostgresDatabaseTest, TimesAreTheServersHoweverWrongTheMachinesClockIs) {
  const std::int64_t ahead = 3'600'000'000;
  ManualClock wrong{UtcMicros(clock_.now_utc().get() + ahead)};
  const auto store = SqlStore::open_postgres(options_, wrong).value();
  const auto right = SqlStore::open_postgres(options_, clock_).value();
  ASSERT_TRUE(store->upsert_job(job("orders")).ok());
  const LeaseClaim claim{JobName("orders"), RunId("r1"), "elsewhere/boot/1/1",
                         std::chrono::seconds(30), Fence(0)};
  ASSERT_TRUE(right->claim(claim).ok());
  EXPECT_EQ(store->claim(claim).error().code, "run.leased") << "an hour ahead is not an hour later";
  RunStart begun;
  begun.run = RunId("r1");
  begun.job = JobName("orders");
  begun.started_at = UtcMicros(wrong.now_utc().get() - 2'000'000);
  const UtcMicros before(clock_.now_utc().get() - 2'000'000);
  ASSERT_TRUE(store->begin_run(begun).ok());
  const UtcMicros started = store->last_run(JobName("orders"))->value().started_at;
  EXPECT_GE(started, before);
  EXPECT_LE(started, clock_.now_utc());
}

TEST_F(PostgresDatabaseTest, WhatIsWrongIsSaidAtOnceAndWhatToDo) {
  const auto fault = [&](const std::string& conninfo, const std::string& password = {}) {
    PostgresStoreOptions options = options_;
    options.conninfo = conninfo;
    options.password = Secret(password);
    auto opened = SqlStore::open_postgres(options, clock_);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Error{} : opened.error();
  };
  const Error no_password = fault(server().tcp_conninfo(name_));
  EXPECT_EQ(no_password.fault, Fault::user);
  EXPECT_NE(no_password.hint.find("password: "), std::string::npos) << no_password.hint;
  const Error wrong_password = fault(server().tcp_conninfo(name_), "wrong");
  EXPECT_EQ(wrong_password.code, "store.wrong_password");
  EXPECT_NE(wrong_password.hint.find("password: "), std::string::npos) << wrong_password.hint;
  const Error no_database = fault(server().conninfo("nowhere"));
  EXPECT_EQ(no_database.code, "store.database_missing");
  EXPECT_NE(no_database.hint.find("createdb"), std::string::npos) << no_database.hint;
  const Error no_server = fault("host=127.0.0.1 port=1 dbname=x user=x");
  EXPECT_EQ(no_server.code, "store.cannot_connect");
  EXPECT_NE(no_server.hint.find("port"), std::string::npos) << no_server.hint;
  psql("create role small login");
  const Error not_permitted = fault(server().conninfo(name_, "small"));
  EXPECT_EQ(not_permitted.code, "store.not_permitted");
  EXPECT_EQ(not_permitted.fault, Fault::user);
  EXPECT_NE(not_permitted.hint.find("CREATE SCHEMA"), std::string::npos) << not_permitted.hint;
}

// As a later Tidemark does it while this one serves.
TEST_F(PostgresDatabaseTest, WhoMayNotGoOnOverALaterVersionWritesNoMore) {
  const auto store = SqlStore::open_postgres(options_, clock_).value();
  ASSERT_TRUE(store->upsert_job(job("orders")).ok());
  const auto later = open_postgres_database(options_, clock_).value();
  std::vector<Migration> steps(store_migrations().begin(), store_migrations().end());
  const int known = steps.back().version;
  steps.push_back({known + 1, "ALTER TABLE etl_jobs ADD COLUMN one TEXT", known});
  ASSERT_TRUE(migrate(*later, steps).ok());
  EXPECT_TRUE(store->upsert_job(job("added")).ok());
  steps.push_back({known + 2, "ALTER TABLE etl_jobs ADD COLUMN other TEXT"});
  ASSERT_TRUE(migrate(*later, steps).ok());
  const Status written = store->upsert_job(job("behind"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "store.newer");
  EXPECT_EQ(written.error().retry, Retry::never);
  EXPECT_EQ(psql("select string_agg(name, ' ' order by name) from tidemark.etl_jobs"),
            "added orders");
}

// A write that began before the step, and would end behind it.
TEST_F(PostgresDatabaseTest, AWriteUnderWayIsTurnedAwayByAStepToo) {
  const auto store = SqlStore::open_postgres(options_, clock_).value();
  const auto database = open_postgres_database(options_, clock_).value();
  const auto later = open_postgres_database(options_, clock_).value();
  std::vector<Migration> steps(store_migrations().begin(), store_migrations().end());
  steps.push_back({steps.back().version + 1, "CREATE TABLE etl_later (x INTEGER) STRICT"});
  int tries = 0;
  const Status written = database->write([&](SqlSession& session) -> Status {
    TM_CHECK(session.execute("INSERT INTO etl_job_texts VALUES ('a', 'b')"));
    if (tries++ == 0) return migrate(*later, steps);
    return {};
  });
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "store.newer");
  EXPECT_EQ(psql("select count(*) from tidemark.etl_job_texts"), "0");
}

TEST(PostgresServerGone, WritesGoOnAfterItsRestartAndNothingIsThereTwice) {
  // What the fixture leaves out would lose what was said to be done.
  auto server = PostgresServer::start({.settings = {"synchronous_commit=on"}});
  SystemClock clock;
  PostgresStoreOptions options;
  options.conninfo = server->conninfo();
  const auto database = open_postgres_database(options, clock).value();
  ASSERT_TRUE(database
                  ->migrate([](SqlSession& session) {
                    return session.execute(
                        "CREATE TABLE a (x INTEGER, y INTEGER, PRIMARY KEY (x, y)) STRICT");
                  })
                  .ok());
  constexpr int writers = 4;
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::vector<std::int64_t> written(writers);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] {
      // Each numbers its rows by itself: one that was stored twice would break the key, and one
      // that was not stored would leave a gap.
      while (!stop && failed == 0) {
        const std::int64_t next = written[i] + 1;
        const Status done = database->write([&](SqlSession& session) -> Status {
          TM_TRY(auto rows, session.prepare("INSERT INTO a (x, y) VALUES (?, ?)"));
          return rows.bind_int64(0, static_cast<std::int64_t>(i)).bind_int64(1, next).run();
        });
        if (done.ok()) written[i] = next;
        if (!done.ok()) {
          ++failed;
          ADD_FAILURE() << done.error().code << ": " << done.error().describe();
        }
      }
    });
  }
  for (int turn = 0; turn < 3; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    server->restart_now();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(failed, 0);
  std::int64_t all = 0;
  for (const std::int64_t count : written) {
    EXPECT_GT(count, 0);
    all += count;
  }
  EXPECT_EQ(server->psql("postgres", "select count(*) from tidemark.a"),
            std::to_string(all) + "\n");
}

TEST(PostgresServerGone, IsWaitedForAsLongAsIsSaid) {
  auto server = PostgresServer::start();
  SystemClock clock;
  PostgresStoreOptions options;
  options.conninfo = server->conninfo();
  options.patience = std::chrono::milliseconds(1500);
  const auto store = SqlStore::open_postgres(options, clock).value();
  server->kill_now();
  const auto before = clock.monotonic();
  const auto jobs = store->list_jobs();
  const auto waited = clock.monotonic() - before;
  ASSERT_FALSE(jobs.ok());
  EXPECT_EQ(jobs.error().code, "store.gone");
  EXPECT_NE(jobs.error().message.find(options.conninfo), std::string::npos) << jobs.error().message;
  EXPECT_GE(waited, options.patience);
  EXPECT_LT(waited, std::chrono::seconds(10));
  // A lease is renewed, or not, well within its time.
  const auto renewed_at = clock.monotonic();
  EXPECT_EQ(store->renew(JobName("orders"), Fence(1), std::chrono::milliseconds(600)).error().code,
            "store.gone");
  EXPECT_LT(clock.monotonic() - renewed_at, std::chrono::milliseconds(1200));
}

}  // namespace
}  // namespace tidemark

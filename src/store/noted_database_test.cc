#include "store/noted_database.h"

#include <gtest/gtest.h>

#include "store/overview.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

TEST(WrittenKinds, FollowFromTheTablesOfAStatement) {
  const StoreKinds all = StoreKinds().set();
  EXPECT_EQ(kinds_written_by("SELECT * FROM etl_jobs"), StoreKinds());
  EXPECT_EQ(kinds_written_by("SELECT 1 FROM etl_fires f FOR UPDATE OF f SKIP LOCKED"),
            StoreKinds());
  EXPECT_EQ(kinds_written_by("INSERT INTO etl_jobs (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET"
                             " a = excluded.a"),
            store_kinds({StoreKind::jobs}));
  EXPECT_EQ(kinds_written_by("UPDATE etl_fires SET owner = ''"), store_kinds({StoreKind::fires}));
  EXPECT_EQ(kinds_written_by("DELETE FROM run_events WHERE run_id = ?"),
            store_kinds({StoreKind::runs}));
  EXPECT_EQ(kinds_written_by("UPDATE etl_leases SET token = 1"), store_kinds({StoreKind::rest}));
  EXPECT_EQ(kinds_written_by("WITH a AS (DELETE FROM etl_runs RETURNING 1) INSERT INTO etl_jobs"),
            store_kinds({StoreKind::runs, StoreKind::jobs}));
  EXPECT_EQ(kinds_written_by("INSERT OR IGNORE INTO etl_runs"), all);
  EXPECT_EQ(kinds_written_by("UPDATE \"etl_runs\""), all);
}

// Counts the generations that were renewed; keeps nothing.
class CountingServer final : public CacheServer {
 public:
  struct Counts {
    std::mutex mutex;
    std::map<std::string, int> renewed;  // by the name behind the last colon
  };
  explicit CountingServer(Counts& counts) : counts_(counts) {}
  std::string name() const override { return "counts"; }
  Result<std::vector<std::optional<std::string>>> get(
      const std::vector<std::string>& keys) override {
    return std::vector<std::optional<std::string>>(keys.size());
  }
  Result<Begun> begin(const std::vector<std::string>& generations, const std::string&,
                      const std::string&, std::chrono::milliseconds) override {
    return Begun{1, std::vector<std::optional<std::string>>(generations.size()), true};
  }
  Status keep(const std::string&, const std::string&, CacheTime, const std::string&) override {
    return {};
  }
  Result<CacheTime> renew(const std::vector<std::string>& generations,
                          const std::string&) override {
    const std::lock_guard lock(counts_.mutex);
    for (const std::string& key : generations)
      ++counts_.renewed[key.substr(key.rfind(':') + 1)];
    return 1;
  }

 private:
  Counts& counts_;
};

class NotedDatabaseTest : public StoreFixture {
 protected:
  // What a piece of work with the store is told of.
  template <class Work>
  std::set<std::string> told(Work work) {
    CountingServer::Counts counts;
    {
      ReadCache cache(std::make_unique<CountingServer>(counts), "a", system_clock_, randomness_);
      auto database = open_database();
      auto store = SqlStore::open(note_writes(std::move(database), cache)).value();
      work(*store);
    }
    std::set<std::string> kinds;
    for (const auto& [kind, times] : counts.renewed)
      kinds.insert(kind);
    return kinds;
  }
  using Kinds = std::set<std::string>;
  SystemRandomness randomness_;
};

TEST_P(NotedDatabaseTest, EachWriteOfTheStoreIsToldByItsKind) {
  JobRecord job;
  job.name = JobName("orders");
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.upsert_job(job).ok()); }), Kinds{"jobs"});
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.set_last_watermark(job.name, "5").ok()); }),
            Kinds{"jobs"});
  const FireRecord fire = new_fire(Task(job.name), UtcMicros(1), "me");
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.take_fire(fire, OnOpen::queue)->taken); }),
            Kinds{"fires"});
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.release_fire(fire).ok()); }),
            Kinds{"fires"});
  EXPECT_EQ(told([&](Store& store) {
              EXPECT_TRUE(store.note_change({job.name, "file", "1", {}}, std::nullopt).value());
            }),
            Kinds{"fires"});
  RunStart start;
  start.run = RunId("r1");
  start.job = job.name;
  start.streams.push_back({StreamName("main"), Seq(1), Fence(1), Window{}, ""});
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.begin_run(start).ok()); }), Kinds{"runs"});
  Transition step;
  step.run = start.run;
  step.stream = StreamName("main");
  step.expected = StreamMark{RunState::planned, 1, Fence(1)};
  step.to = RunState::extracting;
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.transition(step).ok()); }), Kinds{"runs"});
  RunFinish finish{start.run, RunState::failed, std::nullopt, std::nullopt, {}, ""};
  step.expected = StreamMark{RunState::extracting, 2, Fence(1)};
  step.to = RunState::failed;
  finish.last_steps.push_back(step);
  const Kinds ended = told([&](Store& store) { EXPECT_TRUE(store.finish_run(finish).ok()); });
  EXPECT_TRUE(ended.contains("runs"));
  EXPECT_FALSE(ended.contains("jobs"));
  const LeaseClaim claim{job.name, RunId("r2"), "here", std::chrono::seconds(30), Fence(0)};
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.claim(claim).ok()); }), Kinds{"rest"});
  ServerRecord server;
  server.owner = "me";
  server.role = "all";
  EXPECT_EQ(told([&](Store& store) { EXPECT_TRUE(store.server_lives(server, std::nullopt).ok()); }),
            Kinds{"rest"});
}

TEST_P(NotedDatabaseTest, WhatChangesNothingIsNotTold) {
  add_jobs({"orders"});
  EXPECT_EQ(told([&](Store& store) {
              EXPECT_TRUE(store.upsert_job(store.find_job(JobName("orders"))->value()).ok());
              EXPECT_TRUE(store.list_jobs().ok());
              EXPECT_TRUE(store.list_runs({}).ok());
              FireClaim claim;
              claim.owner = "me";
              claim.places = 5;
              EXPECT_EQ(store.claim_fires(claim).value().size(), 0U);
              EXPECT_EQ(store.forget_fires(UtcMicros(1), 10).value(), 0);
            }),
            Kinds{});
}

INSTANTIATE_TEST_SUITE_P(Systems, NotedDatabaseTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark

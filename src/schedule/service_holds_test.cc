// Whom a service holds back and until when, and what it makes good: connections that only steps and
// rules read, sources that are left alone, runs of jobs that are gone, jobs that were not taken up.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>

#include "schedule/service_fixture_test.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Of this machine, and ahead of its time of day.
class AheadClock final : public Clock {
 public:
  UtcMicros now_utc() const override { return UtcMicros(clock_.now_utc().get() + ahead_us); }
  std::chrono::nanoseconds monotonic() const override { return clock_.monotonic(); }
  void sleep(milliseconds duration) const override { clock_.sleep(duration); }
  std::atomic<std::int64_t> ahead_us = 0;

 private:
  SystemClock clock_;
};

class ServiceHoldsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-holds-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    auto database = open_sqlite_database(dir_ / "store.db", clock_);
    ASSERT_TRUE(database.ok());
    store_ = SqlStore::open(std::make_unique<AwayDatabase>(std::move(*database), away_)).value();
    options_.owner = "here";
    options_.drain = milliseconds(0);
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }

  std::shared_ptr<JobSpec> job(const std::string& name, const std::string& from = "shop") {
    auto made = std::make_shared<JobSpec>();
    made->name = JobName(name);
    made->content_hash = name;
    made->schedule.every = milliseconds(1000);
    made->schedule.retries.attempts = 1;
    made->from.connection.value = from;
    made->to.connection.value = "warehouse";
    JobRecord record;
    record.name = made->name;
    EXPECT_TRUE(store_->upsert_job(record).ok());
    return made;
  }
  ServiceParts parts() {
    return {*store_,
            clock_,
            randomness_,
            [this](const JobSpec& one, const RunId&, Cancel&) -> Result<RunRecord> {
              ++runs_[one.name.get()];
              RunRecord record;
              record.ended_at = UtcMicros(1);
              record.state = RunState::done;
              if (fails_.contains(one.name.get())) {
                record.state = RunState::failed;
                record.error =
                    StoredError{"source.lost", "source", "no answer", "", Retry::reconnect};
              }
              return record;
            },
            [](const JobSpec&, Cancel&) { return Status(); },
            [](const ServiceNote&) {}};
  }

  AheadClock clock_;
  SeededRandomness randomness_{7};
  std::atomic<bool> away_ = false;
  fs::path dir_;
  std::unique_ptr<SqlStore> store_;
  ServiceOptions options_;
  std::set<std::string> fails_;
  std::map<std::string, std::atomic<int>> runs_;
};

TEST_F(ServiceHoldsTest, AConnectionThatOnlyStepsReadHoldsItsJobsAndNoOthers) {
  options_.breaker = {.failures_max = 2, .pause = std::chrono::minutes(5)};
  runs_["looks_up"] = runs_["reads"] = runs_["beside"] = 0;
  fails_ = {"looks_up", "reads"};
  ServiceParts with = parts();
  with.reads = [](const JobSpec& one) {
    return one.name.get() == "looks_up" ? std::set<std::string>{"crm"} : std::set<std::string>{};
  };
  with.answers = [](const std::string& name, Cancel&) { return name != "crm"; };
  Service service(with, options_);
  ASSERT_TRUE(service.set_jobs({job("looks_up"), job("beside"), job("reads", "crm")}).ok());
  std::vector<RestingConnection> resting;
  int beside = 0;
  serve_for(service, milliseconds(6000), [&](Service& one) {
    std::this_thread::sleep_for(milliseconds(3500));
    resting = one.now().resting;
    beside = runs_["beside"];
  });
  ASSERT_EQ(resting.size(), 1U);
  EXPECT_EQ(resting[0].connection, "crm");
  EXPECT_LE(runs_["looks_up"] + runs_["reads"], 3);
  EXPECT_GT(runs_["beside"], beside) << "its source has answered";
  for (const char* name : {"looks_up", "reads"}) {
    const auto held = store_->list_fires(JobName(name), 1);
    ASSERT_TRUE(held.ok());
    ASSERT_EQ(held->size(), 1U);
    EXPECT_NE(held->front().reason.find("connection `crm` is given a rest"), std::string::npos)
        << held->front().reason;
  }
}

TEST_F(ServiceHoldsTest, APartOfABackfillWaitsUntilItsSourceMayBeRead) {
  const auto past = job("a");
  past->schedule.every.reset();
  BackfillRecord record;
  record.id = BackfillId("b");
  record.job = past->name;
  record.detached = true;
  record.created_at = clock_.now_utc();
  BackfillPart part;
  part.number = 1;
  ASSERT_TRUE(store_->add_backfill(record, {part}).ok());
  const UtcMicros until(clock_.now_utc().get() + 3'000'000);
  std::vector<UtcMicros> tries;
  ServiceParts with = parts();
  with.put_off = [&](const JobSpec&, UtcMicros at) -> std::optional<PutOff> {
    if (at >= until) return std::nullopt;
    return PutOff{until, "left alone"};
  };
  with.backfill = [&](const JobSpec&, const BackfillRecord& backfill,
                      Cancel&) -> Result<std::optional<PartEnd>> {
    TM_TRY(const auto all, store_->backfill_parts(backfill.id));
    auto next = next_part(all, backfill.order);
    if (!next) return std::optional<PartEnd>();
    tries.push_back(clock_.now_utc());
    RunRecord run;
    run.ended_at = UtcMicros(1);
    run.state = RunState::done;
    next->state = PartState::done;
    if (tries.back() < until) {
      run.state = RunState::blocked;
      run.error = StoredError{"blocked.quiet_hours", "source", "left alone", "", Retry::backoff};
      next->state = PartState::failed;
    }
    TM_CHECK(store_->update_part(backfill, *next));
    return std::optional(PartEnd{*next, std::move(run)});
  };
  Service service(with, options_);
  ASSERT_TRUE(service.set_jobs({past}).ok());
  serve_for(service, milliseconds(7000));
  ASSERT_EQ(tries.size(), 2U);
  EXPECT_LT(tries[0], until);
  EXPECT_GE(tries[1], until);
  EXPECT_EQ(store_->find_backfill(record.id)->state, BackfillState::done);
}

// A run of the job that came through these states, and its fire of two hours ago, which is to be
// loaded and is nobody's.
FireRecord left_to_load(Store& store, const JobName& job, const Clock& clock,
                        const std::vector<RunState>& states) {
  RunStart start;
  start.run = RunId("r1");
  start.job = job;
  start.streams.push_back({StreamName("main"), Seq(1), Fence(1), Window{}, ""});
  EXPECT_TRUE(store.begin_run(start).ok());
  StreamMark mark{RunState::planned, 1, Fence(1)};
  for (const RunState to : states) {
    Transition step;
    step.run = start.run;
    step.stream = StreamName("main");
    step.expected = mark;
    step.to = to;
    if (to == RunState::staged) step.stage_dir = "stage/gone/main/1-1";
    const auto moved = store.transition(step);
    EXPECT_TRUE(moved.ok()) << moved.error().describe();
    mark = *moved;
  }
  FireRecord fire = new_fire(job, UtcMicros(clock.now_utc().get() - 7'200'000'000), "reader");
  EXPECT_TRUE(store.take_fire(fire, OnOpen::queue)->taken);
  fire.half = FireHalf::load;
  fire.run = start.run;
  EXPECT_TRUE(store.release_fire(fire).ok());
  return fire;
}

TEST_F(ServiceHoldsTest, AStagedRunWhoseJobIsGoneIsEndedWithItsFire) {
  const JobName gone = job("gone")->name;
  const FireRecord fire =
      left_to_load(*store_, gone, clock_, {RunState::extracting, RunState::staged});
  options_.shared = true;
  Service service(parts(), options_);
  ASSERT_TRUE(service.set_jobs({job("other")}).ok());
  serve_for(service, milliseconds(1500));
  EXPECT_EQ(store_->list_fires(gone, 1)->front().state, FireState::cancelled);
  const RunRecord run = store_->get_run(fire.run)->run;
  EXPECT_TRUE(run.ended_at);
  EXPECT_EQ(run.status(), RunStatus::cancelled);
  ASSERT_TRUE(run.error);
  EXPECT_EQ(run.error->code, "run.job_gone");
  EXPECT_NE(run.error->hint.find("tidemark replay r1"), std::string::npos);
  EXPECT_FALSE(store_->find_lease(gone)->value().expires_at) << "nobody holds its lease";
}

TEST_F(ServiceHoldsTest, ARunWhoseLoadMayBeInIsNotCalledCancelled) {
  const JobName gone = job("gone")->name;
  const FireRecord fire = left_to_load(*store_, gone, clock_,
                                       {RunState::extracting, RunState::staged, RunState::checked,
                                        RunState::loading, RunState::commit_unknown});
  options_.shared = true;
  Service service(parts(), options_);
  ASSERT_TRUE(service.set_jobs({job("other")}).ok());
  serve_for(service, milliseconds(1500));
  EXPECT_FALSE(store_->get_run(fire.run)->run.ended_at);
  EXPECT_EQ(store_->list_fires(gone, 1)->front().state, FireState::waiting);
}

TEST_F(ServiceHoldsTest, TheStageOfAJobThatIsOnlyPausedIsLeftToBeLoaded) {
  const auto paused = job("paused");
  const FireRecord fire =
      left_to_load(*store_, paused->name, clock_, {RunState::extracting, RunState::staged});
  paused->enabled = false;
  options_.shared = true;
  Service service(parts(), options_);
  ASSERT_TRUE(service.set_jobs({paused, job("other")}).ok());
  serve_for(service, milliseconds(1500));
  EXPECT_FALSE(store_->get_run(fire.run)->run.ended_at);
}

TEST_F(ServiceHoldsTest, JobsThatCouldNotBeTakenUpAreSoWithTheNextTry) {
  runs_["a"] = runs_["watches"] = 0;
  const auto every = job("a");
  // Missed by a minute: made up for when it is taken up.
  every->schedule.every = std::chrono::hours(24 * 365);
  const auto watches = job("watches");
  watches->schedule.every.reset();
  WhenSpec when;
  when.connection.value = "shop";
  watches->schedule.when = when;
  FireRecord before = new_fire(every->name, UtcMicros(1), "here");
  ASSERT_TRUE(store_->take_fire(before, OnOpen::queue)->taken);
  before.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(before).ok());
  ServiceParts with = parts();
  with.change_sign = [](const WhenSpec&, const std::string&, Cancel&) {
    return Result<std::string>("sign");
  };
  Service service(with, options_);
  ASSERT_TRUE(service.set_jobs({}).ok());
  serve_for(service, milliseconds(4000), [&](Service& one) {
    // What it cannot do without a store is done by then.
    while (!one.stepped_at())
      std::this_thread::sleep_for(milliseconds(1));
    away_ = true;
    EXPECT_FALSE(one.set_jobs({every, watches}).ok());
    away_ = false;
    EXPECT_TRUE(one.set_jobs({every, watches}).ok());
  });
  EXPECT_EQ(runs_["a"], 1) << "what it had missed";
  EXPECT_EQ(runs_["watches"], 1);
}

TEST_F(ServiceHoldsTest, AnAnswerOlderThanWhatAnotherServerHasSeenIsNoChange) {
  runs_["watches"] = 0;
  const auto watches = job("watches");
  watches->schedule.every.reset();
  WhenSpec when;
  when.connection.value = "shop";
  when.check = milliseconds(100);
  watches->schedule.when = when;
  const SeenChange newer{watches->name, to_text(when), "newer", {}};
  std::atomic<int> looks{0};
  ServiceParts with = parts();
  with.change_sign = [&](const WhenSpec&, const std::string&, Cancel&) -> Result<std::string> {
    if (looks++ > 0) return std::string("newer");
    EXPECT_TRUE(*store_->note_change(newer, std::nullopt)) << "as another server";
    return std::string("older");
  };
  Service service(with, options_);
  ASSERT_TRUE(service.set_jobs({watches}).ok());
  serve_for(service, milliseconds(1500));
  EXPECT_GT(looks, 1);
  EXPECT_EQ(runs_["watches"], 0);
  EXPECT_EQ(store_->seen_changes({watches->name})->front().sign, "newer");
}

// However long the look takes: whoever waits for an answer has not been away.
TEST_F(ServiceHoldsTest, ALateAnswerMissesNoChange) {
  runs_["watches"] = 0;
  const auto watches = job("watches");
  watches->schedule.every.reset();
  watches->schedule.missed = Missed::skip;
  WhenSpec when;
  when.connection.value = "shop";
  when.check = milliseconds(100);
  watches->schedule.when = when;
  const SeenChange old{watches->name, to_text(when), "old", {}};
  ASSERT_TRUE(*store_->note_change(old, std::nullopt));
  std::atomic<int> looks{0};
  ServiceParts with = parts();
  with.change_sign = [&](const WhenSpec&, const std::string&, Cancel&) -> Result<std::string> {
    if (looks++ == 0) {
      clock_.ahead_us += std::chrono::microseconds(std::chrono::minutes(10)).count();
      EXPECT_TRUE(*store_->note_change(old, old)) << "as another server, which looks too";
    }
    return std::string("old new");
  };
  Service service(with, options_);
  ASSERT_TRUE(service.set_jobs({watches}).ok());
  serve_for(service, milliseconds(1500));
  EXPECT_GT(looks, 1);
  EXPECT_EQ(runs_["watches"], 1);
  EXPECT_EQ(store_->seen_changes({watches->name})->front().sign, "old new");
}

}  // namespace
}  // namespace tidemark

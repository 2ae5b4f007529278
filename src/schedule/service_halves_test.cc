#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <thread>

#include "schedule/service.h"
#include "store/sql_store.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Two services over one store, one for each half of a job.
class ServiceHalvesTest : public ::testing::Test {
 protected:
  struct Did {
    std::string who;
    FireHalf half;
    RunId run;
  };

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-halves-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    store_ = SqlStore::open_sqlite(dir_ / "store.db", clock_).value();
    job_ = std::make_shared<JobSpec>();
    job_->name = JobName("a");
    job_->schedule.every = milliseconds(1000);
    job_->schedule.overlap = Overlap::queue;
    job_->schedule.retries.pause = job_->schedule.retries.pause_max = milliseconds(10);
    job_->schedule.retries.attempts = 3;
    job_->schedule.label = Name{"reads", {}};
    job_->schedule.load_label = Name{"loads", {}};
    job_->from.connection.value = "shop";
    job_->to.connection.value = "warehouse";
    JobRecord record;
    record.name = job_->name;
    ASSERT_TRUE(store_->upsert_job(record).ok());
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }

  // As a run stands, of one stream.
  static RunRecord at(const RunId& run, RunState state) {
    RunRecord record;
    record.run = run;
    record.state = state;
    StreamRecord stream;
    stream.mark.state = state;
    stream.stage_dir = "stage/a/main/1-1";
    record.streams.push_back(stream);
    if (is_final(state)) record.ended_at = UtcMicros(1);
    return record;
  }
  static RunRecord with(RunRecord record, Retry retry) {
    record.error = StoredError{"target.lost", "target", "the target is away", "", retry};
    return record;
  }

  void serve(const std::string& who, const std::set<std::string>& labels) {
    ServiceOptions options;
    options.owner = who;
    options.shared = true;
    options.labels = labels;
    SeededRandomness randomness{who.size()};
    ServiceParts parts{*store_,
                       clock_,
                       randomness,
                       [](const JobSpec&, const RunId& run, Cancel&) -> Result<RunRecord> {
                         ADD_FAILURE() << "it ran as a whole";
                         return at(run, RunState::failed);
                       },
                       [](const JobSpec&, Cancel&) { return Status(); },
                       [](const ServiceNote&) {}};
    parts.run_half = [&, who](const JobSpec&, const HalfRun& half, const HandOver& hand_over,
                              Cancel&) -> Result<RunRecord> {
      {
        const std::lock_guard lock(mutex_);
        did_.push_back({who, half.half, half.run});
      }
      if (half.half == FireHalf::load) return load_(half.run, hand_over);
      TM_TRY(const bool here, hand_over.loads_here(half.run));
      return here ? load_(half.run, hand_over) : Result<RunRecord>(at(half.run, RunState::staged));
    };
    Service service(parts, options);
    ASSERT_TRUE(service.set_jobs({job_}).ok());
    Cancel stop;
    std::thread timer([&] {
      std::this_thread::sleep_for(milliseconds(3500));
      stop.request();
    });
    EXPECT_TRUE(service.serve(stop).ok());
    timer.join();
  }
  void serve_both() {
    std::thread other([&] { serve("loader", {"loads"}); });
    serve("reader", {"reads"});
    other.join();
  }
  std::vector<Did> of(const RunId& run) {
    std::vector<Did> found;
    for (const Did& one : did_) {
      if (one.run == run) found.push_back(one);
    }
    return found;
  }

  SystemClock clock_;
  fs::path dir_;
  std::unique_ptr<SqlStore> store_;
  std::shared_ptr<JobSpec> job_;
  std::function<RunRecord(const RunId&, const HandOver&)> load_ =
      [](const RunId& run, const HandOver&) { return at(run, RunState::done); };
  std::mutex mutex_;
  std::vector<Did> did_;
};

TEST_F(ServiceHalvesTest, ARunIsLoadedByWhoeverHasTheLabelOfThat) {
  serve_both();
  ASSERT_GE(did_.size(), 4U);
  for (const Did& one : did_)
    EXPECT_EQ(one.who, one.half == FireHalf::extract ? "reader" : "loader");
  EXPECT_EQ(of(did_.front().run).size(), 2U) << "it is one run";
  const auto fires = store_->list_fires(job_->name, 100).value();
  for (const FireRecord& fire : fires) {
    if (fire.state != FireState::done) continue;
    EXPECT_EQ(fire.attempts, 1) << "of that half";
  }
}

TEST_F(ServiceHalvesTest, WhoMayDoBothDoes) {
  serve("alone", {"reads", "loads"});
  ASSERT_GE(did_.size(), 2U);
  for (const Did& one : did_)
    EXPECT_EQ(one.half, FireHalf::extract) << "nothing was handed over";
  EXPECT_EQ(store_->list_fires(job_->name, 100)->back().state, FireState::done);
}

TEST_F(ServiceHalvesTest, ALoadThatFailsIsTriedAgainByItself) {
  int failures = 0;
  load_ = [&](const RunId& run, const HandOver& hand_over) {
    const Error error = internal_error("target.lost", "the target is away", Retry::backoff);
    if (++failures > 2) return at(run, RunState::done);
    EXPECT_TRUE(hand_over.tries_again(error));
    return with(at(run, RunState::retry_wait), Retry::backoff);
  };
  serve_both();
  ASSERT_FALSE(did_.empty());
  const std::vector<Did> first = of(did_.front().run);
  ASSERT_EQ(first.size(), 4U) << "read once, loaded three times";
  for (std::size_t nth = 1; nth < first.size(); ++nth)
    EXPECT_EQ(first[nth].half, FireHalf::load);
}

TEST_F(ServiceHalvesTest, ALoadIsNotTriedForEverAndTheNextTimeReadsAnew) {
  load_ = [&](const RunId& run, const HandOver& hand_over) {
    const Error error = internal_error("target.lost", "the target is away", Retry::backoff);
    return with(at(run, hand_over.tries_again(error) ? RunState::retry_wait : RunState::failed),
                Retry::backoff);
  };
  serve_both();
  ASSERT_FALSE(did_.empty());
  EXPECT_EQ(of(did_.front().run).size(), 4U) << "read once, and three attempts";
  EXPECT_EQ(store_->list_fires(job_->name, 100)->back().state, FireState::failed);
  const auto reads = std::count_if(did_.begin(), did_.end(),
                                   [](const Did& one) { return one.half == FireHalf::extract; });
  EXPECT_GE(reads, 2);
}

TEST_F(ServiceHalvesTest, WhatCannotBeLoadedIsReadAgain) {
  bool is_first = true;
  load_ = [&](const RunId& run, const HandOver&) {
    if (!std::exchange(is_first, false)) return at(run, RunState::done);
    return with(at(run, RunState::failed), Retry::backoff);
  };
  serve_both();
  ASSERT_GE(did_.size(), 4U);
  EXPECT_EQ(did_[2].half, FireHalf::extract);
  EXPECT_NE(did_[2].run, did_[0].run);
  EXPECT_EQ(store_->list_fires(job_->name, 100)->back().state, FireState::done);
}

}  // namespace
}  // namespace tidemark

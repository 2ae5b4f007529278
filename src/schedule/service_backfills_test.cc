#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "schedule/service_fixture_test.h"
#include "store/sql_store.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::shared_ptr<JobSpec> a_job(const std::string& name) {
  auto job = std::make_shared<JobSpec>();
  job->name = JobName(name);
  job->content_hash = name;
  job->from.connection.value = "shop";
  job->to.connection.value = "warehouse";
  return job;
}

RunRecord ended(RunState state, std::optional<StoredError> error = std::nullopt) {
  RunRecord record;
  record.state = state;
  record.error = std::move(error);
  record.ended_at = UtcMicros(1);
  return record;
}

class ServiceBackfillsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-service-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    log_.set_up({});
    store_ = SqlStore::open_sqlite(dir_ / "store.db", clock_).value();
    job_ = a_job("a");
    follower_ = a_job("report");
    follower_->schedule.after.push_back({"a", {}});
    part_ = [this](Cancel&) {
      std::this_thread::sleep_for(takes_);
      return ended(RunState::done);
    };
    for (const char* one : {"a", "report"}) {
      JobRecord record;
      record.name = JobName(one);
      ASSERT_TRUE(store_->upsert_job(record).ok());
    }
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }

  BackfillId add(std::size_t parts, bool downstream = false) {
    BackfillRecord record;
    record.id = BackfillId("b" + std::to_string(++made_));
    record.job = job_->name;
    record.detached = true;
    record.downstream = downstream;
    record.created_at = clock_.now_utc();
    std::vector<BackfillPart> all(parts);
    for (std::size_t i = 0; i < parts; ++i)
      all[i].number = static_cast<std::int64_t>(i) + 1;
    EXPECT_TRUE(store_->add_backfill(record, all).ok());
    return record.id;
  }

  // As run_next_part does it, without a source and a target.
  Result<std::optional<PartEnd>> next_part_of(const BackfillRecord& backfill, Cancel& cancel) {
    TM_TRY(const auto parts, store_->backfill_parts(backfill.id));
    auto part = next_part(parts, backfill.order);
    if (!part) return std::optional<PartEnd>();
    if (busy_.exchange(true)) ++overlaps_;
    RunRecord run = part_(cancel);
    busy_ = false;
    {
      const std::lock_guard lock(tries_mutex_);
      ++tries_[part->number];
    }
    part->state = run.status() == RunStatus::success     ? PartState::done
                  : run.status() == RunStatus::cancelled ? PartState::waiting
                                                         : PartState::failed;
    TM_CHECK(store_->update_part(backfill, *part));
    return std::optional(PartEnd{*part, std::move(run)});
  }

  void serve(milliseconds duration, ServiceOptions options = {}) {
    options.owner = "here" + std::to_string(++served_);
    options.drain = milliseconds(0);
    Service service(
        {*store_, clock_, randomness_,
         [this](const JobSpec& job, const RunId&, Cancel&) -> Result<RunRecord> {
           if (job.name == job_->name && busy_.exchange(true)) ++overlaps_;
           std::this_thread::sleep_for(milliseconds(20));
           if (job.name == job_->name) busy_ = false;
           ++runs_[job.name.get()];
           return ended(RunState::done);
         },
         [](const JobSpec&, Cancel&) { return Status(); }, [](const ServiceNote&) {}, log_,
         [this](const JobSpec&, const BackfillRecord& backfill, Cancel& cancel) {
           return next_part_of(backfill, cancel);
         }},
        options);
    ASSERT_TRUE(service.set_jobs({job_, follower_}).ok());
    serve_for(service, duration);
  }
  BackfillState state(const BackfillId& id) { return store_->find_backfill(id)->state; }
  std::int64_t done(const BackfillId& id) {
    const auto parts = store_->backfill_parts(id).value();
    return std::count_if(parts.begin(), parts.end(),
                         [](const auto& part) { return part.state == PartState::done; });
  }

  int errors_of(const BackfillId& id) const {
    return static_cast<int>(std::count_if(said_.begin(), said_.end(), [&](const auto& line) {
      return line.find(" error schedule  backfill " + id.get() + " of ") != std::string::npos;
    }));
  }

  SystemClock clock_;
  std::vector<std::string> said_;  // by the log; read when nobody serves
  Log log_{[this](std::string_view line) { said_.emplace_back(line); }, [] { return 0; }};
  SeededRandomness randomness_{7};
  fs::path dir_;
  std::unique_ptr<SqlStore> store_;
  std::shared_ptr<JobSpec> job_;
  std::shared_ptr<JobSpec> follower_;
  std::function<RunRecord(Cancel&)> part_;
  milliseconds takes_{5};
  std::mutex tries_mutex_;
  std::map<std::int64_t, int> tries_;
  std::map<std::string, std::atomic<int>> runs_;
  std::atomic<bool> busy_ = false;
  std::atomic<int> overlaps_ = 0;
  int made_ = 0;
  int served_ = 0;
};

TEST_F(ServiceBackfillsTest, ItsPartsRunAndNobodyFollowsUnlessAsked) {
  const BackfillId id = add(5);
  serve(milliseconds(2000));
  EXPECT_EQ(state(id), BackfillState::done);
  EXPECT_EQ(done(id), 5);
  EXPECT_EQ(runs_["report"], 0);
  EXPECT_TRUE(store_->find_backfill(id)->owner.empty());
}

TEST_F(ServiceBackfillsTest, WhatComesAfterRunsOnceWhenItIsDone) {
  const BackfillId id = add(3, true);
  serve(milliseconds(2000));
  EXPECT_EQ(state(id), BackfillState::done);
  serve(milliseconds(1000));
  EXPECT_EQ(runs_["report"], 1);
  const auto fires = store_->list_fires(follower_->name, 10).value();
  ASSERT_EQ(fires.size(), 1U);
  EXPECT_EQ(fires.front().state, FireState::done);
}

TEST_F(ServiceBackfillsTest, LiveRunsOfItsJobGoFirstAndNeverBesideAPart) {
  job_->schedule.every = seconds(1);
  takes_ = milliseconds(150);
  const BackfillId id = add(1000);
  ServiceOptions options;
  options.limits.running_max = 1;
  serve(milliseconds(5500), options);
  EXPECT_GE(runs_["a"], 4);
  EXPECT_GE(done(id), 8);
  EXPECT_EQ(overlaps_, 0);
}

TEST_F(ServiceBackfillsTest, APartThatAStopCancelsIsRunByTheNextStart) {
  part_ = [](Cancel& cancel) {
    while (!cancel.requested())
      std::this_thread::sleep_for(milliseconds(5));
    return ended(RunState::cancelled);
  };
  const BackfillId id = add(2, true);
  serve(milliseconds(1000));
  EXPECT_EQ(state(id), BackfillState::running);
  EXPECT_EQ(done(id), 0);
  part_ = [](Cancel&) { return ended(RunState::done); };
  serve(milliseconds(2000));
  EXPECT_EQ(state(id), BackfillState::done);
  EXPECT_EQ(runs_["report"], 1);
}

TEST_F(ServiceBackfillsTest, OneWhoseJobIsGoneHasFailed) {
  const BackfillId id = add(2);
  job_ = a_job("other");
  serve(milliseconds(1000));
  EXPECT_EQ(state(id), BackfillState::failed);
  EXPECT_EQ(store_->find_backfill(id)->note, "its job is not in the project");
  EXPECT_EQ(errors_of(id), 1);
}

TEST_F(ServiceBackfillsTest, BackfillsTakeThePlacesOfTheirPool) {
  JobRecord record;
  record.name = JobName("other");
  ASSERT_TRUE(store_->upsert_job(record).ok());
  std::atomic<int> at_a_time = 0;
  std::atomic<int> most = 0;
  part_ = [&](Cancel&) {
    most = std::max<int>(most, ++at_a_time);
    std::this_thread::sleep_for(milliseconds(100));
    --at_a_time;
    return ended(RunState::done);
  };
  for (const int places : {1, 2}) {
    most = 0;
    job_ = a_job("a");
    add(4);
    job_ = follower_ = a_job("other");
    add(4);
    job_ = a_job("a");
    ServiceOptions options;
    if (places > 1) options.limits.pools[backfill_pool] = places;
    serve(milliseconds(3000), options);
    EXPECT_EQ(most, places);
  }
  EXPECT_TRUE(store_->detached_backfills()->empty());
}

TEST_F(ServiceBackfillsTest, WhatMayPassIsTriedAgainAndWhatWillNotEndsIt) {
  std::atomic<int> tried = 0;
  part_ = [&](Cancel&) {
    if (tried++ == 0)
      return ended(RunState::failed,
                   StoredError{"source.lost", "source", "lost", "", Retry::reconnect});
    return ended(RunState::done);
  };
  const BackfillId passes = add(2);
  serve(milliseconds(3500));
  EXPECT_EQ(state(passes), BackfillState::done);
  EXPECT_EQ(tries_[1], 2);
  part_ = [](Cancel&) {
    return ended(RunState::failed, StoredError{"user.bad", "user", "bad", "", Retry::never});
  };
  const BackfillId ends = add(3, true);
  serve(milliseconds(1500));
  EXPECT_EQ(state(ends), BackfillState::failed);
  EXPECT_EQ(errors_of(ends), 1) << "a person has to see to it";
  EXPECT_EQ(errors_of(passes), 0);
  EXPECT_EQ(tries_[1], 3);
  EXPECT_EQ(runs_["report"], 0);
}

}  // namespace
}  // namespace tidemark

#include "schedule/service.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "schedule/service_fixture_test.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::shared_ptr<JobSpec> a_job(const std::string& name, milliseconds every = seconds(1)) {
  auto job = std::make_shared<JobSpec>();
  job->name = JobName(name);
  job->content_hash = name;
  job->schedule.every = every;
  job->schedule.retries.pause = milliseconds(10);
  job->from.connection.value = "shop";
  job->to.connection.value = "warehouse";
  return job;
}

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-service-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    auto database = open_sqlite_database(dir_ / "store.db", clock_);
    ASSERT_TRUE(database.ok());
    store_ = SqlStore::open(std::make_unique<AwayDatabase>(std::move(*database), away_)).value();
    run_ = [this](const JobSpec& job, const RunId&, Cancel&) {
      ++runs_[job.name.get()];
      return done();
    };
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }

  static RunRecord done(RunState state = RunState::done) {
    RunRecord record;
    record.state = state;
    record.ended_at = UtcMicros(1);
    return record;
  }
  static RunRecord failed(Retry retry, const char* fault = "source") {
    RunRecord record = done(RunState::failed);
    record.error = StoredError{"source.lost", fault, "the connection was lost", "", retry};
    return record;
  }

  void serve(const Service::Jobs& jobs, milliseconds duration, ServiceOptions options = {}) {
    options.owner = "here";
    for (const auto& job : jobs) {
      JobRecord record;
      record.name = job->name;
      ASSERT_TRUE(store_->upsert_job(record).ok());
    }
    Service service({*store_, clock_, randomness_,
                     [this](const JobSpec& job, const RunId& run,
                            Cancel& cancel) -> Result<RunRecord> { return run_(job, run, cancel); },
                     [this](const JobSpec& job, Cancel& cancel) { return verify_(job, cancel); },
                     [this](const ServiceNote& note) { notes_.push_back(note); }},
                    options);
    ASSERT_TRUE(service.set_jobs(jobs).ok());
    serve_for(service, duration);
  }
  int count(const std::string& job, FireState state) const {
    return static_cast<int>(std::count_if(notes_.begin(), notes_.end(), [&](const auto& note) {
      return note.task.job.get() == job && note.state == state;
    }));
  }
  std::vector<FireRecord> fires(const std::string& job) {
    return store_->list_fires(JobName(job), 100).value();
  }

  std::mutex begun_mutex_;
  std::atomic<bool> away_ = false;
  SystemClock clock_;
  SeededRandomness randomness_{7};
  fs::path dir_;
  std::unique_ptr<SqlStore> store_;
  std::function<RunRecord(const JobSpec&, const RunId&, Cancel&)> run_;
  std::function<Status(const JobSpec&, Cancel&)> verify_;
  std::map<std::string, std::atomic<int>> runs_;
  std::vector<ServiceNote> notes_;
};

TEST_F(ServiceTest, EachFireIsRunOnce) {
  auto off = a_job("off");
  off->enabled = false;
  runs_["a"] = runs_["b"] = runs_["off"] = 0;
  serve({a_job("a"), a_job("b"), off}, milliseconds(2500));
  for (const char* job : {"a", "b"}) {
    EXPECT_GE(runs_[job], 2);
    EXPECT_LE(runs_[job], 3);
    EXPECT_EQ(fires(job).size(), static_cast<std::size_t>(runs_[job]));
    for (const FireRecord& fire : fires(job)) {
      EXPECT_EQ(fire.state, FireState::done);
      EXPECT_EQ(fire.attempts, 1);
      EXPECT_EQ(fire.fire.get() % 1'000'000, 0);
    }
  }
  EXPECT_EQ(runs_["off"], 0);
}

TEST_F(ServiceTest, WhatIsDueMeanwhileIsSkippedOrTakesThePlace) {
  run_ = [](const JobSpec&, const RunId&, Cancel& cancel) {
    for (int part = 0; part < 30 && !cancel.requested(); ++part)
      std::this_thread::sleep_for(milliseconds(50));
    return done(cancel.requested() ? RunState::cancelled : RunState::done);
  };
  auto cancels = a_job("cancels");
  cancels->schedule.overlap = Overlap::cancel;
  serve({a_job("skips"), cancels}, milliseconds(3300));
  EXPECT_GE(count("skips", FireState::skipped), 1);
  EXPECT_GE(count("skips", FireState::done), 1);
  EXPECT_GE(count("cancels", FireState::cancelled), 1);
  EXPECT_EQ(count("cancels", FireState::skipped), 0);
}

TEST_F(ServiceTest, WhatMayPassIsTriedAgain) {
  run_ = [this](const JobSpec& job, const RunId&, Cancel&) {
    const int run = ++runs_[job.name.get()];
    if (job.name.get() == "never") return failed(Retry::never);
    return run % 3 == 0 ? done() : failed(Retry::reconnect);
  };
  runs_["again"] = runs_["never"] = 0;
  auto again = a_job("again");
  again->schedule.overlap = Overlap::queue;
  serve({again, a_job("never")}, milliseconds(1900));
  ASSERT_GE(count("again", FireState::done), 1);
  const auto tried = fires("again");
  EXPECT_EQ(tried.back().attempts, 3);
  EXPECT_EQ(tried.back().state, FireState::done);
  EXPECT_GE(count("never", FireState::failed), 1);
  EXPECT_EQ(count("never", FireState::retry_wait), 0);
  EXPECT_EQ(fires("never").back().reason, "the connection was lost");
}

TEST_F(ServiceTest, ARunThatLostItsLeaseOrFoundItTakenIsOwedAsBefore) {
  auto job = a_job("a", std::chrono::hours(1));
  job->schedule.retries.attempts = 1;
  JobRecord record;
  record.name = job->name;
  ASSERT_TRUE(store_->upsert_job(record).ok());
  const UtcMicros this_hour(clock_.now_utc().get() / 3'600'000'000 * 3'600'000'000);
  for (const char* code : {"run.lease_lost", "run.leased"}) {
    FireRecord fire = new_fire(job->name, this_hour, "before", "");
    fire.fire = UtcMicros(this_hour.get() + (code == std::string("run.leased") ? 1 : 0));
    ASSERT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
    run_ = [&](const JobSpec&, const RunId&, Cancel&) {
      RunRecord lost = failed(Retry::never, "internal");
      lost.error->code = code;
      return lost;
    };
    serve({job}, milliseconds(500));
    ASSERT_EQ(store_->open_fires()->size(), 1U) << code;
    EXPECT_EQ(store_->open_fires()->front().state, FireState::retry_wait);
    EXPECT_EQ(store_->open_fires()->front().attempts, 0);
    run_ = [](const JobSpec&, const RunId&, Cancel&) { return done(); };
    serve({job}, milliseconds(6000));
    EXPECT_TRUE(store_->open_fires()->empty());
    EXPECT_EQ(fires("a").front().state, FireState::done);
  }
}

TEST_F(ServiceTest, TwoThatShareAStoreRunEachFireOnceAndDivideThem) {
  std::mutex mutex;
  std::map<std::pair<std::string, UtcMicros>, int> done_at;
  std::map<std::string, int> done_by;
  Service::Jobs jobs;
  for (const char* name : {"a", "b", "c", "d"}) {
    jobs.push_back(a_job(name));
    JobRecord record;
    record.name = JobName(name);
    ASSERT_TRUE(store_->upsert_job(record).ok());
  }
  auto then = a_job("then");
  then->schedule.every.reset();
  then->schedule.after = {{"a", {}}};
  jobs.push_back(then);
  JobRecord record;
  record.name = then->name;
  ASSERT_TRUE(store_->upsert_job(record).ok());
  run_ = [](const JobSpec&, const RunId&, Cancel&) {
    std::this_thread::sleep_for(milliseconds(150));
    return done();
  };
  const auto serve_as = [&](const std::string& owner) {
    ServiceOptions options;
    options.owner = owner;
    options.shared = true;
    options.limits.running_max = 2;
    SeededRandomness randomness{static_cast<std::uint64_t>(owner.size())};
    Service service({*store_, clock_, randomness,
                     [this](const JobSpec& job, const RunId& run,
                            Cancel& cancel) -> Result<RunRecord> { return run_(job, run, cancel); },
                     [this](const JobSpec& job, Cancel& cancel) { return verify_(job, cancel); },
                     [&](const ServiceNote& note) {
                       if (note.state != FireState::done) return;
                       const std::lock_guard lock(mutex);
                       ++done_at[{note.task.job.get(), note.fire}];
                       ++done_by[owner];
                     }},
                    options);
    ASSERT_TRUE(service.set_jobs(jobs).ok());
    Cancel stop;
    std::thread timer([&] {
      std::this_thread::sleep_for(milliseconds(4500));
      stop.request();
    });
    EXPECT_TRUE(service.serve(stop).ok());
    timer.join();
  };
  std::thread other([&] { serve_as("other"); });
  serve_as("here");
  other.join();
  for (const auto& [fire, times] : done_at)
    EXPECT_EQ(times, 1) << fire.first;
  EXPECT_GE(done_at.size(), 12U);
  EXPECT_GT(done_by["here"], 0);
  EXPECT_GT(done_by["other"], 0);
  const auto followed = fires("then");
  EXPECT_GE(followed.size(), 2U);
  EXPECT_TRUE(store_->list_servers()->empty()) << "both have left";
}

TEST_F(ServiceTest, ARunThatTakesTooLongIsStopped) {
  run_ = [](const JobSpec&, const RunId&, Cancel& cancel) {
    while (!cancel.requested())
      std::this_thread::sleep_for(milliseconds(10));
    return done(RunState::cancelled);
  };
  auto slow = a_job("slow", std::chrono::hours(1));
  slow->schedule.timeout = milliseconds(300);
  JobRecord record;
  record.name = slow->name;
  ASSERT_TRUE(store_->upsert_job(record).ok());
  const UtcMicros this_hour(clock_.now_utc().get() / 3'600'000'000 * 3'600'000'000);
  // Left waiting by a process before this one.
  ASSERT_TRUE(
      store_->take_fire(new_fire(slow->name, this_hour, "before", ""), OnOpen::queue)->taken);
  serve({slow}, milliseconds(1200));
  ASSERT_EQ(count("slow", FireState::failed), 1);
  EXPECT_EQ(fires("slow").front().reason, "it took longer than its `timeout`");
}

TEST_F(ServiceTest, AJobWithTimesWaitsForThoseBeforeItOfTheSameWindow) {
  std::map<std::string, std::vector<UtcMicros>> begun;
  run_ = [&](const JobSpec& job, const RunId&, Cancel&) {
    if (job.name.get() == "orders") std::this_thread::sleep_for(milliseconds(400));
    const std::lock_guard lock(begun_mutex_);
    begun[job.name.get()].push_back(clock_.now_utc());
    return done();
  };
  auto facts = a_job("facts", seconds(2));
  facts->schedule.after = {{"orders", {}}};
  serve({a_job("orders", seconds(2)), facts}, milliseconds(4900));
  ASSERT_GE(begun["facts"].size(), 2U);
  for (std::size_t run = 0; run < begun["facts"].size(); ++run)
    EXPECT_GT(begun["facts"][run], begun["orders"].at(run)) << "it begins when that has ended";
  ASSERT_GE(count("facts", FireState::waiting), 2) << "it is said what it waits for";
  const auto waits = std::find_if(notes_.begin(), notes_.end(), [](const ServiceNote& note) {
    return note.task.job.get() == "facts" && note.state == FireState::waiting;
  });
  EXPECT_EQ(waits->text, "waits for orders of " + to_text(waits->fire));
  EXPECT_EQ(count("facts", FireState::skipped), 0);
}

TEST_F(ServiceTest, OneBeforeThatFailedIsNamedAndTheWaitEnds) {
  run_ = [this](const JobSpec& job, const RunId&, Cancel&) {
    ++runs_[job.name.get()];
    return job.name.get() == "orders" ? failed(Retry::never) : done();
  };
  auto waits = a_job("waits");
  waits->schedule.after = {{"orders", {}}};
  auto begins = a_job("begins");
  begins->schedule.after = {{"orders", {}}};
  begins->schedule.after_wait = milliseconds(500);
  begins->schedule.after_late = AfterLate::run;
  runs_["waits"] = runs_["begins"] = 0;
  serve({a_job("orders"), waits, begins}, milliseconds(3800));
  EXPECT_EQ(runs_["waits"], 0);
  EXPECT_GE(runs_["begins"], 2);
  ASSERT_GE(count("waits", FireState::skipped), 1);
  const FireRecord left_out = fires("waits").back();
  EXPECT_EQ(left_out.state, FireState::skipped);
  EXPECT_EQ(left_out.reason,
            "it waited long enough for orders of " + to_text(left_out.fire) + ", which failed");
}

TEST_F(ServiceTest, AFireThatWaitsForOthersDoesSoAfterAStart) {
  auto facts = a_job("facts", std::chrono::hours(1));
  facts->schedule.after = {{"orders", {}}};
  auto orders = a_job("orders", std::chrono::hours(1));
  const UtcMicros hour(clock_.now_utc().get() / 3'600'000'000 * 3'600'000'000);
  for (const auto& job : {facts, orders}) {
    JobRecord record;
    record.name = job->name;
    ASSERT_TRUE(store_->upsert_job(record).ok());
    ASSERT_TRUE(store_->take_fire(new_fire(job->name, hour, "before", ""), OnOpen::queue)->taken);
  }
  run_ = [this](const JobSpec& job, const RunId&, Cancel&) {
    if (job.name.get() == "facts") {
      EXPECT_EQ(runs_["orders"], 1);
    }
    if (job.name.get() == "orders") std::this_thread::sleep_for(milliseconds(300));
    ++runs_[job.name.get()];
    return done();
  };
  runs_["orders"] = runs_["facts"] = 0;
  serve({orders, facts}, milliseconds(1500));
  EXPECT_EQ(runs_["facts"], 1);
}

TEST_F(ServiceTest, AJobFollowsThoseBeforeItOnceForEachOfTheirFires) {
  auto next = a_job("next", std::chrono::hours(1));
  next->schedule.every.reset();
  next->schedule.after = {{"a", {}}, {"b", {}}};
  next->schedule.overlap = Overlap::queue;
  runs_["a"] = runs_["b"] = runs_["next"] = 0;
  const std::vector<std::shared_ptr<const JobSpec>> jobs{a_job("a"), a_job("b"), next};
  serve(jobs, milliseconds(2500));
  EXPECT_GE(runs_["next"], 2);
  for (const FireRecord& fire : fires("next"))
    EXPECT_EQ(fire.inputs.substr(0, 2), "a@");
  // After a start what was followed is not followed again.
  const int both = std::min(runs_["a"].load(), runs_["b"].load());
  EXPECT_LE(runs_["next"], both + 1);
  const std::size_t before = fires("next").size();
  serve({next}, milliseconds(500));
  EXPECT_LE(fires("next").size(), before + 1);
}

TEST_F(ServiceTest, WhatEndsWhileAJobRunsIsFollowedWhenItHasEnded) {
  auto next = a_job("next", std::chrono::hours(1));
  next->schedule.every.reset();
  next->schedule.after = {{"a", {}}};
  runs_["a"] = runs_["next"] = 0;
  const auto as_usual = run_;
  run_ = [&](const JobSpec& job, const RunId& run, Cancel& cancel) {
    if (job.name.get() == "next") std::this_thread::sleep_for(milliseconds(1500));
    return as_usual(job, run, cancel);
  };
  serve({a_job("a"), next}, milliseconds(4700));
  EXPECT_GE(runs_["next"], 2);
  EXPECT_LT(runs_["next"], runs_["a"]);
  EXPECT_EQ(count("next", FireState::skipped), 0);
}

TEST_F(ServiceTest, ARunWhosePlaceIsTakenAtItsVeryEndDoesNoHarm) {
  auto job = a_job("a");
  job->schedule.overlap = Overlap::cancel;
  runs_["a"] = 0;
  const auto as_usual = run_;
  // It ends when the next is due, give or take what a thread needs to wake.
  run_ = [&](const JobSpec& one, const RunId& run, Cancel& cancel) {
    const std::int64_t left = 1'000'000 - clock_.now_utc().get() % 1'000'000;
    std::this_thread::sleep_for(std::chrono::microseconds(left + 300));
    return as_usual(one, run, cancel);
  };
  serve({job}, milliseconds(5500));
  EXPECT_GE(runs_["a"], 2);
}

TEST_F(ServiceTest, OneConnectionForBothIsTriedAgainAfterARest) {
  auto job = a_job("a");
  job->to.connection = job->from.connection;
  job->schedule.retries.attempts = 1;
  runs_["a"] = 0;
  run_ = [&](const JobSpec& one, const RunId&, Cancel&) {
    return ++runs_[one.name.get()] <= 2 ? failed(Retry::reconnect) : done();
  };
  ServiceOptions options;
  options.breaker = {.failures_max = 2, .pause = milliseconds(500)};
  serve({job}, milliseconds(6500), options);
  EXPECT_GE(count("a", FireState::done), 1);
}

TEST_F(ServiceTest, WhosePlaceIsTakenIsNotOwedAnyMore) {
  auto job = a_job("a");
  job->schedule.overlap = Overlap::cancel;
  runs_["a"] = 0;
  run_ = [&](const JobSpec& one, const RunId&, Cancel& cancel) {
    ++runs_[one.name.get()];
    // It takes its time to end.
    for (int tenth = 0; tenth < 25 || !cancel.requested(); ++tenth)
      std::this_thread::sleep_for(milliseconds(100));
    return done(RunState::cancelled);
  };
  serve({job}, milliseconds(6200));
  EXPECT_LE(store_->open_fires()->size(), 1U);
  EXPECT_GE(count("a", FireState::skipped), 1);
}

TEST_F(ServiceTest, AFireThatWaitsForItsNextAttemptMakesWayForALaterOne) {
  auto job = a_job("a");
  job->schedule.retries.pause = std::chrono::hours(1);
  job->schedule.retries.pause_max = std::chrono::hours(1);
  runs_["a"] = 0;
  run_ = [&](const JobSpec& one, const RunId&, Cancel&) {
    ++runs_[one.name.get()];
    return failed(Retry::reconnect);
  };
  ServiceOptions options;
  options.breaker.failures_max = 100;
  serve({job}, milliseconds(4500), options);
  EXPECT_GE(runs_["a"], 3);
  EXPECT_EQ(store_->open_fires()->size(), 1U);
  EXPECT_GE(count("a", FireState::failed), 2);
}

TEST_F(ServiceTest, EachMissedFireIsRunAlsoWhereWhatOverlapsIsLeftOut) {
  auto job = a_job("a", std::chrono::hours(1));
  job->schedule.missed = Missed::all;
  JobRecord record;
  record.name = job->name;
  ASSERT_TRUE(store_->upsert_job(record).ok());
  const UtcMicros five_hours_ago((clock_.now_utc().get() / 3'600'000'000 - 5) * 3'600'000'000);
  ASSERT_TRUE(
      store_->take_fire(new_fire(job->name, five_hours_ago, "before", "left out"), OnOpen::queue)
          ->taken);
  runs_["a"] = 0;
  serve({job}, milliseconds(1500));
  EXPECT_EQ(runs_["a"], 5);
}

TEST_F(ServiceTest, AStoreThatIsAwayIsWaitedForAndNothingIsForgotten) {
  runs_["a"] = 0;
  const auto as_usual = run_;
  std::atomic<bool> went = false;
  run_ = [&](const JobSpec& one, const RunId& run, Cancel& cancel) {
    // It goes while a run goes on, so how that ended cannot be stored at first.
    if (!went.exchange(true)) {
      away_ = true;
      std::thread([this] {
        std::this_thread::sleep_for(milliseconds(2500));
        away_ = false;
      }).detach();
    }
    return as_usual(one, run, cancel);
  };
  auto job = a_job("a");
  job->schedule.overlap = Overlap::queue;
  serve({job}, milliseconds(7500));
  const auto fires = this->fires("a");
  EXPECT_GE(fires.size(), 6U) << "those of the time without the store too";
  for (const FireRecord& fire : fires)
    EXPECT_EQ(fire.state, FireState::done) << to_text(fire.fire) << " " << fire.reason;
}

TEST_F(ServiceTest, WhatFailedHoldsBackWhoFollows) {
  auto next = a_job("next", std::chrono::hours(1));
  next->schedule.every.reset();
  next->schedule.after = {{"a", {}}};
  auto anyway = std::make_shared<JobSpec>(*next);
  anyway->name = JobName("anyway");
  anyway->schedule.after_failed = AfterFailed::run;
  auto failing = a_job("a");
  failing->schedule.retries.attempts = 1;
  runs_["a"] = runs_["next"] = runs_["anyway"] = 0;
  const auto as_usual = run_;
  run_ = [&](const JobSpec& job, const RunId& run, Cancel& cancel) {
    RunRecord record = as_usual(job, run, cancel);
    if (job.name.get() == "a") record.state = RunState::failed;
    return record;
  };
  serve({failing, next, anyway}, milliseconds(1800));
  EXPECT_EQ(runs_["next"], 0);
  EXPECT_GE(runs_["anyway"], 1);
  EXPECT_NE(fires("a").back().reason.find("held back: next"), std::string::npos);
}

TEST_F(ServiceTest, AfterAStopItGoesOnAndRunsWhatWasMissed) {
  const UtcMicros now = clock_.now_utc();
  const UtcMicros hours_ago(now.get() / 3'600'000'000 * 3'600'000'000 - 3 * 3'600'000'000);
  for (const char* name : {"once", "all", "skip"}) {
    auto job = a_job(name, std::chrono::hours(1));
    JobRecord record;
    record.name = job->name;
    ASSERT_TRUE(store_->upsert_job(record).ok());
    ASSERT_TRUE(
        store_->take_fire(new_fire(job->name, hours_ago, "before", "left out"), OnOpen::queue)
            ->taken);
    runs_[name] = 0;
  }
  auto all = a_job("all", std::chrono::hours(1));
  all->schedule.missed = Missed::all;
  all->schedule.overlap = Overlap::queue;
  auto skip = a_job("skip", std::chrono::hours(1));
  skip->schedule.missed = Missed::skip;
  serve({a_job("once", std::chrono::hours(1)), all, skip}, milliseconds(600));
  EXPECT_EQ(runs_["once"], 1);
  EXPECT_EQ(runs_["all"], 3);
  EXPECT_EQ(runs_["skip"], 0);
}

TEST_F(ServiceTest, AConnectionThatDoesNotAnswerHoldsItsJobs) {
  run_ = [this](const JobSpec& job, const RunId&, Cancel&) {
    ++runs_[job.name.get()];
    return job.from.connection.value == "broken" ? failed(Retry::reconnect) : done();
  };
  Service::Jobs jobs;
  for (int number = 0; number < 6; ++number) {
    auto job = a_job("job" + std::to_string(number));
    job->from.connection.value = number < 5 ? "broken" : "shop";
    job->schedule.retries.attempts = 1;
    runs_[job->name.get()] = 0;
    jobs.push_back(job);
  }
  ServiceOptions options;
  options.limits.running_max = 1;
  options.breaker = {.failures_max = 3, .pause = std::chrono::minutes(1)};
  serve(jobs, milliseconds(2300), options);
  int asked = 0;
  for (int number = 0; number < 5; ++number)
    asked += runs_["job" + std::to_string(number)];
  EXPECT_EQ(asked, 3);
  EXPECT_GE(runs_["job5"], 2) << "others go on";
  const auto held = std::find_if(notes_.begin(), notes_.end(), [](const ServiceNote& note) {
    return note.text.find("connection `broken` is given a rest") != std::string::npos;
  });
  EXPECT_NE(held, notes_.end());
}

TEST_F(ServiceTest, AStopLetsRunsEndOrLeavesThemForTheNextStart) {
  run_ = [&](const JobSpec&, const RunId&, Cancel& cancel) {
    for (int part = 0; part < 20 && !cancel.requested(); ++part)
      std::this_thread::sleep_for(milliseconds(50));
    return done(cancel.requested() ? RunState::cancelled : RunState::done);
  };
  auto job = a_job("a");
  serve({job}, milliseconds(1500));
  EXPECT_EQ(count("a", FireState::cancelled), 0);
  EXPECT_TRUE(store_->open_fires()->empty());
  ServiceOptions options;
  options.drain = milliseconds(0);
  job->schedule.overlap = Overlap::queue;
  std::this_thread::sleep_for(milliseconds(300));
  serve({job}, milliseconds(1200), options);
  const auto open = store_->open_fires().value();
  ASSERT_FALSE(open.empty());
  for (const FireRecord& fire : open) {
    EXPECT_EQ(fire.state, FireState::waiting);
    EXPECT_EQ(fire.attempts, 0);
  }
}

}  // namespace
}  // namespace tidemark

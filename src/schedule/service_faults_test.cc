// What a service does when clocks jump, the store takes no writes, or jobs change while they run:
// docs/schedule.md, "When something goes wrong".
#include <gtest/gtest.h>

#include <stdlib.h>
#include <thread>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>

#include "schedule/service_fixture_test.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Shows another time of the day than the machine, and goes on as it does.
class JumpingClock final : public Clock {
 public:
  UtcMicros now_utc() const override { return UtcMicros(clock_.now_utc().get() + ahead_us_); }
  std::chrono::nanoseconds monotonic() const override { return clock_.monotonic(); }
  void sleep(milliseconds duration) const override { clock_.sleep(duration); }
  void jump(std::chrono::microseconds by) { ahead_us_ += by.count(); }

 private:
  SystemClock clock_;
  std::atomic<std::int64_t> ahead_us_ = 0;
};

// A store in a file that takes no writes while `code` says why.
class RefusingDatabase final : public SqlDatabase {
 public:
  RefusingDatabase(std::unique_ptr<SqlDatabase> database, const std::atomic<const char*>& code)
      : database_(std::move(database)), code_(code) {}
  Status read(const Work& work) override { return database_->read(work); }
  Status write(const Work& work, std::optional<milliseconds> patience) override {
    const char* const code = code_;
    if (code != nullptr) return internal_error(code, "the store takes no writes", Retry::never);
    return database_->write(work, patience);
  }
  Status migrate(const Work& work) override { return database_->migrate(work); }
  std::string name() const override { return database_->name(); }

 private:
  std::unique_ptr<SqlDatabase> database_;
  const std::atomic<const char*>& code_;
};

class ServiceFaultsTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-faults-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    auto database = open_sqlite_database(dir_ / "store.db", clock_);
    ASSERT_TRUE(database.ok());
    store_ =
        SqlStore::open(std::make_unique<RefusingDatabase>(std::move(*database), refuses_)).value();
    // Away from an hour's end, or a test of hours would see one more.
    const std::int64_t left = 3'600'000'000 - clock_.now_utc().get() % 3'600'000'000;
    if (left < 60'000'000) clock_.jump(-std::chrono::minutes(5));
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }

  std::shared_ptr<JobSpec> job(const std::string& name, milliseconds every,
                               Missed missed = Missed::once) {
    auto made = std::make_shared<JobSpec>();
    made->name = JobName(name);
    made->content_hash = name;
    made->schedule.every = every;
    made->schedule.missed = missed;
    made->schedule.overlap = Overlap::queue;
    made->from.connection.value = "shop";
    made->to.connection.value = "warehouse";
    return made;
  }
  Status keep(const Service::Jobs& jobs) {
    for (const auto& one : jobs) {
      JobRecord record;
      record.name = one->name;
      TM_CHECK(store_->upsert_job(record));
    }
    return {};
  }

  // Serves for so long; `meanwhile` happens in a thread of its own.
  void serve(const Service::Jobs& jobs, milliseconds duration,
             const std::function<void(Service&)>& meanwhile) {
    ASSERT_TRUE(keep(jobs).ok());
    ServiceOptions options;
    options.owner = "here";
    options.shared = GetParam();
    options.lives_every = milliseconds(200);
    ServiceParts parts{*store_,
                       clock_,
                       randomness_,
                       [this](const JobSpec& one, const RunId&, Cancel&) -> Result<RunRecord> {
                         {
                           const std::lock_guard lock(mutex_);
                           begun_.push_back(one.description);
                         }
                         if (runs_) runs_();
                         RunRecord record;
                         record.state = RunState::done;
                         record.ended_at = UtcMicros(1);
                         return record;
                       },
                       [](const JobSpec&, Cancel&) { return Status(); },
                       [](const ServiceNote&) {}};
    parts.put_off = put_off_;
    Service service(parts, options);
    ASSERT_TRUE(service.set_jobs(jobs).ok());
    serve_for(service, duration, meanwhile);
  }
  static void pass(milliseconds duration) { std::this_thread::sleep_for(duration); }
  std::vector<FireRecord> fires(const std::string& name) {
    return store_->list_fires(JobName(name), 100).value();
  }

  std::atomic<const char*> refuses_ = nullptr;
  JumpingClock clock_;
  SeededRandomness randomness_{7};
  fs::path dir_;
  std::unique_ptr<SqlStore> store_;
  std::function<void()> runs_;
  std::function<std::optional<PutOff>(const JobSpec&, UtcMicros)> put_off_;
  std::mutex mutex_;
  std::vector<std::string> begun_;  // guarded by mutex_ while it serves: what its job said
};

INSTANTIATE_TEST_SUITE_P(Alone, ServiceFaultsTest, ::testing::Values(false));
// By the store's clock, which is the one that jumps: the machine's own only goes on.
INSTANTIATE_TEST_SUITE_P(Shared, ServiceFaultsTest, ::testing::Values(true));

TEST_P(ServiceFaultsTest, AClockThatJumpsAheadHasMissedWhatItLeftOut) {
  serve({job("once", hours(1)), job("all", hours(1), Missed::all),
         job("skip", hours(1), Missed::skip)},
        milliseconds(4500), [&](Service&) {
          pass(milliseconds(1500));
          clock_.jump(hours(5));
        });
  EXPECT_EQ(fires("once").size(), 1U);
  EXPECT_EQ(fires("all").size(), 5U);
  EXPECT_EQ(fires("skip").size(), 0U);
  for (const FireRecord& fire : fires("all"))
    EXPECT_EQ(fire.state, FireState::done) << to_text(fire.fire) << " " << fire.reason;
}

TEST_P(ServiceFaultsTest, WhatIsDueInQuietHoursRunsWhenTheyEnd) {
  // They end in the middle between two times, so that the later takes no place of the first.
  std::int64_t begun = clock_.now_utc().get();
  // Not in the last second before a time, which would then be due, or not, as it begins.
  if (begun % 3'000'000 > 2'000'000) {
    std::this_thread::sleep_for(milliseconds(1100));
    begun = clock_.now_utc().get();
  }
  const UtcMicros fire((begun / 3'000'000 + 1) * 3'000'000);
  const UtcMicros end(fire.get() + 1'500'000);
  std::atomic<int> asked = 0;
  put_off_ = [&](const JobSpec&, UtcMicros now) -> std::optional<PutOff> {
    if (now >= end) return std::nullopt;
    ++asked;
    return PutOff{end, "the source is left alone"};
  };
  auto one = job("a", seconds(3));
  one->schedule.overlap = Overlap::skip;
  serve({one}, milliseconds((end.get() - begun) / 1000 + 1400), [&](Service&) {
    pass(milliseconds((fire.get() - begun) / 1000 + 900));
    const std::vector<FireRecord> held = fires("a");
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held.front().reason, "the source is left alone");
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(begun_.empty());
  });
  const std::vector<FireRecord> all = fires("a");
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.back().fire, fire);
  EXPECT_EQ(all.back().state, FireState::done) << "it is not lost";
  EXPECT_EQ(all.back().attempts, 1);
  EXPECT_EQ(asked, 1) << "it waits for their end, and does not try";
}

TEST_P(ServiceFaultsTest, AClockThatGoesBackRunsNoTimeTwice) {
  UtcMicros before{0};
  serve({job("a", seconds(1))}, milliseconds(9000), [&](Service&) {
    pass(milliseconds(3200));
    before = clock_.now_utc();
    clock_.jump(-seconds(3));
  });
  const std::vector<FireRecord> found = fires("a");
  EXPECT_EQ(found.size(), begun_.size()) << "each was run once";
  ASSERT_FALSE(found.empty());
  EXPECT_GT(found.front().fire, before) << "it goes on when it has come to where it was";
  for (std::size_t at = 1; at < found.size(); ++at)
    EXPECT_EQ(found[at - 1].fire.get() - found[at].fire.get(), 1'000'000) << "none is missing";
}

TEST_P(ServiceFaultsTest, AStoreThatTakesNoWritesIsWaitedFor) {
  for (const char* code : {"store.disk_full", "store.read_only"}) {
    begun_.clear();
    serve({job(code + 6, seconds(1))}, milliseconds(8000), [&](Service&) {
      pass(milliseconds(1500));
      refuses_ = code;
      pass(milliseconds(2500));
      refuses_ = nullptr;
    });
    const std::vector<FireRecord> found = fires(code + 6);
    EXPECT_GE(found.size(), 6U) << code << ": those of the time without it too";
    for (const FireRecord& fire : found)
      EXPECT_EQ(fire.state, FireState::done) << code << " " << to_text(fire.fire) << fire.reason;
  }
}

TEST_P(ServiceFaultsTest, AJobThatIsEditedWhileItRunsEndsAsItWasBegun) {
  auto before = job("a", seconds(1));
  before->description = "before";
  auto after = job("a", seconds(1));
  after->description = "after";
  after->content_hash = "edited";
  runs_ = [] { pass(milliseconds(1200)); };
  serve({before}, milliseconds(5000), [&](Service& service) {
    pass(milliseconds(1500));
    ASSERT_TRUE(service.set_jobs({after}).ok());
  });
  ASSERT_GE(begun_.size(), 2U);
  EXPECT_EQ(begun_.front(), "before");
  EXPECT_EQ(begun_.back(), "after");
  EXPECT_TRUE(std::is_sorted(begun_.begin(), begun_.end(), std::greater<>()));
  EXPECT_EQ(fires("a").back().state, FireState::done);
}

TEST_P(ServiceFaultsTest, AJobThatIsPausedOrGoneWhileItRunsEndsAndRunsNoMore) {
  for (const char* name : {"paused", "gone"}) {
    begun_.clear();
    std::atomic<bool> runs = false;
    std::atomic<bool> ended = false;
    runs_ = [&] {
      runs = true;
      pass(milliseconds(1500));
      ended = true;
    };
    serve({job(name, seconds(1))}, milliseconds(6000), [&](Service& service) {
      while (!runs)
        pass(milliseconds(10));
      auto paused = job(name, seconds(1));
      paused->enabled = false;
      paused->content_hash = "paused";
      const Service::Jobs left =
          name == std::string("gone") ? Service::Jobs() : Service::Jobs{paused};
      ASSERT_TRUE(service.set_jobs(left).ok());
      EXPECT_FALSE(ended);
    });
    EXPECT_TRUE(ended);
    EXPECT_EQ(begun_.size(), 1U) << name;
    const std::vector<FireRecord> found = fires(name);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.back().state, FireState::done) << name << ": the run itself ended well";
  }
}

TEST_P(ServiceFaultsTest, AJobThatIsRenamedWhileItRunsIsAnotherOne) {
  std::atomic<bool> runs = false;
  runs_ = [&] {
    runs = true;
    pass(milliseconds(1200));
  };
  serve({job("old", seconds(1))}, milliseconds(6000), [&](Service& service) {
    while (!runs)
      pass(milliseconds(10));
    const Service::Jobs renamed{job("new", seconds(1))};
    ASSERT_TRUE(keep(renamed).ok());
    ASSERT_TRUE(service.set_jobs(renamed).ok());
  });
  EXPECT_EQ(fires("old").back().state, FireState::done);
  const std::vector<FireRecord> old = fires("old");
  EXPECT_EQ(std::count_if(old.begin(), old.end(),
                          [](const FireRecord& fire) { return fire.state == FireState::done; }),
            1);
  EXPECT_GE(fires("new").size(), 2U) << "it begins anew, with its own times";
}

}  // namespace
}  // namespace tidemark

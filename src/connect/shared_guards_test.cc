#include "connect/shared_guards.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "store/sqlite_database.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One database for several that think themselves processes; it can be away.
class Common final : public SqlDatabase {
 public:
  Common(SqlDatabase& database, const std::atomic<bool>& away, std::atomic<int>& writes)
      : database_(database), away_(away), writes_(writes) {}
  Status read(const Work& work) override { return is_there() ? database_.read(work) : gone(); }
  Status write(const Work& work, std::optional<milliseconds> patience) override {
    ++writes_;
    return is_there() ? database_.write(work, patience) : gone();
  }
  Status migrate(const Work& work) override { return database_.migrate(work); }
  std::string name() const override { return "common"; }

 private:
  bool is_there() const { return !away_; }
  static Status gone() { return internal_error("store.gone", "the server is not there"); }
  SqlDatabase& database_;
  const std::atomic<bool>& away_;
  std::atomic<int>& writes_;
};

class SharedGuardsTest : public ::testing::Test {
 protected:
  struct Process {
    std::unique_ptr<Guards> guards;
    std::unique_ptr<SharedGuards> shared;
    std::atomic<bool> away{false};
    std::atomic<int> writes{0};
    Guard& guard() const { return guards->of("shop"); }
  };

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-guards-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    database_ = std::move(open_sqlite_database(dir_ / "store.db", clock_)).value();
    project_.connections.emplace_back();
    project_.connections.back().name.value = "shop";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  GuardSpec& spec() { return project_.connections.back().guard; }
  std::unique_ptr<Process> process(const std::string& name, milliseconds ttl = seconds(30)) {
    auto made = std::make_unique<Process>();
    made->guards = std::make_unique<Guards>(project_, clock_);
    made->shared = std::make_unique<SharedGuards>(
        *made->guards,
        [this, name, ttl, raw = made.get()]() -> Result<std::unique_ptr<GuardShares>> {
          if (raw->away) return internal_error("store.cannot_connect", "there is no server");
          return GuardShares::open(std::make_unique<Common>(*database_, raw->away, raw->writes),
                                   name, ttl);
        },
        clock_);
    return made;
  }

  std::filesystem::path dir_;
  SystemClock clock_;
  ProjectSpec project_;
  std::unique_ptr<SqlDatabase> database_;
  Cancel cancel_;
};

TEST_F(SharedGuardsTest, SessionsOfTwoProcessesAreNeverMoreThanTheLimitAndAllComeToTheirs) {
  spec().connections = 1;
  const auto one = process("one");
  const auto two = process("two");
  std::atomic<int> in_use{0};
  std::atomic<int> most{0};
  std::array<std::atomic<int>, 4> turns{};
  std::vector<std::thread> jobs;
  Cancel cancel;
  for (std::size_t job = 0; job < turns.size(); ++job) {
    // Three in one process, one in the other.
    jobs.emplace_back([&, job] {
      Guard& guard = (job < 3 ? one : two)->guard();
      while (true) {
        auto place = guard.enter(std::to_string(job), cancel);
        if (!place.ok()) return;
        const int now = ++in_use;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(milliseconds(20));
        ++turns[job];
        --in_use;
      }
    });
  }
  std::this_thread::sleep_for(seconds(12));
  cancel.request();
  for (std::thread& job : jobs)
    job.join();
  EXPECT_EQ(most, 1);
  for (const auto& one_job : turns)
    EXPECT_GE(one_job, 3);
}

// Two processes with two readers each, then the first alone.
TEST_F(SharedGuardsTest, FourReadersInTwoProcessesShareOneRate) {
  constexpr std::int64_t rate = 20'000;
  spec().rows_per_second = rate;
  auto one = process("one");
  auto two = process("two");
  std::array<std::atomic<std::int64_t>, 4> rows{};
  std::array<Cancel, 2> cancels;
  std::vector<std::thread> jobs;
  for (std::size_t job = 0; job < rows.size(); ++job) {
    jobs.emplace_back([&, job] {
      Guard& guard = (job < 2 ? one : two)->guard();
      Cancel& cancel = cancels[job / 2];
      const auto session = guard.enter(std::to_string(job), cancel);
      Toll toll(guard, std::to_string(job));
      while (toll.row(100, cancel).ok())
        ++rows[job];
    });
  }
  const auto sum = [&] {
    std::int64_t all = 0;
    for (const auto& of_one : rows)
      all += of_one;
    return all;
  };
  const auto rate_over = [&](milliseconds duration) {
    const std::int64_t before = sum();
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(duration);
    return static_cast<double>(sum() - before) /
           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::this_thread::sleep_for(milliseconds(3'000));
  EXPECT_NEAR(rate_over(seconds(10)), rate, rate * 0.05);
  for (const auto& of_one : rows)
    EXPECT_GT(of_one * 6, sum());
  cancels[1].request();
  jobs[2].join();
  jobs[3].join();
  std::this_thread::sleep_for(milliseconds(2'500));
  EXPECT_NEAR(rate_over(seconds(3)), rate, rate * 0.05) << "what the others had is free";
  cancels[0].request();
  jobs[0].join();
  jobs[1].join();
}

TEST_F(SharedGuardsTest, WhoCannotReachTheStoreKeepsWhatItHasForItsTimeAndStops) {
  spec().connections = 1;
  spec().rows_per_second = 1'000'000;
  const auto one = process("one", seconds(6));
  const auto two = process("two", seconds(6));
  auto held = one->guard().enter("orders", cancel_);
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE(one->guard().pay("orders", 1, 1, {}, cancel_).ok());
  one->away = true;
  const auto gone_at = clock_.monotonic();
  ASSERT_TRUE(one->guard().pay("orders", 1, 1, {}, cancel_).ok());
  Status paid;
  while (paid.ok()) {
    std::this_thread::sleep_for(milliseconds(50));
    paid = one->guard().pay("orders", 1, 1, {}, cancel_);
  }
  const auto stopped_at = clock_.monotonic();
  EXPECT_EQ(paid.error().code, "guard.lost");
  EXPECT_NE(paid.error().message.find("not there"), std::string::npos) << paid.error().message;
  EXPECT_GT(stopped_at - gone_at, seconds(2));
  EXPECT_LT(stopped_at - gone_at, milliseconds(4'500));
  const auto taken = two->guard().enter("customers", cancel_);
  ASSERT_TRUE(taken.ok());
  EXPECT_GT(clock_.monotonic(), stopped_at) << "nobody else has the place before";
  // It comes back: the place is another's, and the job must let its session go.
  one->away = false;
  std::this_thread::sleep_for(milliseconds(2'500));
  EXPECT_EQ(one->guard().pay("orders", 1, 1, {}, cancel_).error().code, "guard.lost");
  held->reset();
  EXPECT_EQ(one->guard().try_enter("orders"), nullptr);
}

TEST_F(SharedGuardsTest, WhoCanGoOnWithoutAsksForWhatIsFreeAndDoesNotWaitForOthers) {
  spec().connections = 2;
  const auto one = process("one");
  const auto two = process("two");
  const auto first = one->guard().enter("orders", cancel_);
  ASSERT_TRUE(first.ok());
  const auto beside = one->guard().try_enter("orders");
  EXPECT_NE(beside, nullptr);
  const auto begin = clock_.monotonic();
  EXPECT_EQ(one->guard().try_enter("orders"), nullptr);
  EXPECT_LT(clock_.monotonic() - begin, milliseconds(100)) << "it was told that none is free";
  Cancel impatient;
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(600));
    impatient.request();
  });
  EXPECT_EQ(two->guard().enter("customers", impatient).error().code, "run.cancelled");
  later.join();
}

TEST_F(SharedGuardsTest, AStoreThatWasNeverThereIsToldAtOnce) {
  spec().connections = 1;
  const auto one = process("one");
  one->away = true;
  const auto place = one->guard().enter("orders", cancel_);
  ASSERT_FALSE(place.ok());
  EXPECT_EQ(place.error().code, "guard.not_shared");
  EXPECT_NE(place.error().message.find("no server"), std::string::npos);
  one->away = false;
  std::this_thread::sleep_for(milliseconds(1'500));
  EXPECT_TRUE(one->guard().enter("orders", cancel_).ok());
}

TEST_F(SharedGuardsTest, AStrainThatOneSeesSlowsTheOther) {
  spec().slow_above = milliseconds(100);
  const auto one = process("one");
  const auto two = process("two");
  const auto watch = one->guard().watch([] { return std::make_shared<int>(0); });
  one->guard().strained(true);
  one->guard().strained(true);
  for (int i = 0; i < 30 && two->guard().share() > 0.25; ++i) {
    ASSERT_TRUE(one->guard().pay("orders", 1, 1, {}, cancel_).ok());
    ASSERT_TRUE(two->guard().pay("customers", 1, 1, {}, cancel_).ok());
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(two->guard().share(), 0.25);
}

TEST_F(SharedGuardsTest, WhoDoesNothingAsksNothing) {
  spec().connections = 2;
  const auto one = process("one");
  std::this_thread::sleep_for(milliseconds(1'200));
  EXPECT_EQ(one->writes, 0);
  for (int run = 0; run < 20; ++run)
    ASSERT_TRUE(one->guard().enter("orders", cancel_).ok());
  EXPECT_LE(one->writes, 3) << "a place is kept for the next who comes soon";
  std::this_thread::sleep_for(seconds(4));
  const int after = one->writes;
  std::this_thread::sleep_for(seconds(2));
  EXPECT_EQ(one->writes, after);
}

}  // namespace
}  // namespace tidemark

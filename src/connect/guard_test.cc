#include "connect/guard.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

GuardSpec with_connections(std::int64_t count) {
  GuardSpec spec;
  spec.connections = count;
  return spec;
}

TEST(Pace, IsKeptOverAnyTimeAndAPauseSavesNothingUp) {
  Pace pace(100);
  const auto second = std::chrono::nanoseconds(seconds(1));
  EXPECT_EQ(pace.take(50, second), second * 3 / 2);
  EXPECT_EQ(pace.take(50, second), second * 2);
  EXPECT_EQ(pace.take(10, second * 20), second * 20 + second / 10);
  EXPECT_EQ(pace.take(1'000, second * 20), second * 30 + second / 10);
}

TEST(Guard, HoldsBothRates) {
  ManualClock clock{UtcMicros(0)};
  GuardSpec spec;
  spec.rows_per_second = 1'000;
  spec.bytes_per_second = 10'000;
  Guard guard(spec, clock);
  Cancel cancel;
  const auto begin = clock.monotonic();
  ASSERT_TRUE(guard.pay("a", 2'000, 1'000, {}, cancel).ok());
  EXPECT_EQ(clock.monotonic() - begin, seconds(2));
  ASSERT_TRUE(guard.pay("a", 1, 50'000, {}, cancel).ok());
  EXPECT_NEAR(std::chrono::duration<double>(clock.monotonic() - begin).count(), 7.0, 0.01);
  cancel.request();
  EXPECT_EQ(guard.pay("a", 1'000'000, 0, {}, cancel).error().code, "run.cancelled");
}

// What it took to read is part of the time, and no pause before it is.
TEST(Guard, OneReaderAloneComesToTheWholeRate) {
  ManualClock clock{UtcMicros(0)};
  GuardSpec spec;
  spec.rows_per_second = 1'000;
  Guard guard(spec, clock);
  Cancel cancel;
  const auto read = [&](milliseconds took) {
    clock.advance(took);
    EXPECT_TRUE(guard.pay("a", 100, 100, took, cancel).ok());
  };
  read(milliseconds(10));
  auto begin = clock.monotonic();
  for (int piece = 0; piece < 100; ++piece)
    read(milliseconds(30));
  EXPECT_EQ(clock.monotonic() - begin, seconds(10));
  begin = clock.monotonic();
  read(seconds(60));
  for (int piece = 0; piece < 100; ++piece)
    read(milliseconds(30));
  EXPECT_GE(clock.monotonic() - begin, milliseconds(69'800));
}

// Four jobs that read as fast as they may, beside each other: in every ten seconds the rate is kept
// within five in a hundred, and nobody gets much less than his part.
TEST(Guard, FourJobsShareOneRate) {
  constexpr std::int64_t rate = 20'000;
  const SystemClock clock;
  GuardSpec spec;
  spec.rows_per_second = rate;
  Guard guard(spec, clock);
  Cancel cancel;
  std::array<std::atomic<std::int64_t>, 4> rows{};
  std::vector<std::thread> jobs;
  for (std::size_t job = 0; job < rows.size(); ++job) {
    jobs.emplace_back([&, job] {
      Toll toll(guard, std::to_string(job));
      while (toll.row(100, cancel).ok())
        ++rows[job];
    });
  }
  const auto sum = [&] {
    std::int64_t all = 0;
    for (const auto& one : rows)
      all += one;
    return all;
  };
  std::this_thread::sleep_for(milliseconds(500));
  for (int window = 0; window < 2; ++window) {
    const std::int64_t before = sum();
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(seconds(window == 0 ? 10 : 3));
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double per_second = static_cast<double>(sum() - before) / took;
    EXPECT_NEAR(per_second, rate, rate * 0.05);
  }
  cancel.request();
  for (std::thread& job : jobs)
    job.join();
  for (const auto& one : rows)
    EXPECT_GT(one * 5, sum()) << "at least a fifth of what four share";
}

// What is kept, with the place that it has.
struct FakeSession {
  explicit FakeSession(std::shared_ptr<void> place) : place(std::move(place)) {}
  std::shared_ptr<void> place;
};

TEST(Guard, ASessionThatIsKeptGoesToTheNextWhoAsksForItsLike) {
  ManualClock clock{UtcMicros(0)};
  Guard guard(with_connections(1), clock);
  Cancel cancel;
  const auto keep = [&](const std::string& key) {
    auto session = std::make_shared<FakeSession>(*guard.enter("a", cancel));
    const std::weak_ptr<FakeSession> seen = session;
    std::shared_ptr<void> place = session->place;
    guard.keep(key, std::move(session), std::move(place));
    return seen;
  };
  const auto kept = keep("same");
  EXPECT_EQ(guard.take_kept("b", "other"), nullptr);
  auto taken = guard.take_kept("b", "same");
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken, kept.lock());
  EXPECT_EQ(guard.take_kept("b", "same"), nullptr) << "one session has one user";
  EXPECT_EQ(guard.enter("b", cancel).error().code, "guard.too_few") << "its place is b's now";
  EXPECT_EQ(guard.try_enter("c"), nullptr);
  taken.reset();
  EXPECT_NE(guard.try_enter("c"), nullptr) << "its end gave the place back";

  const auto old = keep("same");
  clock.advance(seconds(61));
  EXPECT_EQ(guard.take_kept("b", "same"), nullptr);
  guard.end_kept();
  EXPECT_TRUE(old.expired());
}

TEST(Guard, ASessionThatIsKeptGivesWayToWhoeverWaits) {
  const SystemClock clock;
  Guard guard(with_connections(2), clock);
  Cancel cancel;
  const auto keep = [&] {
    auto session = std::make_shared<FakeSession>(*guard.enter("a", cancel));
    std::shared_ptr<void> place = session->place;
    guard.keep("key", std::move(session), std::move(place));
  };
  keep();
  {
    // Of two places one is free, and the next needs the other.
    auto first = guard.enter("b", cancel);
    ASSERT_TRUE(first.ok());
    const auto begin = clock.monotonic();
    auto second = guard.enter("c", cancel);
    ASSERT_TRUE(second.ok());
    EXPECT_LT(clock.monotonic() - begin, milliseconds(40)) << "without a wait";
    EXPECT_EQ(guard.take_kept("d", "key"), nullptr);
  }
  keep();
  auto beside = guard.enter("b", cancel);
  EXPECT_NE(guard.try_enter("b"), nullptr);

  // Where somebody waits, none is kept.
  auto held = guard.enter("a", cancel);
  std::thread waiting([&] { EXPECT_TRUE(guard.enter("c", cancel).ok()); });
  std::this_thread::sleep_for(milliseconds(100));
  auto session = std::make_shared<FakeSession>(std::move(*held));
  const std::weak_ptr<FakeSession> seen = session;
  std::shared_ptr<void> place = session->place;
  guard.keep("key", std::move(session), std::move(place));
  EXPECT_TRUE(seen.expired());
  waiting.join();
}

TEST(Guard, ASessionThatNobodyTakesIsEnded) {
  const SystemClock clock;
  Guard guard(with_connections(1), clock, milliseconds(100));
  Cancel cancel;
  auto session = std::make_shared<FakeSession>(*guard.enter("a", cancel));
  const std::weak_ptr<FakeSession> seen = session;
  std::shared_ptr<void> place = session->place;
  guard.keep("key", std::move(session), std::move(place));
  EXPECT_FALSE(seen.expired());
  const auto until = clock.monotonic() + seconds(5);
  while (!seen.expired() && clock.monotonic() < until)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(seen.expired());
}

TEST(Guard, WhoTellsOthersOfItWaitsForNoSessionToEnd) {
  const SystemClock clock;
  Guard guard(with_connections(2), clock);
  Cancel cancel;
  guard.share([] {});
  GuardGrant grant;
  grant.places = 2;
  const auto tell = [&] { guard.told(grant, clock.monotonic() + seconds(60)); };
  tell();
  // As behind a network that is silent.
  std::atomic<int> ended{0};
  const auto keep = [&] {
    std::shared_ptr<void> place = *guard.enter("a", cancel);
    const std::shared_ptr<void> session(static_cast<void*>(nullptr), [&, place](void*) {
      std::this_thread::sleep_for(milliseconds(300));
      ++ended;
    });
    return std::pair(session, std::move(place));
  };
  for (auto& [session, place] : std::array{keep(), keep()})
    guard.keep("key", session, place);
  const auto begin = clock.monotonic();
  grant.others_wait = true;
  tell();
  EXPECT_EQ(guard.take_kept("b", "key"), nullptr) << "it is to end";
  EXPECT_EQ(guard.report().places, 2) << "until it has ended it has its place";
  EXPECT_LT(clock.monotonic() - begin, milliseconds(200));
  guard.end_kept();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(guard.report().places, 0);
}

TEST(Guard, ConnectionsAreNeverExceededAndAllComeToTheirs) {
  const SystemClock clock;
  Guard guard(with_connections(3), clock);
  Cancel cancel;
  std::atomic<int> in_use{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  std::vector<std::thread> jobs;
  for (int job = 0; job < 12; ++job) {
    jobs.emplace_back([&, job] {
      for (int turn = 0; turn < 20; ++turn) {
        auto place = guard.enter(std::to_string(job % 5), cancel);
        ASSERT_TRUE(place.ok()) << place.error().describe();
        const int now = ++in_use;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(milliseconds(1));
        --in_use;
      }
      ++done;
    });
  }
  for (std::thread& job : jobs)
    job.join();
  EXPECT_EQ(done, 12);
  EXPECT_EQ(most, 3);
}

TEST(Guard, WhoeverHoldsFewestAndHasReadLeastComesFirst) {
  const SystemClock clock;
  Guard guard(with_connections(2), clock);
  Cancel cancel;
  auto large = guard.enter("large", cancel);
  auto other = guard.enter("other", cancel);
  ASSERT_TRUE(guard.pay("large", 1'000'000, 100'000'000, {}, cancel).ok());
  ASSERT_TRUE(guard.pay("read more", 10, 1'000, {}, cancel).ok());
  std::vector<std::string> order;
  std::mutex mutex;
  std::vector<std::thread> waiting;
  for (const std::string who : {"large", "read more", "small"}) {
    waiting.emplace_back([&, who] {
      auto place = guard.enter(who, cancel);
      ASSERT_TRUE(place.ok());
      const std::lock_guard lock(mutex);
      order.push_back(who);
    });
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(guard.try_enter("late"), nullptr);
  other->reset();
  for (std::thread& one : waiting)
    one.join();
  EXPECT_EQ(order, (std::vector<std::string>{"small", "read more", "large"}));
  EXPECT_NE(guard.try_enter("late"), nullptr);
}

TEST(Guard, WaitingForOneselfIsSaidAndACancelIsHeard) {
  const SystemClock clock;
  Guard guard(with_connections(1), clock);
  Cancel cancel;
  auto held = guard.enter("job", cancel);
  EXPECT_EQ(guard.enter("job", cancel).error().code, "guard.too_few");
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(100));
    cancel.request();
  });
  EXPECT_EQ(guard.enter("other", cancel).error().code, "run.cancelled");
  later.join();
  held->reset();
  Cancel fresh;
  EXPECT_TRUE(guard.enter("other", fresh).ok());
}

TEST(Guard, AStrainedSourceIsReadMoreSlowlyUntilItHasRecovered) {
  ManualClock clock{UtcMicros(0)};
  for (const bool has_rate : {true, false}) {
    GuardSpec spec;
    if (has_rate) spec.rows_per_second = 1'000;
    Guard guard(spec, clock);
    Cancel cancel;
    const auto took = [&] {
      const auto begin = clock.monotonic();
      EXPECT_TRUE(guard.pay("a", 100, 100, milliseconds(100), cancel).ok());
      return std::chrono::duration<double>(clock.monotonic() - begin).count();
    };
    // Without a rate the pause follows what the reading itself took.
    const double usual = took();
    EXPECT_NEAR(usual, has_rate ? 0.1 : 0, 0.01);
    guard.strained(true);
    guard.strained(true);
    EXPECT_NEAR(took(), has_rate ? 0.4 : 0.3, 0.01);
    for (int look = 0; look < 20; ++look)
      guard.strained(true);
    EXPECT_EQ(guard.share(), 1.0 / 64);
    for (int look = 0; look < 20; ++look)
      guard.strained(false);
    EXPECT_EQ(guard.share(), 1.0);
    EXPECT_NEAR(took(), usual, 0.01);
  }
}

TEST(Guard, NoRunBeginsInQuietHours) {
  ManualClock clock{*parse_utc("2026-11-23T10:30:00Z")};  // a Monday
  GuardSpec spec;
  EXPECT_TRUE(Guard(spec, clock).check_hours().ok());
  spec.quiet_hours.push_back(*QuietHours::parse("Mon-Fri 08:00-18:00"));
  spec.timezone.value = "Europe/Berlin";
  const Guard guard(spec, clock);
  const Status now = guard.check_hours();
  ASSERT_FALSE(now.ok());
  EXPECT_EQ(now.error().code, "blocked.quiet_hours");
  const auto quiet = quiet_at(spec, clock.now_utc());
  ASSERT_TRUE(quiet.ok() && *quiet);
  EXPECT_FALSE(*quiet_at(spec, (*quiet)->until)) << "then it may be read";
  EXPECT_TRUE(*quiet_at(spec, UtcMicros((*quiet)->until.get() - 1)));
  EXPECT_NE(now.error().hint.find("18:00"), std::string::npos) << now.error().hint;
  clock.advance(std::chrono::hours(7));
  EXPECT_TRUE(guard.check_hours().ok());
}

}  // namespace
}  // namespace tidemark

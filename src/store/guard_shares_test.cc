#include "store/guard_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds ttl{30};

class GuardSharesTest : public StoreFixture {
 protected:
  std::unique_ptr<GuardShares> process(const std::string& name) {
    auto shares = GuardShares::open(open_database(), name, ttl);
    EXPECT_TRUE(shares.ok()) << shares.error().describe();
    return std::move(shares).value();
  }
  static GuardGrant ask(GuardShares& shares, std::int64_t places, std::int64_t wanted,
                        milliseconds waited = {}, double readers = 0) {
    GuardReport report;
    report.connection = "shop";
    report.connections = 2;
    report.places = places;
    report.wanted = wanted;
    report.waited = waited;
    report.weight = static_cast<std::int64_t>(readers * whole_part);
    report.jobs = {{"orders", places}};
    auto grants = shares.exchange({report});
    EXPECT_TRUE(grants.ok()) << grants.error().describe();
    return grants.ok() && grants->size() == 1 ? grants->front() : GuardGrant{};
  }
  static double part(GuardShares& shares, double readers) {
    return static_cast<double>(ask(shares, 0, 0, {}, readers).part) / whole_part;
  }
  // Time in which nobody was heard.
  void silence(seconds duration) {
    pass(duration);
    if (GetParam() == System::sqlite) return;
    for (const std::string column : {"seen_at", "expires_at", "waits_since"}) {
      server().psql(database_, "update tidemark.etl_guard_shares set " + column + " = to_char(" +
                                   column + "::timestamp - interval '" +
                                   std::to_string(duration.count()) +
                                   " s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    }
  }
};

TEST_P(GuardSharesTest, PlacesAreNeverMoreThanTheLimit) {
  const auto one = process("one");
  const auto two = process("two");
  EXPECT_EQ(ask(*one, 0, 3).places, 2);
  const GuardGrant none = ask(*two, 0, 1);
  EXPECT_EQ(none.places, 0);
  EXPECT_TRUE(none.is_owed);
  EXPECT_TRUE(ask(*one, 2, 0).others_wait);
  EXPECT_EQ(ask(*one, 1, 0).places, 1);
  EXPECT_EQ(ask(*two, 0, 1).places, 1);
  EXPECT_FALSE(ask(*one, 1, 0).others_wait);
  EXPECT_EQ(ask(*one, 1, 1).places, 1);
  ASSERT_TRUE(two->leave().ok());
  EXPECT_EQ(ask(*one, 1, 1).places, 2);
}

TEST_P(GuardSharesTest, WhoHasWaitedLongestComesFirst) {
  const auto one = process("one");
  const auto two = process("two");
  const auto three = process("three");
  EXPECT_EQ(ask(*one, 0, 2).places, 2);
  EXPECT_EQ(ask(*two, 0, 1, seconds(1)).places, 0);
  EXPECT_EQ(ask(*three, 0, 1, seconds(2)).places, 0);
  // Of the two that are given back each has one, whoever asks first and for however many.
  EXPECT_EQ(ask(*one, 1, 5).places, 1);
  EXPECT_EQ(ask(*two, 0, 2, seconds(1)).places, 0);
  EXPECT_EQ(ask(*three, 0, 2, seconds(2)).places, 1);
  EXPECT_EQ(ask(*one, 0, 5).places, 0);
  EXPECT_EQ(ask(*three, 1, 1).places, 1);
  EXPECT_EQ(ask(*two, 0, 2, seconds(1)).places, 1);
}

TEST_P(GuardSharesTest, OneThatIsSilentLosesItsPlacesAndOneThatWaitsHoldsNobodyUp) {
  const auto one = process("one");
  const auto two = process("two");
  const auto three = process("three");
  EXPECT_EQ(ask(*one, 0, 2).places, 2);
  EXPECT_EQ(ask(*three, 0, 1, seconds(9)).places, 0);
  silence(seconds(20));  // of thirty, since a busy machine takes some for the questions
  EXPECT_EQ(ask(*two, 0, 1).places, 0);
  silence(seconds(11));
  EXPECT_EQ(ask(*two, 0, 1).places, 1) << "the one that waits was not heard for long";
  // One place is there still; which of its two sessions has it nobody knows.
  const GuardGrant left = ask(*one, 2, 0);
  EXPECT_EQ(left.places, 1);
  EXPECT_TRUE(left.lost);
}

TEST_P(GuardSharesTest, OneThatWasSilentGoesOnWhereNobodyTookItsPlaces) {
  const auto one = process("one");
  EXPECT_EQ(ask(*one, 0, 2).places, 2);
  silence(seconds(31));
  const GuardGrant again = ask(*one, 2, 0);
  EXPECT_EQ(again.places, 2);
  EXPECT_FALSE(again.lost);
}

TEST_P(GuardSharesTest, PartsFollowTheReadersAndAreNeverMoreThanTheWhole) {
  const auto one = process("one");
  const auto two = process("two");
  EXPECT_EQ(part(*one, 1), 1);
  EXPECT_EQ(part(*two, 3), 0) << "nobody gave anything up yet";
  EXPECT_EQ(part(*one, 1), 0.25);
  EXPECT_EQ(part(*two, 3), 0.75);
  // A reader with a share of its own counts for as much.
  EXPECT_EQ(part(*two, 0.25), 0.2);
  EXPECT_EQ(part(*one, 1), 0.8);
  EXPECT_EQ(part(*two, 0), 0);
  EXPECT_EQ(part(*one, 1), 1);
  EXPECT_EQ(part(*two, 1), 0);
  silence(seconds(31));
  EXPECT_EQ(part(*two, 1), 1) << "the other is silent";
}

TEST_P(GuardSharesTest, AStrainIsToldToAllForSomeSeconds) {
  const auto one = process("one");
  const auto two = process("two");
  GuardReport report;
  report.connection = "shop";
  report.weight = whole_part;
  report.strain = whole_part / 4;
  ASSERT_TRUE(one->exchange({report}).ok());
  EXPECT_EQ(ask(*two, 0, 0, {}, 1).strain, whole_part / 4);
  silence(seconds(6));
  EXPECT_EQ(ask(*two, 0, 0, {}, 1).strain, whole_part);
}

TEST_P(GuardSharesTest, WhatIsUsedIsListedByProcessAndJob) {
  const auto one = process("one");
  EXPECT_EQ(ask(*one, 0, 1).places, 1);
  ask(*one, 1, 0, {}, 1);
  const auto list = one->list();
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().holder, "one");
  EXPECT_EQ(list->front().jobs, (std::map<std::string, std::int64_t>{{"orders", 1}}));
  EXPECT_EQ(list->front().part, whole_part);
  // Who is done with it is not there.
  ask(*one, 0, 0);
  EXPECT_TRUE(one->list()->empty());
}

// A store that is a file is used by one process.
class GuardSharesOfManyTest : public GuardSharesTest {};

TEST_P(GuardSharesOfManyTest, AtTheSameMomentKeepTheLimitToo) {
  constexpr int processes = 4;
  std::atomic<int> most{0};
  std::atomic<int> in_use{0};
  std::atomic<int> turns{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < processes; ++i) {
    threads.emplace_back([&, i] {
      const auto shares = process("p" + std::to_string(i));
      const auto begin = std::chrono::steady_clock::now();
      for (int turn = 0; turn < 5;) {
        const auto waited =
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
        if (ask(*shares, 0, 1, waited).places == 0) continue;
        const int now = ++in_use;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(milliseconds(2));
        --in_use;
        ask(*shares, 0, 0);
        ++turn;
        ++turns;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(turns, processes * 5);
  EXPECT_LE(most, 2);
  EXPECT_GE(most, 1);
}

INSTANTIATE_TEST_SUITE_P(Systems, GuardSharesTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);
INSTANTIATE_TEST_SUITE_P(Systems, GuardSharesOfManyTest, ::testing::Values(System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark

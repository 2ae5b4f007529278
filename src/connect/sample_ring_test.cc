#include "connect/sample_ring.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace tidemark {
namespace {

TEST(SampleRing, AMomentWithNothingInFlightIsSettledAtOnce) {
  SampleRing ring;
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring.add("10:00", {});
  EXPECT_EQ(ring.settled(), "10:00");
  EXPECT_TRUE(ring.newest_is_settled());
}

TEST(SampleRing, AMomentWaitsForWhatWasInFlightAndForNothingThatBeganLater) {
  SampleRing ring;
  ring.add("1", {{"a"}, {}});
  ring.add("2", {{"a", "b"}, {}});
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring.add("3", {{"b", "c"}, {}});
  EXPECT_EQ(ring.settled(), "1");
  ring.add("4", {{"c"}, {}});
  EXPECT_EQ(ring.settled(), "2");
  ring.look_again({{"d"}, {}});  // began after the last moment
  EXPECT_EQ(ring.settled(), "4");
}

TEST(SampleRing, APreparedTransactionMayBeAnyThatWasInFlightBefore) {
  SampleRing ring;
  ring.add("1", {{"a"}, {}});
  ring.add("2", {{}, {"gid"}});  // a has ended, or was prepared
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring.add("3", {{}, {"gid"}});
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring.add("4", {});
  EXPECT_EQ(ring.settled(), "4");
}

TEST(SampleRing, APreparedTransactionDoesNotHoldWhatWasSettledBefore) {
  SampleRing ring;
  ring.add("1", {});
  ring.add("2", {{}, {"gid"}});
  EXPECT_EQ(ring.settled(), "1");
}

TEST(SampleRing, WhatANameBecameIsWaitedForInItsPlace) {
  SampleRing ring;
  ring.add("1", {{"statement"}, {}});
  ring.add("2", {{"statement", "other"}, {}});
  // Its transaction was not told before, and one that ended without an heir is waited for no more.
  ring.add("3", {{"transaction"}, {}, {{"statement", "transaction"}, {"never", "transaction"}}});
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring = SampleRing::parse(ring.text());
  ring.look_again({{"transaction", "next"}, {}});
  EXPECT_EQ(ring.settled(), std::nullopt);
  ring.look_again({{"next"}, {}});
  EXPECT_EQ(ring.settled(), "3");
}

TEST(SampleRing, AnHeirThatWasInFlightItselfKeepsItsOwnMoment) {
  SampleRing ring;
  ring.add("1", {{"transaction"}, {}});
  ring.add("2", {{"transaction", "statement"}, {}});
  ring.add("3", {{"transaction"}, {}, {{"statement", "transaction"}}});
  EXPECT_EQ(ring.settled(), std::nullopt);
}

TEST(SampleRing, WhatTheOldestMomentWaitsForIsTold) {
  SampleRing ring;
  ring.add("1", {});
  EXPECT_FALSE(ring.oldest_waiting());
  ring.add("2", {{"b"}, {}});
  ring.add("3", {{"a", "b"}, {}});
  ASSERT_TRUE(ring.oldest_waiting());
  EXPECT_EQ(ring.oldest_waiting()->moment, "2");
  EXPECT_EQ(ring.oldest_waiting()->name, "b");
  ring.look_again({{"a"}, {"gid"}});
  EXPECT_EQ(ring.oldest_waiting()->moment, "2");
  EXPECT_EQ(ring.oldest_waiting()->name, "gid");
  EXPECT_TRUE(ring.oldest_waiting()->is_prepared);
}

TEST(SampleRing, ItGoesThroughTextAndATextThatIsNoneIsAnEmptyRing) {
  SampleRing ring;
  ring.add("1", {});
  ring.add("2", {{"a"}, {"odd 'gid'\n"}});
  SampleRing again = SampleRing::parse(ring.text());
  EXPECT_EQ(again.text(), ring.text());
  EXPECT_EQ(again.settled(), "1");
  again.add("3", {});
  EXPECT_EQ(again.settled(), "3");
  for (const char* text :
       {"", "{}", "[1]", R"({"last":1,"moments":[["a"]],"running":[],"prepared":[]})"})
    EXPECT_EQ(SampleRing::parse(text).settled(), std::nullopt) << text;
}

TEST(SampleRing, ItStaysSmallAndStillSettlesWhileTransactionsOverlapForEver) {
  SampleRing ring;
  int settled = 0;
  for (int at = 0; at < 10'000; ++at) {
    // Each is in flight for 1,000 looks, far more than the ring has moments.
    InFlight now;
    for (int id = at / 100; id > at / 100 - 10; --id)
      now.running.push_back(std::to_string(id));
    ring.add(std::to_string(at), now);
    ASSERT_LT(ring.text().size(), 3'000U);
    if (!ring.settled()) continue;
    settled = std::stoi(*ring.settled());
    ASSERT_LE(settled, at - 900);
  }
  EXPECT_GT(settled, 7'500);
}

// A source as it is, with transactions that write, are prepared and end: whatever is settled must
// have been ended by then, with rings lost and put back to an older state in between.
TEST(SampleRing, NothingInFlightIsEverPassed) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 dice(seed);
    const auto roll = [&](int below) {
      return std::uniform_int_distribution<int>(0, below - 1)(dice);
    };
    std::map<std::string, int> running;   // name -> when it began
    std::map<std::string, int> prepared;  // the same by its gid
    SampleRing ring;
    std::string older;
    int names = 0;
    for (int clock = 0; clock < 300; ++clock) {
      for (int steps = roll(4); steps > 0; --steps) {
        const int what = roll(10);
        if (what < 5) {
          running.emplace("v" + std::to_string(++names), 2 * clock);
        } else if (what < 8 && !running.empty()) {
          running.erase(std::next(running.begin(), roll(int(running.size()))));
        } else if (what == 8 && !running.empty()) {
          const auto one = std::next(running.begin(), roll(int(running.size())));
          prepared.emplace("g" + std::to_string(++names), one->second);
          running.erase(one);
        } else if (!prepared.empty()) {
          prepared.erase(prepared.begin());
        }
      }
      InFlight now;
      for (const auto& [name, began] : running)
        now.running.push_back(name);
      for (const auto& [name, began] : prepared)
        now.prepared.push_back(name);
      if (roll(20) == 0) older = ring.text();
      if (roll(50) == 0) ring = SampleRing::parse(roll(2) == 0 ? older : "");
      roll(4) == 0 ? ring.look_again(now) : ring.add(std::to_string(2 * clock + 1), now);
      if (!ring.settled()) continue;
      for (const auto* open : {&running, &prepared}) {
        for (const auto& [name, began] : *open)
          ASSERT_GT(began, std::stoi(*ring.settled())) << "seed " << seed << ", clock " << clock;
      }
    }
  }
}

}  // namespace
}  // namespace tidemark

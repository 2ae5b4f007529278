#include "connectors/mysql/sample_ring.h"

#include <gtest/gtest.h>

namespace tidemark::mysql {
namespace {

std::string at(int second) {
  char text[32];
  std::snprintf(text, sizeof(text), "2024-01-01 00:00:%02d.000000", second);
  return text;
}

// A look after which the process ended: the ring goes by its text.
void look(std::string& memory, const InFlight& now) {
  SampleRing ring = SampleRing::parse(memory, "server");
  ring.add(now);
  memory = ring.text();
}

std::string released(const std::string& memory) {
  return SampleRing::parse(memory, "server").released().value_or("none");
}

TEST(SampleRingTest, NothingInFlightReleasesAtOnce) {
  std::string memory;
  look(memory, {at(1), {}, {}, {}});
  EXPECT_EQ(released(memory), at(1));
  look(memory, {at(2), {{7, "70"}}, {}, {}});
  EXPECT_EQ(released(memory), at(1));
  look(memory, {at(3), {{7, "71"}}, {}, {}});
  EXPECT_EQ(released(memory), at(2));
  EXPECT_EQ(SampleRing::parse(memory, "another").released(), std::nullopt);
  EXPECT_EQ(SampleRing::parse("rubbish\n\nsample x", "server").released(), std::nullopt);
}

// The trap: an INSERT waits for a metadata lock, runs, and its session sleeps in the transaction,
// which seems to have started after the row's time.
TEST(SampleRingTest, AStatementThatWaitedIsFollowedIntoItsTransaction) {
  std::string memory;
  look(memory, {at(1), {{7, "70"}}, {}, {}});
  look(memory, {at(2), {{7, "70"}}, {}, {}});
  look(memory, {at(3), {}, {{"900", 7}}, {}});
  look(memory, {at(4), {{7, "75"}}, {{"900", 7}}, {}});
  EXPECT_EQ(released(memory), "none");
  look(memory, {at(5), {{7, "76"}}, {{"901", 7}}, {}});
  // The last sample saw a statement of the session, which may be in its transaction of now.
  EXPECT_EQ(released(memory), at(3));
  look(memory, {at(6), {}, {}, {}});
  EXPECT_EQ(released(memory), at(6));
}

TEST(SampleRingTest, APreparedTransactionInheritsWhatEveryOlderSampleWaitedFor) {
  std::string memory;
  look(memory, {at(1), {}, {{"900", 7}}, {}});
  look(memory, {at(2), {{8, "80"}}, {{"900", 7}}, {}});
  // 900 is prepared now; the list of transactions need not have it.
  look(memory, {at(3), {}, {}, {"x1"}});
  look(memory, {at(4), {}, {}, {"x1"}});
  EXPECT_EQ(released(memory), "none");
  look(memory, {at(5), {}, {}, {}});
  EXPECT_EQ(released(memory), at(5));
  // One that was there at the last look already is no successor of anything.
  look(memory, {at(6), {}, {}, {"x2"}});
  look(memory, {at(7), {}, {{"950", 9}}, {"x2"}});
  look(memory, {at(8), {}, {}, {}});
  EXPECT_EQ(released(memory), at(8));
}

TEST(SampleRingTest, WhatStartedAtAboutTheSameTimeIsTheSameStatement) {
  std::string memory;
  look(memory, {at(1), {{7, "s100"}}, {}, {}});
  look(memory, {at(2), {{7, "s101"}}, {}, {}});
  EXPECT_EQ(released(memory), "none");
  look(memory, {at(5), {{7, "s104"}}, {}, {}});
  EXPECT_EQ(released(memory), at(2));
  memory.clear();
  look(memory, {at(1), {{7, "m100000"}}, {}, {}});
  look(memory, {at(2), {{7, "m100400"}}, {}, {}});
  EXPECT_EQ(released(memory), "none");
  look(memory, {at(5), {{7, "m101000"}}, {}, {}});
  EXPECT_EQ(released(memory), at(2));
}

TEST(SampleRingTest, ItStaysBoundedAndMovesOnBehindALongChain) {
  std::string memory;
  SampleRing ring = SampleRing::parse(memory, "server");
  // Each transaction lasts 400 looks, so at each look hundreds are open.
  for (int now = 0; now < 2000; ++now) {
    InFlight look;
    char text[32];
    std::snprintf(text, sizeof(text), "2024-01-01 %02d:%02d:%02d.000000", now / 3600, now / 60 % 60,
                  now % 60);
    look.moment = text;
    for (int id = std::max(0, now - 400); id <= now; id += 10)
      look.transactions.push_back({std::to_string(id - id % 10), 1});
    ring.add(look);
    EXPECT_LE(ring.waiting(), SampleRing::samples_max);
  }
  ASSERT_TRUE(ring.released());
  EXPECT_GT(*ring.released(), "2024-01-01 00:20:00");
  EXPECT_LT(*ring.released(), "2024-01-01 00:26:41");
}

TEST(SampleRingTest, AClockThatGoesBackReleasesNothingNew) {
  std::string memory;
  look(memory, {at(9), {}, {}, {}});
  SampleRing ring = SampleRing::parse(memory, "server");
  ring.add({at(5), {}, {}, {}});
  EXPECT_TRUE(ring.clock_went_back());
  EXPECT_EQ(ring.released(), at(9));
}

}  // namespace
}  // namespace tidemark::mysql

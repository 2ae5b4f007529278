#include "connectors/mysql/seen.h"

#include <gtest/gtest.h>

namespace tidemark::mysql {
namespace {

std::string at(int second) {
  char text[32];
  std::snprintf(text, sizeof(text), "2024-01-01 00:00:%02d.000000", second);
  return text;
}

// A look after which the process ended: the ring goes by its text.
void look(std::string& text, const Seen& seen) {
  WatermarkMemory memory = WatermarkMemory::parse(text, "server");
  add(seen, memory);
  text = memory.text("server");
}

std::string released(const std::string& memory) {
  return WatermarkMemory::parse(memory, "server").ring.settled().value_or("none");
}

TEST(SeenTest, NothingInFlightReleasesAtOnce) {
  std::string memory;
  look(memory, {at(1), {}, {}, {}});
  EXPECT_EQ(released(memory), at(1));
  look(memory, {at(2), {{7, "70"}}, {}, {}});
  EXPECT_EQ(released(memory), at(1));
  look(memory, {at(3), {{7, "71"}}, {}, {}});
  EXPECT_EQ(released(memory), at(2));
  EXPECT_EQ(WatermarkMemory::parse(memory, "another").ring.settled(), std::nullopt);
  EXPECT_EQ(WatermarkMemory::parse("rubbish", "server").ring.settled(), std::nullopt);
}

// The trap: an INSERT waits for a metadata lock, runs, and its session sleeps in the transaction,
// which seems to have started after the row's time.
TEST(SeenTest, AStatementThatWaitedIsFollowedIntoItsTransaction) {
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

TEST(SeenTest, APreparedTransactionInheritsWhatEveryOlderSampleWaitedFor) {
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

TEST(SeenTest, WhatStartedAtAboutTheSameTimeIsTheSameStatement) {
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

TEST(SeenTest, ItStaysBoundedAndMovesOnBehindALongChain) {
  WatermarkMemory memory;
  // Each transaction lasts 400 looks, so at each look dozens are open, and a statement for all.
  for (int now = 0; now < 2000; ++now) {
    Seen seen;
    char text[32];
    std::snprintf(text, sizeof(text), "2024-01-01 %02d:%02d:%02d.000000", now / 3600, now / 60 % 60,
                  now % 60);
    seen.moment = text;
    for (int id = std::max(0, now - 400); id <= now; id += 10)
      seen.transactions.push_back({std::to_string(id - id % 10), 1});
    if (now > 1600) seen.statements.push_back({9, "m" + std::to_string(1'000'000 + now % 40)});
    add(seen, memory);
    EXPECT_LE(memory.ring.text().size(), 6'000U);
  }
  ASSERT_TRUE(memory.ring.settled());
  EXPECT_GT(*memory.ring.settled(), "2024-01-01 00:20:00");
  EXPECT_LT(*memory.ring.settled(), "2024-01-01 00:26:41");
}

// A start is known to half a second only, so each look may hold a statement for another one.
TEST(SeenTest, AChainOfStatementsHoldsEachLookForItsOwn) {
  std::string memory;
  look(memory, {at(1), {{7, "m100000"}}, {}, {}});
  look(memory, {at(2), {{7, "m100400"}}, {}, {}});
  look(memory, {at(3), {{7, "m100800"}}, {}, {}});
  EXPECT_EQ(released(memory), at(1));
  look(memory, {at(4), {{7, "m101200"}}, {}, {}});
  EXPECT_EQ(released(memory), at(2));
}

TEST(SeenTest, WhoHoldsTheOldestMomentIsTold) {
  WatermarkMemory memory;
  add({at(1), {{7, "m100000"}}, {{"900", 8}}, {}}, memory);
  EXPECT_NE(holder(memory.ring).find("session 7 since before " + at(1)), std::string::npos);
  add({at(2), {}, {{"900", 8}}, {}}, memory);
  EXPECT_NE(holder(memory.ring).find("transaction 900 since"), std::string::npos);
  add({at(3), {}, {}, {"an: 'odd' one"}}, memory);
  EXPECT_NE(holder(memory.ring).find("prepared XA"), std::string::npos);
  add({at(4), {}, {}, {}}, memory);
  EXPECT_EQ(holder(memory.ring), "");
}

TEST(SeenTest, AClockThatGoesBackReleasesNothingNew) {
  WatermarkMemory memory;
  EXPECT_TRUE(add({at(9), {}, {}, {}}, memory));
  EXPECT_FALSE(add({at(5), {}, {}, {}}, memory));
  EXPECT_EQ(memory.ring.settled(), at(9));
}

}  // namespace
}  // namespace tidemark::mysql

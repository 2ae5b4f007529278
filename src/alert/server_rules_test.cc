#include "alert/server_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alert/rules_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Of each state of the server itself.
class ServerRulesTest : public RulesTest {
 protected:
  void rest(const char* connection) {
    sight_.resting.push_back({connection, UtcMicros(0), "no answer of 10.0.0.7"});
  }
  void set_volume(const char* use, std::int64_t free) {
    sight_.volumes = {{use, {"/mnt/data", free, 1'000'000}}};
  }
};

TEST_F(ServerRulesTest, AConnectionThatRestsIsToldAfterAMinuteUntilItAnswers) {
  rest("shop");
  EXPECT_THAT(told("breaker_open"), SizeIs(0));
  const UtcMicros since = clock_.now_utc();
  clock_.advance(minutes(1));
  ASSERT_THAT(told("breaker_open"), SizeIs(1));
  EXPECT_EQ(kept("breaker_open")[0].key.subject, "connection:shop");
  EXPECT_EQ(kept("breaker_open")[0].since, since);
  EXPECT_EQ(kept("breaker_open")[0].severity, AlertSeverity::critical);
  EXPECT_THAT(kept("breaker_open")[0].text + kept("breaker_open")[0].hint,
              Not(HasSubstr("10.0.0.7")))
      << "what a driver says stays here";
  sight_.resting.clear();
  clock_.advance(minutes(1));
  EXPECT_THAT(told("breaker_open"), SizeIs(1)) << "one run tries it";
  rest("shop");
  clock_.advance(seconds(15));
  ASSERT_THAT(told("breaker_open"), SizeIs(1));
  EXPECT_EQ(kept("breaker_open")[0].since, since) << "in vain";
  sight_.resting.clear();
  clock_.advance(minutes(2));
  EXPECT_THAT(told("breaker_open"), SizeIs(0));
  rest("shop");
  EXPECT_THAT(told("breaker_open"), SizeIs(0)) << "it rests anew";
}

TEST_F(ServerRulesTest, ATrialInTheFirstMinuteNeitherTellsNorResets) {
  rest("shop");
  EXPECT_THAT(told("breaker_open"), SizeIs(0));
  sight_.resting.clear();
  clock_.advance(minutes(1));
  EXPECT_THAT(told("breaker_open"), SizeIs(0)) << "it was not told before";
  rest("shop");
  EXPECT_THAT(told("breaker_open"), SizeIs(1));
}

TEST_F(ServerRulesTest, ASourceThatHoldsItsRunsBackIsToldAfterAWhile) {
  sight_.connections = {{"shop", 0, 1}, {"slow", 0, 0.1}, {"full", 3, 1}};
  EXPECT_THAT(told("guard_block"), SizeIs(0));
  clock_.advance(minutes(16));
  ASSERT_THAT(told("guard_block"), SizeIs(2));
  EXPECT_THAT(kept("guard_block")[0].text, HasSubstr("`slow` is slow, so it is read at 10%"));
  EXPECT_THAT(kept("guard_block")[1].text, HasSubstr("`full` has no session left for 3 that wait"));
  sight_.connections = {{"shop", 0, 1}, {"slow", 0, 0.5}, {"full", 0, 1}};
  EXPECT_THAT(told("guard_block"), SizeIs(2)) << "for a moment only";
  clock_.advance(minutes(2));
  EXPECT_THAT(told("guard_block"), SizeIs(0));
}

TEST_F(ServerRulesTest, AVolumeThatFillsIsToldAndCriticalWhenNothingIsLeft) {
  set_volume("stage", 100'000);
  EXPECT_THAT(told("disk"), SizeIs(0)) << "a tenth";
  set_volume("stage", 99'999);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].key.subject, "volume:stage");
  EXPECT_EQ(kept("disk")[0].severity, AlertSeverity::warning);
  EXPECT_THAT(kept("disk")[0].text, HasSubstr("/mnt/data"));
  set_volume("stage", 29'999);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].severity, AlertSeverity::critical);
  const std::string text = kept("disk")[0].text;
  EXPECT_THAT(text, HasSubstr("2% of"));
  set_volume("stage", 25'000);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].text, text) << "not anew for each byte";
  set_volume("stage", 39'999);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].severity, AlertSeverity::critical) << "it swings";
  set_volume("stage", 40'001);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].severity, AlertSeverity::warning);
  set_volume("stage", 39'999);
  ASSERT_THAT(told("disk"), SizeIs(1));
  EXPECT_EQ(kept("disk")[0].severity, AlertSeverity::warning);
  set_volume("stage", 500'000);
  EXPECT_THAT(told("disk"), SizeIs(0));
  settings_.disk.below = 0.8;
  start_anew();
  EXPECT_THAT(told("disk"), SizeIs(1));
}

TEST_F(ServerRulesTest, ALoopThatMakesNoStepIsToldAndNothingElseIsOver) {
  set_volume("stage", 0);
  silent_ = seconds(59);
  EXPECT_THAT(told("scheduler_stuck"), SizeIs(0));
  EXPECT_THAT(kept("disk"), SizeIs(1));
  silent_ = seconds(90);
  sight_.volumes.clear();  // nobody asks for them any more
  ASSERT_THAT(told("scheduler_stuck"), SizeIs(1));
  const Alert alert = kept("scheduler_stuck")[0];
  EXPECT_EQ(alert.key.subject, "server:here");
  EXPECT_EQ(alert.severity, AlertSeverity::critical);
  EXPECT_EQ(alert.since.get(), clock_.now_utc().get() - 90'000'000);
  EXPECT_THAT(kept("disk"), SizeIs(1)) << "as it was known";
  silent_ = seconds(0);
  EXPECT_THAT(told("scheduler_stuck"), SizeIs(0));
  EXPECT_THAT(kept("disk"), SizeIs(0));
}

TEST_F(ServerRulesTest, WhatIsOffIsNotTold) {
  settings_.disk.off = settings_.breaker_open.off = settings_.scheduler_stuck.off = true;
  set_volume("stage", 0);
  rest("shop");
  silent_ = minutes(5);
  rules();
  EXPECT_THAT(told("disk"), SizeIs(0));
  clock_.advance(minutes(5));
  EXPECT_THAT(told("breaker_open"), SizeIs(0));
  EXPECT_THAT(kept("scheduler_stuck"), SizeIs(0));
}

}  // namespace
}  // namespace tidemark

#include "alert/store_board.h"

#include <gtest/gtest.h>

#include "alert/board_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class StoreBoardTest : public testing::BoardFixture {};

TEST_F(StoreBoardTest, OpensOnceAndTellsAfterTheGroupsWait) {
  const auto one = board();
  const auto other = board("elsewhere");
  hold(*one, {alert("run_failed", "orders")});
  hold(*one, {alert("run_failed", "orders")});
  hold(*other, {alert("run_failed", "orders")});
  EXPECT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(take(), "");
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "firing job:orders; ");
  EXPECT_EQ(take("pager"), "firing job:orders; ");
  clock_.advance(hours(1));
  hold(*one, {alert("run_failed", "orders")});
  EXPECT_EQ(take(), "");
}

TEST_F(StoreBoardTest, WhatItSaysChangesWithoutAWord) {
  const auto one = board();
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  take();
  Alert changed = alert("run_failed", "orders");
  changed.text = "it failed twice";
  hold(*one, {changed});
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "");
  EXPECT_EQ(open_alerts().front().text, "it failed twice");
}

TEST_F(StoreBoardTest, WhatBecomesCriticalIsToldAnew) {
  spec_.send.push_back({{{"ops", {}}}, {}, {}, false});
  spec_.send.push_back({{{"pager", {}}}, {}, {}, true});
  const auto one = board();
  hold(*one, {alert("data_stale", "orders", AlertSeverity::warning)});
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "firing job:orders; ");
  EXPECT_EQ(take("pager"), "");
  hold(*one, {alert("data_stale", "orders")});
  clock_.advance(seconds(15));
  EXPECT_EQ(take("pager"), "firing job:orders; ");
}

TEST_F(StoreBoardTest, WhatComesAndGoesIsToldOnce) {
  const auto one = board();
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "firing job:orders; ");
  for (int turn = 0; turn < 5; ++turn) {
    hold(*one, {});
    clock_.advance(seconds(50));
    hold(*one, {});
    hold(*one, {alert("run_failed", "orders")});
    clock_.advance(seconds(50));
  }
  EXPECT_EQ(take(), "");
  hold(*one, {});
  clock_.advance(seconds(60));
  hold(*one, {});
  EXPECT_TRUE(open_alerts().empty());
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "resolved job:orders; ");
  EXPECT_EQ(take(), "");
}

TEST_F(StoreBoardTest, OfASilentAlertNothingIsToldNorItsEnd) {
  SilenceRecord silence;
  silence.rule = "run_*";
  silence.job = "ord*";
  ASSERT_TRUE(AlertTable(*database_).silence(silence, hours(2), {}).ok());
  const auto one = board();
  hold(*one, {alert("run_failed", "orders"), alert("run_failed", "sales")});
  EXPECT_EQ(open_alerts().size(), 2U);
  hold(*one, {});
  clock_.advance(seconds(60));
  hold(*one, {});
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "firing job:sales; resolved job:sales; ");
}

TEST_F(StoreBoardTest, CriticalOnesAreRepeated) {
  const auto one = board();
  hold(*one,
       {alert("run_failed", "orders"), alert("data_stale", "orders", AlertSeverity::warning)});
  clock_.advance(seconds(15));
  take();
  clock_.advance(hours(3));
  ASSERT_TRUE(one->repeat().ok());
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "");
  clock_.advance(hours(1));
  ASSERT_TRUE(one->repeat().ok());
  ASSERT_TRUE(board("elsewhere")->repeat().ok());
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "repeat job:orders; ");
}

TEST_F(StoreBoardTest, WhatIsOfAServerIsItsOwnAffairWhileItLives) {
  ASSERT_TRUE(database_
                  ->write([](SqlSession& session) {
                    return session.execute(
                        "INSERT INTO etl_servers (owner, role, labels, places, leaves, "
                        "started_at, seen_at) VALUES ('elsewhere/1/2/3', 'all', '', 1, 0, "
                        "'2026-11-22T00:00:00.000000Z', '2026-11-22T00:00:00.000000Z')");
                  })
                  .ok());
  const auto mine = board();
  const auto other = board("elsewhere/1/2/3");
  const std::vector<Alert> full{alert("disk_low", "stage")};
  hold(*other, full, AlertScope::server);
  hold(*mine, full, AlertScope::server);
  EXPECT_EQ(open_alerts().size(), 2U);
  hold(*mine, {}, AlertScope::server);
  hold(*mine, {}, AlertScope::project);
  clock_.advance(seconds(60));
  hold(*mine, {}, AlertScope::server);
  hold(*mine, {}, AlertScope::project);
  ASSERT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(open_alerts().front().server, "elsewhere/1/2/3");
  // Nobody else says any more whether it holds.
  ASSERT_TRUE(
      database_
          ->write([](SqlSession& session) { return session.execute("DELETE FROM etl_servers"); })
          .ok());
  hold(*mine, {}, AlertScope::server);
  clock_.advance(seconds(60));
  hold(*mine, {}, AlertScope::server);
  EXPECT_TRUE(open_alerts().empty());
}

TEST_F(StoreBoardTest, TheNextStartOfAServerTakesOverWhatItHad) {
  hold(*board("here/1/2/3"), {alert("disk_low", "stage")}, AlertScope::server);
  clock_.advance(seconds(15));
  take();
  hold(*board("here/1/4/5"), {alert("disk_low", "stage")}, AlertScope::server);
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "");
  ASSERT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(open_alerts().front().server, "here/1/4/5");
}

TEST_F(StoreBoardTest, AChannelThatIsDownIsToldOverTheOthers) {
  spec_.send.push_back({{{"ops", {}}}, {{"run_failed", {}}}, {}, false});
  const auto one = board();
  ASSERT_TRUE(one->channel_is_down("ops", "no answer").ok());
  ASSERT_TRUE(one->channel_is_down("ops", "no answer").ok());
  hold(*one, {});
  clock_.advance(seconds(120));
  hold(*one, {});
  ASSERT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(take("ops"), "");
  EXPECT_EQ(take("pager"), "firing channel:ops; ");
  ASSERT_TRUE(one->channel_is_up("ops").ok());
  EXPECT_TRUE(open_alerts().empty());
  clock_.advance(seconds(15));
  EXPECT_EQ(take("pager"), "resolved channel:ops; ");
}

TEST_F(StoreBoardTest, AChannelThatIsThereNoMoreIsNotDown) {
  ASSERT_TRUE(board()->channel_is_down("ops", "http.timeout").ok());
  ASSERT_TRUE(board()->channel_is_down("pager", "http.timeout").ok());
  ASSERT_TRUE(board()->repeat().ok());
  EXPECT_EQ(open_alerts().size(), 2U);
  clock_.advance(seconds(1));  // messages go in the order of their times
  spec_.channels.erase(spec_.channels.begin());
  ASSERT_TRUE(board()->repeat().ok());
  ASSERT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(open_alerts().front().subject, "channel:pager");
  clock_.advance(seconds(15));
  EXPECT_EQ(take("pager"), "firing channel:ops; resolved channel:ops; ");
}

// Who knows alerts by their ids has one that would stay open otherwise.
TEST_F(StoreBoardTest, WhatAServerThatIsGoneHadEndsWithAWord) {
  ASSERT_TRUE(database_
                  ->write([](SqlSession& session) {
                    return session.execute(
                        "INSERT INTO etl_servers (owner, role, labels, places, leaves, "
                        "started_at, seen_at) VALUES ('elsewhere/1/2/3', 'all', '', 1, 0, "
                        "'2026-11-22T00:00:00.000000Z', '2026-11-22T00:00:00.000000Z')");
                  })
                  .ok());
  const auto mine = board();
  const std::vector<Alert> full{alert("disk_low", "stage")};
  hold(*board("elsewhere/1/2/3"), full, AlertScope::server);
  hold(*mine, full, AlertScope::server);
  clock_.advance(seconds(15));
  take();
  ASSERT_TRUE(
      database_
          ->write([](SqlSession& session) { return session.execute("DELETE FROM etl_servers"); })
          .ok());
  hold(*mine, full, AlertScope::server);
  ASSERT_EQ(open_alerts().size(), 1U);
  EXPECT_EQ(open_alerts().front().server, this_process());
  clock_.advance(seconds(15));
  EXPECT_EQ(take(), "resolved job:stage; ");
}

}  // namespace
}  // namespace tidemark

#include "alert/delivery.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "alert/board_fixture_test.h"
#include "alert/dispatcher.h"

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Takes what it is sent, or fails, or does not answer until it is cancelled.
struct Script {
  std::atomic<bool> fails = false;
  std::atomic<bool> hangs = false;
  std::atomic<int> sent = 0;
  std::atomic<int> failed = 0;
  std::function<void()> meanwhile;
  std::vector<AlertMessage> messages;
};

class ScriptedChannel final : public Channel {
 public:
  explicit ScriptedChannel(Script& script) : script_(script) {}
  Status send(const AlertMessage& message, const Cancel& cancel) override {
    while (script_.hangs && !cancel.requested())
      std::this_thread::sleep_for(milliseconds(5));
    TM_CHECK(cancel.check());
    if (script_.meanwhile) script_.meanwhile();
    if (script_.fails) {
      ++script_.failed;
      return target_error("alert.refused", "words of another", Retry::backoff);
    }
    script_.messages.push_back(message);
    ++script_.sent;
    return {};
  }

 private:
  Script& script_;
};

class DeliveryTest : public testing::BoardFixture {
 protected:
  DeliveryParts parts(StoreBoard& board, const std::string& server = this_process()) {
    log_.set_up({LogLevel::warn, {}, {}});
    return {*database_, board, server, "shop", log_};
  }
  std::unique_ptr<Delivery> delivery(StoreBoard& board, Script& script, int channel = 0) {
    return std::make_unique<Delivery>(parts(board), spec_.channels.at(channel),
                                      std::make_unique<ScriptedChannel>(script));
  }
  // How many groups went out, or were tried.
  int send_all(Delivery& delivery) {
    int groups = 0;
    while (true) {
      const auto sent = delivery.send_one(cancel_);
      EXPECT_TRUE(sent.ok()) << (sent.ok() ? "" : sent.error().describe());
      if (!sent.ok() || !*sent) return groups;
      ++groups;
    }
  }

  Cancel cancel_;
  std::vector<std::string> said_;
  Log log_{[this](std::string_view line) { said_.emplace_back(line); },
           [this] { return clock_.now_utc().get(); }};
};

TEST_F(DeliveryTest, WhatIsOfOneRuleIsOneMessage) {
  const auto one = board();
  Script script;
  const auto ops = delivery(*one, script);
  std::vector<Alert> many;
  for (const char* const job : {"a", "b", "c"})
    many.push_back(alert("run_failed", job));
  many.push_back(alert("data_stale", "a"));
  hold(*one, many);
  EXPECT_EQ(send_all(*ops), 0);
  clock_.advance(seconds(15));
  EXPECT_EQ(send_all(*ops), 2);
  ASSERT_EQ(script.messages.size(), 2U);
  EXPECT_EQ(script.messages[0].notices.size() + script.messages[1].notices.size(), 4U);
  EXPECT_NE(script.messages[0].id, script.messages[1].id);
}

TEST_F(DeliveryTest, WhatFailsIsSentAgainLaterAndLater) {
  const auto one = board();
  Script script;
  script.fails = true;
  const auto ops = delivery(*one, script);
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  EXPECT_EQ(send_all(*ops), 1);
  EXPECT_EQ(send_all(*ops), 0);
  clock_.advance(seconds(1));
  EXPECT_EQ(send_all(*ops), 1);
  clock_.advance(seconds(1));
  EXPECT_EQ(send_all(*ops), 0);
  clock_.advance(seconds(1));
  EXPECT_EQ(send_all(*ops), 1);
  EXPECT_EQ(said_.size(), 1U);
  script.fails = false;
  clock_.advance(seconds(4));
  EXPECT_EQ(send_all(*ops), 1);
  ASSERT_EQ(script.messages.size(), 1U);
  EXPECT_EQ(script.messages[0].notices.front().alert.text, "orders failed");
}

TEST_F(DeliveryTest, TheSameAlertsHaveTheSameId) {
  const auto one = board();
  Script script;
  const auto ops = delivery(*one, script);
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  AlertTable table(*database_);
  const auto lost = table.claim({"ops", "here/1/2/3", minutes(1), 20, {}});
  const std::string id = message_of(lost->messages, "shop", lost->now).id;
  clock_.advance(minutes(2));
  EXPECT_EQ(send_all(*ops), 1);
  EXPECT_EQ(script.messages.front().id, id);
}

TEST_F(DeliveryTest, AChannelThatIsDownForLongIsAnAlert) {
  const auto one = board();
  Script dead;
  dead.fails = true;
  Script good;
  const auto ops = delivery(*one, dead, 0);
  const auto pager = delivery(*one, good, 1);
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  send_all(*ops);
  send_all(*pager);
  good.messages.clear();
  clock_.advance(minutes(16));
  send_all(*ops);
  clock_.advance(seconds(15));
  send_all(*pager);
  ASSERT_EQ(good.messages.size(), 1U);
  EXPECT_EQ(good.messages.front().notices.front().alert.subject, "channel:ops");
  // What the other side said goes nowhere but into the log.
  const std::string& text = good.messages.front().notices.front().alert.text;
  EXPECT_NE(text.find("alert.refused"), std::string::npos) << text;
  EXPECT_EQ(text.find("words of another"), std::string::npos) << text;
  ASSERT_FALSE(said_.empty());
  EXPECT_NE(said_.front().find("words of another"), std::string::npos);
  // It is given up in the end, and not before.
  clock_.advance(hours(23));
  EXPECT_EQ(send_all(*ops), 1);
  clock_.advance(hours(2));
  EXPECT_EQ(send_all(*ops), 1);
  clock_.advance(hours(1));
  EXPECT_EQ(send_all(*ops), 0);
  // The next that arrives says that it is up again.
  dead.fails = false;
  hold(*one, {alert("run_failed", "orders"), alert("run_failed", "sales")});
  clock_.advance(seconds(15));
  EXPECT_EQ(send_all(*ops), 1);
  clock_.advance(seconds(15));
  good.messages.clear();
  send_all(*pager);
  bool is_up = false;
  for (const AlertMessage& message : good.messages) {
    for (const AlertNotice& notice : message.notices)
      is_up =
          is_up || (notice.kind == MessageKind::resolved && notice.alert.subject == "channel:ops");
  }
  EXPECT_TRUE(is_up);
}

TEST_F(DeliveryTest, ASilenceHoldsBackUntilItEnds) {
  const auto one = board();
  Script script;
  const auto ops = delivery(*one, script);
  hold(*one, {alert("run_failed", "orders")});
  SilenceRecord silence;
  silence.rule = "run_failed";
  ASSERT_TRUE(AlertTable(*database_).silence(silence, hours(2), {}).ok());
  clock_.advance(hours(1));
  EXPECT_EQ(send_all(*ops), 0);
  clock_.advance(hours(1));
  EXPECT_EQ(send_all(*ops), 1);
}

TEST_F(DeliveryTest, WhatASilenceHeldBackIsTriedForItsTime) {
  const auto one = board();
  Script script;
  script.fails = true;
  const auto ops = delivery(*one, script);
  SilenceRecord silence;
  silence.rule = "run_failed";
  ASSERT_TRUE(AlertTable(*database_).silence(silence, hours(30), {}).ok());
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(hours(29));
  EXPECT_EQ(send_all(*ops), 0);
  clock_.advance(hours(1));
  EXPECT_EQ(send_all(*ops), 1);
  // Neither is it given up, nor the channel down for long.
  EXPECT_EQ(open_alerts().size(), 1U);
  script.fails = false;
  clock_.advance(seconds(1));
  EXPECT_EQ(send_all(*ops), 1);
  EXPECT_EQ(script.sent, 1);
}

TEST_F(DeliveryTest, OfAChannelThatIsDownManyMessagesAreNotTriedInALoop) {
  const auto one = board();
  Script script;
  script.fails = true;
  const auto ops = delivery(*one, script);
  std::vector<Alert> many;
  for (int job = 0; job < 25; ++job)
    many.push_back(alert("run_failed", "job" + std::to_string(job)));
  hold(*one, many);
  clock_.advance(seconds(15));
  // Not send_all(): that would not end where this is wrong.
  EXPECT_TRUE(ops->send_one(cancel_).value());
  EXPECT_FALSE(ops->send_one(cancel_).value());
  clock_.advance(seconds(1));
  EXPECT_TRUE(ops->send_one(cancel_).value());
  EXPECT_FALSE(ops->send_one(cancel_).value());
  EXPECT_EQ(script.failed, 2);
  script.fails = false;
  clock_.advance(seconds(2));
  EXPECT_EQ(send_all(*ops), 2);
  std::size_t told = 0;
  for (const AlertMessage& message : script.messages)
    told += message.notices.size();
  EXPECT_EQ(told, 25U);
}

TEST_F(DeliveryTest, NobodyElseHasItForTwiceTheDeadline) {
  const auto one = board();
  Script script;
  const auto ops = delivery(*one, script);
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  script.meanwhile = [&] {
    clock_.advance(2 * spec_.channels.front().deadline);
    EXPECT_EQ(take("ops"), "");
  };
  EXPECT_EQ(send_all(*ops), 1);
  EXPECT_EQ(script.sent, 1);
}

TEST_F(DeliveryTest, OldAlertsAreForgottenWithoutChannels) {
  spec_.channels.clear();
  const auto one = board();
  hold(*one, {alert("run_failed", "orders")});
  hold(*one, {});
  clock_.advance(minutes(2));
  hold(*one, {});
  AlertTable table(*database_);
  ASSERT_EQ(table.list({true, 10})->total, 1);
  clock_.advance(hours(24 * 91));
  const Dispatcher dispatcher(parts(*one), {});
  const auto begun = std::chrono::steady_clock::now();
  while (table.list({true, 10})->total > 0 &&
         std::chrono::steady_clock::now() - begun < seconds(20))
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(table.list({true, 10})->total, 0);
}

TEST_F(DeliveryTest, WhatIsBrokenOffIsSentByTheNext) {
  const auto one = board();
  Script script;
  const auto ops = delivery(*one, script);
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  cancel_.request();
  EXPECT_FALSE(ops->send_one(cancel_).value());
  const Cancel other;
  EXPECT_TRUE(ops->send_one(other).value());
  EXPECT_EQ(script.sent, 1);
}

TEST_F(DeliveryTest, AChannelThatHangsDelaysNoOtherNorTheEnd) {
  const auto one = board();
  Script hung;
  hung.hangs = true;
  Script good;
  std::vector<std::unique_ptr<Delivery>> deliveries;
  deliveries.push_back(delivery(*one, hung, 0));
  deliveries.push_back(delivery(*one, good, 1));
  hold(*one, {alert("run_failed", "orders")});
  clock_.advance(seconds(15));
  const auto begun = std::chrono::steady_clock::now();
  {
    const Dispatcher dispatcher(parts(*one), std::move(deliveries));
    while (good.sent == 0 && std::chrono::steady_clock::now() - begun < seconds(20))
      std::this_thread::sleep_for(milliseconds(5));
    EXPECT_EQ(good.sent, 1);
    EXPECT_EQ(hung.sent, 0);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
  // What hung is there for the next.
  EXPECT_EQ(take("ops"), "firing job:orders; ");
}

}  // namespace
}  // namespace tidemark

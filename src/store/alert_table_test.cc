#include "store/alert_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "env/process.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// The tables of alerts, in each system.
class AlertTableTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    database_of_tables_ = open_database();
    table_ = std::make_unique<AlertTable>(*database_of_tables_);
  }
  void TearDown() override {
    table_.reset();
    database_of_tables_.reset();
    StoreFixture::TearDown();
  }
  static AlertRecord alert(const std::string& id, const std::string& rule, UtcMicros now) {
    AlertRecord record;
    record.id = id;
    record.rule = rule;
    record.subject = "job:" + id;
    record.severity = "warning";
    record.job = id;
    record.text = "it failed";
    record.since = now;
    record.opened_at = now;
    record.told_at = now;
    return record;
  }
  // Opens one that is told to `ops` at once.
  void open(const std::string& id, const std::string& rule = "run_failed") {
    clock_.advance(std::chrono::microseconds(1));  // messages go in the order of their times
    const Status opened = table_->change([&](const AlertsThen& then, const AlertTable::IsGone&) {
      AlertChanges changes;
      changes.put.push_back(alert(id, rule, then.now));
      changes.messages.push_back({id, "ops", MessageKind::firing, then.now});
      return changes;
    });
    ASSERT_TRUE(opened.ok()) << opened.error().describe();
  }
  void resolve(const std::string& id, bool is_silent = false) {
    const Status resolved = table_->change([&](const AlertsThen& then, const AlertTable::IsGone&) {
      AlertChanges changes;
      for (AlertRecord record : then.alerts) {
        if (record.id != id) continue;
        record.resolved_at = then.now;
        changes.put.push_back(record);
        changes.ends.push_back({id, then.now, is_silent});
      }
      return changes;
    });
    ASSERT_TRUE(resolved.ok()) << resolved.error().describe();
  }
  OutboxGroup claim(const std::string& by = this_process()) {
    auto group = table_->claim({"ops", by, std::chrono::minutes(1), 10, {}});
    EXPECT_TRUE(group.ok()) << (group.ok() ? "" : group.error().describe());
    return group.ok() ? *group : OutboxGroup{};
  }
  static std::string words_of(const OutboxGroup& group) {
    std::string words;
    for (const OutboxMessage& message : group.messages)
      words += std::string(to_string(message.kind)) + " " + message.alert.id + ", ";
    return words;
  }
  // Of another start of this machine, so certainly gone.
  static std::string gone_process() {
    std::string process = this_process();
    process.replace(process.rfind('/') + 1, std::string::npos, "1");
    return process;
  }
  static AuditEntry deed(const std::string& what) {
    AuditEntry entry;
    entry.name = "root";
    entry.what = what;
    return entry;
  }

  std::unique_ptr<SqlDatabase> database_of_tables_;
  std::unique_ptr<AlertTable> table_;
};

TEST_P(AlertTableTest, AlertsReadAsTheyWerePut) {
  open("a");
  const AlertsThen then = table_->open().value();
  ASSERT_EQ(then.alerts.size(), 1U);
  const AlertRecord& found = then.alerts.front();
  EXPECT_EQ(found.rule, "run_failed");
  EXPECT_EQ(found.subject, "job:a");
  EXPECT_EQ(found.job, "a");
  EXPECT_EQ(found.text, "it failed");
  EXPECT_EQ(found.opened_at, found.since);
  EXPECT_FALSE(found.away_since || found.resolved_at);
  EXPECT_EQ(table_->find("a")->subject, "job:a");
  EXPECT_EQ(table_->find("b").error().code, "alert.unknown");
  resolve("a");
  EXPECT_TRUE(table_->open()->alerts.empty());
  EXPECT_EQ(table_->list({true, 10})->alerts.size(), 1U);
}

TEST_P(AlertTableTest, OneIsOpenOfASubjectAtATime) {
  open("a");
  const Status again = table_->change([&](const AlertsThen& then, const AlertTable::IsGone&) {
    AlertChanges changes;
    AlertRecord second = alert("b", "run_failed", then.now);
    second.subject = "job:a";
    changes.put.push_back(std::move(second));
    return changes;
  });
  EXPECT_FALSE(again.ok());
  resolve("a");
  open("a2");
  EXPECT_EQ(table_->open()->alerts.size(), 1U);
}

TEST_P(AlertTableTest, MessagesOfARuleGoTogetherAndOnce) {
  open("a");
  open("b");
  open("c", "data_stale");
  EXPECT_EQ(table_->due_channels().value(), std::vector<std::string>{"ops"});
  const OutboxGroup first = claim();
  EXPECT_EQ(words_of(first), "firing a, firing b, ");
  // Nobody else has them, though others of the channel are free.
  const OutboxGroup second = claim();
  EXPECT_EQ(words_of(second), "firing c, ");
  EXPECT_TRUE(claim().messages.empty());
  EXPECT_TRUE(table_->due_channels()->empty());
  ASSERT_TRUE(table_->sent(first.messages).ok());
  ASSERT_TRUE(table_->sent(second.messages).ok());
  EXPECT_TRUE(claim().messages.empty());
}

TEST_P(AlertTableTest, WhatADeadProcessHadIsClaimedAnew) {
  open("a");
  EXPECT_EQ(words_of(claim(gone_process())), "firing a, ");
  EXPECT_EQ(table_->due_channels().value(), std::vector<std::string>{"ops"});
  EXPECT_EQ(words_of(claim()), "firing a, ");
}

TEST_P(AlertTableTest, WhatIsGivenBackIsThereAgain) {
  open("a");
  ASSERT_TRUE(table_->release(claim().messages, this_process()).ok());
  EXPECT_EQ(words_of(claim()), "firing a, ");
}

TEST_P(AlertTableTest, WhatFailedWaitsAndIsGivenUpInTheEnd) {
  open("a");
  const OutboxGroup group = claim();
  ASSERT_TRUE(table_->failed(group, {this_process(), "no answer", std::chrono::hours(1), {}}).ok());
  EXPECT_TRUE(claim().messages.empty());
  const std::vector<ChannelState> states = table_->channel_states().value();
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states.front().waiting, 1);
  EXPECT_EQ(states.front().attempts, 1);
  EXPECT_EQ(states.front().last_error, "no answer");
  // What comes to the same rule takes it along.
  open("b");
  const OutboxGroup both = claim();
  EXPECT_EQ(words_of(both), "firing a, firing b, ");
  EXPECT_EQ(both.messages.front().attempts, 1);
  const UtcMicros after(both.now.get() + 1'000'000);
  ASSERT_TRUE(table_->failed(both, {this_process(), "no answer", milliseconds(0), after}).ok());
  EXPECT_TRUE(table_->channel_states()->empty());
  EXPECT_TRUE(claim().messages.empty());
}

TEST_P(AlertTableTest, WhatIsMoreThanAGroupWaitsWithIt) {
  for (int number = 10; number < 35; ++number)
    open("a" + std::to_string(number));
  open("other", "data_stale");
  const OutboxGroup group = claim();
  ASSERT_EQ(group.messages.size(), 10U);
  ASSERT_TRUE(table_->failed(group, {this_process(), "no answer", std::chrono::hours(1), {}}).ok());
  // Of another rule, it is due as before.
  EXPECT_EQ(words_of(claim()), "firing other, ");
  EXPECT_TRUE(claim().messages.empty());
}

TEST_P(AlertTableTest, WhatWasHeldBackHasNotFailedMeanwhile) {
  open("a");
  ASSERT_TRUE(table_->failed(claim(), {this_process(), "no", milliseconds(0), {}}).ok());
  const auto held = table_->claim({"ops", this_process(), std::chrono::minutes(1), 10,
                                   [](const OutboxMessage& message, const AlertsThen&) {
                                     EXPECT_TRUE(message.failing_since.has_value());
                                     return true;
                                   }});
  EXPECT_TRUE(held->messages.empty());
  open("b");  // takes it along
  const OutboxGroup both = claim();
  ASSERT_EQ(words_of(both), "firing a, firing b, ");
  EXPECT_FALSE(both.messages.front().failing_since.has_value());
  EXPECT_EQ(both.messages.front().attempts, 1);
}

TEST_P(AlertTableTest, AListGoesOnBehindTheLastOfThePageBefore) {
  for (const char* const id : {"a", "b", "c", "d", "e"})
    open(id);
  const auto is_wanted = [](const AlertRecord&) { return true; };
  for (const bool is_filtered : {false, true}) {
    std::string seen;
    AlertTable::Filter filter{false, 2};
    if (is_filtered) filter.is_wanted = is_wanted;
    while (true) {
      const AlertsThen page = table_->list(filter).value();
      EXPECT_EQ(page.total, 5);
      if (page.alerts.empty()) break;
      for (const AlertRecord& alert : page.alerts)
        seen += alert.id;
      filter.behind = {page.alerts.back().opened_at, page.alerts.back().id};
    }
    std::string all;
    const AlertsThen whole = table_->list({false, 10}).value();
    for (const AlertRecord& alert : whole.alerts)
      all += alert.id;
    EXPECT_EQ(seen, all);
    EXPECT_EQ(seen.size(), 5U);
  }
}

TEST_P(AlertTableTest, AListSaysHowManyThereAre) {
  for (const char* const id : {"a", "b", "c"})
    open(id);
  const AlertsThen newest = table_->list({false, 2}).value();
  EXPECT_EQ(newest.alerts.size(), 2U);
  EXPECT_EQ(newest.total, 3);
  // The limit is of what is wanted, not of what is looked at.
  const auto is_wanted = [](const AlertRecord& record) { return record.job != "c"; };
  const AlertsThen wanted = table_->list({false, 1, is_wanted}).value();
  ASSERT_EQ(wanted.alerts.size(), 1U);
  EXPECT_EQ(wanted.alerts.front().id, "b");
  EXPECT_EQ(wanted.total, 2);
  resolve("a");
  EXPECT_EQ(table_->list({false, 1})->total, 2);
  EXPECT_EQ(table_->list({true, 1})->total, 3);
}

TEST_P(AlertTableTest, AFailureOfWhoLostTheClaimChangesNothing) {
  open("a");
  const OutboxGroup first = claim(gone_process());
  ASSERT_EQ(words_of(claim()), "firing a, ");
  ASSERT_TRUE(table_->failed(first, {gone_process(), "late", milliseconds(0), {}}).ok());
  EXPECT_TRUE(claim().messages.empty());
}

TEST_P(AlertTableTest, TheEndIsToldToThoseWhoWereTold) {
  open("a");
  ASSERT_TRUE(table_->sent(claim().messages).ok());
  resolve("a");
  EXPECT_EQ(words_of(claim()), "resolved a, ");
  // Nobody was told of this one, and nobody is told that it is over.
  open("b");
  resolve("b", true);
  EXPECT_TRUE(claim("another").messages.empty());
}

TEST_P(AlertTableTest, WhatIsHeldBackLetsOthersPass) {
  open("a");
  open("b", "data_stale");
  const OutboxClaim claim{
      "ops", this_process(), std::chrono::minutes(1), 10,
      [](const OutboxMessage& message, const AlertsThen&) { return message.alert.id == "a"; }};
  EXPECT_EQ(words_of(table_->claim(claim).value()), "firing b, ");
  EXPECT_TRUE(table_->claim(claim)->messages.empty());
  EXPECT_TRUE(table_->due_channels()->empty());
}

TEST_P(AlertTableTest, ASilenceIsListedUntilItEnds) {
  SilenceRecord silence;
  silence.rule = "run_*";
  silence.job = "sales_*";
  silence.reason = "they move";
  silence.made_by = "root";
  const auto made = table_->silence(silence, std::chrono::hours(2), deed("alert.silence"));
  ASSERT_TRUE(made.ok()) << made.error().describe();
  EXPECT_EQ(made->until.get() - made->made_at.get(), 7'200'000'000);
  const std::vector<SilenceRecord> silences = table_->open()->silences;
  ASSERT_EQ(silences.size(), 1U);
  EXPECT_EQ(silences.front().id, made->id);
  EXPECT_EQ(silences.front().rule, "run_*");
  EXPECT_EQ(silences.front().job, "sales_*");
  EXPECT_EQ(silences.front().reason, "they move");
  ASSERT_TRUE(table_->unsilence(made->id, deed("alert.unsilence")).ok());
  EXPECT_TRUE(table_->open()->silences.empty());
  EXPECT_EQ(table_->unsilence(made->id, deed("alert.unsilence")).error().code, "silence.unknown");
  AuditLog log(*database_of_tables_, {});
  EXPECT_EQ(log.list({10, {}})->size(), 2U);
}

TEST_P(AlertTableTest, ForgetsWhatEndedLongAgo) {
  if (GetParam() == System::postgres) GTEST_SKIP() << "the clock of a server cannot be moved";
  open("a");
  ASSERT_TRUE(table_->sent(claim().messages).ok());
  resolve("a");
  open("b");
  pass(std::chrono::hours(24 * 91));
  ASSERT_TRUE(table_->forget().ok());
  const std::vector<AlertRecord> left = table_->list({true, 10})->alerts;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.front().id, "b");
  EXPECT_EQ(words_of(claim()), "firing b, ");
}

INSTANTIATE_TEST_SUITE_P(Systems, AlertTableTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark

#include "api/kept_answers.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "env/process.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

class KeptAnswersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-kept-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    ASSERT_TRUE(SqlStore::open_sqlite(dir_ / "store.db", clock_).ok());
    database_ = open_sqlite_database(dir_ / "store.db", clock_).value();
    start_again();
  }
  void TearDown() override {
    answers_.reset();
    database_.reset();
    std::filesystem::remove_all(dir_);
  }
  void start_again() { answers_.emplace(*database_); }
  // As if the process that began them were another, which was killed.
  void let_it_be_gone(const AnswerKey& key, std::optional<StoredAnswer> answer = std::nullopt) {
    const std::string me = this_process();
    const std::string boot = me.substr(0, me.rfind('/', me.rfind('/') - 1));
    AnswerTable table(*database_);
    const std::string gone = boot + "/999999999/1";
    ASSERT_TRUE(table.take_over(key, me, gone).value() || table.take_over(key, gone, gone).value());
    if (answer) {
      ASSERT_TRUE(table.keep(key, *answer).ok());
    }
    start_again();
  }
  // As if a process of another machine had begun it, of which nobody here knows whether it lives.
  void let_it_be_elsewhere(std::optional<StoredAnswer> answer = std::nullopt) {
    AnswerTable table(*database_);
    ASSERT_TRUE(table.take_over(key_, this_process(), "elsewhere/boot/1/1").value());
    if (answer) {
      ASSERT_TRUE(table.keep(key_, *answer).ok());
    }
    start_again();
  }
  static std::string code(const Result<KeptAnswers::Begun>& begun) {
    return begun.ok() ? "" : begun.error().code;
  }

  const AnswerKey key_{"token", "key"};
  const KeptAnswers::Asked run_{"digest", "first", true};
  const KeptAnswers::Asked other_{"digest", "first", false};
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  std::filesystem::path dir_;
  std::unique_ptr<SqlDatabase> database_;
  std::optional<KeptAnswers> answers_;
};

TEST_F(KeptAnswersTest, ItIsDoneOnceAndAnsweredAsOften) {
  const auto first = answers_->begin(key_, run_);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->id, "first");
  EXPECT_FALSE(first->again);
  EXPECT_EQ(code(answers_->begin(key_, run_)), "api.in_progress");
  EXPECT_EQ(code(answers_->begin(key_, {"other", "second", true})), "api.other_body");
  ASSERT_TRUE(answers_->keep(key_, {202, {{"Location", "/v1/runs/first"}}, "{}"}).ok());
  start_again();
  const auto again = answers_->begin(key_, {"digest", "second", true});
  ASSERT_TRUE(again.ok() && again->answer);
  EXPECT_EQ(again->answer->status, 202);
  EXPECT_EQ(again->answer->headers.back().value, "/v1/runs/first");
  EXPECT_EQ(again->answer->body, "{}");
}

TEST_F(KeptAnswersTest, WhatMayBeTriedAgainIs) {
  ASSERT_TRUE(answers_->begin(key_, run_).ok());
  ASSERT_TRUE(answers_->forget(key_).ok());
  EXPECT_EQ(answers_->begin(key_, {"digest", "second", true})->id, "second");
}

TEST_F(KeptAnswersTest, ARunThatAKilledProcessBeganKeepsItsId) {
  for (const bool was_answered : {false, true}) {
    ASSERT_TRUE(answers_->begin(key_, run_).ok());
    let_it_be_gone(key_, was_answered ? std::optional(StoredAnswer{202, "/v1/runs/first", "{}"})
                                      : std::nullopt);
    const auto again = answers_->begin(key_, {"digest", "second", true});
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(again->answer);
    EXPECT_TRUE(again->again);
    EXPECT_EQ(again->id, "first");
    ASSERT_TRUE(answers_->keep(key_, {202, {{"Location", "/v1/runs/first"}}, "{}"}).ok());
    EXPECT_TRUE(answers_->begin(key_, run_)->answer);
    ASSERT_TRUE(answers_->forget(key_).ok());
  }
}

TEST_F(KeptAnswersTest, OfWhatIsNoRunOnlyTheAnswerTells) {
  ASSERT_TRUE(answers_->begin(key_, other_).ok());
  let_it_be_gone(key_);
  EXPECT_EQ(code(answers_->begin(key_, other_)), "api.unknown_outcome");
  let_it_be_gone(key_, StoredAnswer{202, "/v1/operations/first", "{}"});
  EXPECT_TRUE(answers_->begin(key_, other_)->answer);
}

TEST_F(KeptAnswersTest, WhoMayLiveIsWaitedFor) {
  ASSERT_TRUE(answers_->begin(key_, run_).ok());
  let_it_be_elsewhere();
  EXPECT_EQ(code(answers_->begin(key_, run_)), "api.in_progress");
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  EXPECT_TRUE(answers_->begin(key_, run_)->again);
}

TEST_F(KeptAnswersTest, ARunThatAnotherMachinePromisedLongAgoIsLookedFor) {
  ASSERT_TRUE(answers_->begin(key_, run_).ok());
  let_it_be_elsewhere(StoredAnswer{202, "/v1/runs/first", "{}"});
  EXPECT_TRUE(answers_->begin(key_, run_)->answer) << "it may just be about to begin it";
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  const auto again = answers_->begin(key_, {"digest", "second", true});
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->answer);
  EXPECT_TRUE(again->again);
  EXPECT_EQ(again->id, "first");
}

TEST_F(KeptAnswersTest, WhatPromisedNoRunIsAnsweredAsItWas) {
  ASSERT_TRUE(answers_->begin(key_, run_).ok());
  let_it_be_elsewhere(StoredAnswer{422, "", "{}"});
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  const auto again = answers_->begin(key_, run_);
  ASSERT_TRUE(again.ok() && again->answer);
  EXPECT_EQ(again->answer->status, 422);
}

TEST_F(KeptAnswersTest, ARunThatThisProcessPromisedIsNotLookedFor) {
  ASSERT_TRUE(answers_->begin(key_, run_).ok());
  ASSERT_TRUE(answers_->keep(key_, {202, {{"Location", "/v1/runs/first"}}, "{}"}).ok());
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  EXPECT_TRUE(answers_->begin(key_, run_)->answer);
}

}  // namespace
}  // namespace tidemark

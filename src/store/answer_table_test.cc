#include "store/answer_table.h"

#include <gtest/gtest.h>

#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// In each system.
class AnswerTableTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    own_ = open_database();
    table_.emplace(*own_);
  }
  void TearDown() override {
    table_.reset();
    own_.reset();
    StoreFixture::TearDown();
  }
  BegunRequest begin(const std::string& key, const std::string& id = "id",
                     const std::string& token = "token") {
    AskedRequest asked;
    asked.digest = "digest";
    asked.id = id;
    asked.owner = "host/boot/1/1";
    return table_->begin({token, key}, asked).value();
  }

  std::unique_ptr<SqlDatabase> own_;
  std::optional<AnswerTable> table_;
};

TEST_P(AnswerTableTest, TheFirstStandsUntilItIsForgotten) {
  EXPECT_TRUE(begin("k", "first").is_new);
  const BegunRequest again = begin("k", "second");
  EXPECT_FALSE(again.is_new);
  EXPECT_FALSE(again.is_old);
  EXPECT_EQ(again.request.id, "first");
  EXPECT_FALSE(again.request.answer.has_value());
  EXPECT_TRUE(begin("other").is_new);
  ASSERT_TRUE(table_->forget({"token", "k"}).ok());
  EXPECT_TRUE(begin("k", "third").is_new);
}

TEST_P(AnswerTableTest, TheAnswerIsKeptAsItWas) {
  begin("k");
  ASSERT_TRUE(table_->keep({"token", "k"}, {202, "/v1/runs/id", "{\"a\": \"\xc3\xa4\"}\n"}).ok());
  const auto answer = begin("k").request.answer;
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(answer->location, "/v1/runs/id");
  EXPECT_EQ(answer->body, "{\"a\": \"\xc3\xa4\"}\n");
}

TEST_P(AnswerTableTest, OfThoseWhoTakeItOverOneHasIt) {
  begin("k");
  ASSERT_TRUE(table_->keep({"token", "k"}, {202, "/v1/runs/id", "{}"}).ok());
  EXPECT_TRUE(table_->take_over({"token", "k"}, "host/boot/1/1", "quick").value());
  EXPECT_FALSE(table_->take_over({"token", "k"}, "host/boot/1/1", "late").value());
  EXPECT_FALSE(begin("k").request.answer.has_value());
  EXPECT_EQ(begin("k").request.owner, "quick");
}

TEST_P(AnswerTableTest, WhoTakesItOverHasTheWholeTimeForIt) {
  if (GetParam() == System::postgres) GTEST_SKIP() << "a server's clock cannot be moved";
  begin("k");
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  ASSERT_TRUE(table_->take_over({"token", "k"}, "host/boot/1/1", "other").value());
  EXPECT_FALSE(begin("k").is_old);
}

TEST_P(AnswerTableTest, TheOldestAnswersOfATokenMakeRoomForItsNewest) {
  table_.emplace(*own_, 2);
  const auto answered = [&](const std::string& key, const std::string& token = "token") {
    begin(key, "id", token);
    ASSERT_TRUE(table_->keep({token, key}, {202, "", "{}"}).ok());
  };
  begin("a-unanswered");
  answered("b-other", "another token");
  answered("c");
  answered("d");
  EXPECT_FALSE(begin("c").is_new) << "what is there needs no room";
  answered("e");
  EXPECT_FALSE(begin("a-unanswered").is_new);
  EXPECT_FALSE(begin("b-other", "id", "another token").is_new);
  EXPECT_FALSE(begin("d").is_new);
  EXPECT_FALSE(begin("e").is_new);
  EXPECT_TRUE(begin("c").is_new);
}

TEST_P(AnswerTableTest, ADayLaterItIsAnotherRequest) {
  if (GetParam() == System::postgres) GTEST_SKIP() << "a server's clock cannot be moved";
  begin("k", "first");
  clock_.advance(AnswerTable::answered_within + std::chrono::seconds(1));
  EXPECT_TRUE(begin("k").is_old);
  clock_.advance(AnswerTable::kept_for);
  EXPECT_TRUE(begin("k", "second").is_new);
}

INSTANTIATE_TEST_SUITE_P(Stores, AnswerTableTest,
                         ::testing::Values(System::sqlite, System::postgres), name_of);

}  // namespace
}  // namespace tidemark

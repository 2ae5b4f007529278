#include "store/answer_table.h"

#include <gtest/gtest.h>

#include "store/sqlite_database.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

// In each system.
class AnswerTableTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    own_ = GetParam() == System::sqlite ? open_sqlite_database(dir_ / "store.db", clock_).value()
                                        : open_postgres_database(options(), system_clock_).value();
    table_.emplace(*own_);
  }
  void TearDown() override {
    table_.reset();
    own_.reset();
    StoreFixture::TearDown();
  }
  BegunRequest begin(const std::string& key, const std::string& id = "id") {
    AskedRequest asked;
    asked.digest = "digest";
    asked.id = id;
    asked.owner = "host/boot/1/1";
    return table_->begin({"token", key}, asked).value();
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
  ASSERT_TRUE(table_->take_over({"token", "k"}, "other").ok());
  EXPECT_FALSE(begin("k").request.answer.has_value());
  EXPECT_EQ(begin("k").request.owner, "other");
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

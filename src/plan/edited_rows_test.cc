#include "plan/edited_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace tidemark {
namespace {

using ::testing::HasSubstr;

class EditedRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = duck::Engine::open({}).value();
    connection_ = engine_->connect().value();
    schema_.columns = {{"id", Type::of(TypeKind::int64)},
                       {"amount", Type::of(TypeKind::int32)},
                       {"note", Type::of(TypeKind::varchar)}};
  }
  static RowEdit edit(char of, std::vector<EditedValue> values) {
    return {std::string(32, of), 1, std::move(values)};
  }

  std::shared_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  Schema schema_;
};

TEST_F(EditedRowsTest, EachRowHasItsOwnValuesOverWhatWasStaged) {
  const auto made = EditedRows::make(
      "edits_made", schema_, {edit('a', {{"amount", "12"}}), edit('b', {{"note", std::nullopt}})},
      *connection_);
  ASSERT_TRUE(made.ok()) << made.error().describe();
  const auto answer = connection_->query(
      "SELECT concat_ws(',', " + made->value_sql("amount", "open.amount") + ", coalesce(" +
      made->value_sql("note", "open.note") + ", 'NULL'), " + made->value_sql("id", "open.n") +
      ") FROM (VALUES (1, repeat('a', 32), -1, 'x'), (2, repeat('b', 32), -2, 'y'), (3, 'c', -3, "
      "'z')) AS open(n, id, amount, note)" +
      made->join_sql("open") + " ORDER BY n");
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->text(0, 0), "12,x,1");
  EXPECT_EQ(answer->text(1, 0), "-2,NULL,2");
  EXPECT_EQ(answer->text(2, 0), "-3,z,3");
}

TEST_F(EditedRowsTest, WhatTheColumnDoesNotHoldNamesItsRow) {
  const auto made = EditedRows::make(
      "edits_bad", schema_, {edit('a', {{"amount", "12"}}), edit('b', {{"amount", "n/a"}})},
      *connection_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, "user.bad_value");
  EXPECT_THAT(made.error().message, HasSubstr(std::string(32, 'b')));
  EXPECT_THAT(made.error().message, HasSubstr("`amount`"));
}

}  // namespace
}  // namespace tidemark

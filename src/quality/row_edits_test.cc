#include "quality/row_edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark {
namespace {

using ::testing::ElementsAre;

TEST(RowEdits, LocatorsSayWhatStandsThere) {
  const std::string place = "segment 1 row 7";
  EXPECT_EQ(edit_number(edit_locator(12, place)), 12);
  EXPECT_EQ(try_run(try_locator(RunId("r1"), place)), "r1");
  for (const char* other :
       {"segment 1 row 7", "edit x of segment 1 row 7", "edit 0 of a", "edit 1"})
    EXPECT_FALSE(edit_number(other)) << other;
  EXPECT_FALSE(try_run(edit_locator(1, place)));
}

TEST(RowEdits, ValuesComeBackAsTheyWere) {
  const std::vector<EditedValue> values{{"a", "12.50"}, {"b", std::nullopt}, {"c", "\"x\"\n"}};
  const auto back = values_in(payload_of(values));
  ASSERT_TRUE(back.ok()) << back.error().describe();
  EXPECT_EQ(*back, values);
  for (const char* bad : {"[]", R"({"a": 1})", R"({"a": {}})"}) {
    const auto read = values_in(bad);
    ASSERT_FALSE(read.ok()) << bad;
    EXPECT_EQ(read.error().code, "user.bad_values") << bad;
  }
}

TEST(RowEdits, ALaterEditLaysItsColumnsOverThoseBefore) {
  const auto laid = laid_over({{"a", "1"}, {"b", "2"}}, {{"b", std::nullopt}, {"c", "3"}});
  EXPECT_THAT(laid, ElementsAre(EditedValue{"a", "1"}, EditedValue{"b", std::nullopt},
                                EditedValue{"c", "3"}));
}

TEST(RowEdits, TheNewestOfEachRowCounts) {
  auto engine = duck::Engine::open({}).value();
  auto connection = engine->connect().value();
  const std::string row(32, 'a');
  const auto answer = connection->query(
      "SELECT * FROM (VALUES ('" + row + "', 'edit 9 of x', '{\"v\":\"old\"}'), ('" + row +
      "', 'edit 10 of x', '{\"v\":\"new\"}'), ('{\"id\":\"1\"}', 'edit 11 of x', '{}'), ('" + row +
      "', 'segment 1 row 1', '{}'))");
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  const auto newest = newest_edits(*answer);
  ASSERT_TRUE(newest.ok()) << newest.error().describe();
  ASSERT_EQ(newest->size(), 1U);
  EXPECT_EQ(newest->front().number, 10);
  EXPECT_THAT(newest->front().values, ElementsAre(EditedValue{"v", "new"}));
}

}  // namespace
}  // namespace tidemark

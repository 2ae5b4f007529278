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

class EditsRead : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = duck::Engine::open({}).value();
    connection_ = engine_->connect().value();
  }
  std::vector<RowEdit> newest(const std::string& sql) {
    const auto answer = connection_->query(sql);
    EXPECT_TRUE(answer.ok()) << (answer.ok() ? "" : answer.error().describe());
    if (!answer.ok()) return {};
    const auto edits = newest_edits(*answer);
    EXPECT_TRUE(edits.ok()) << (edits.ok() ? "" : edits.error().describe());
    return edits.ok() ? *edits : std::vector<RowEdit>();
  }
  std::shared_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  const std::string row_ = std::string(32, 'a');
};

TEST_F(EditsRead, TheNewestOfEachRowCounts) {
  const auto edits = newest("SELECT * FROM (VALUES ('" + row_ +
                            "', 'edit 9 of x', '{\"v\":\"old\"}', 'edit', '', '1'), ('" + row_ +
                            "', 'edit 10 of x', '{\"v\":\"new\"}', 'edit', '', '2'), "
                            "('{\"id\":\"1\"}', 'edit 11 of x', '{}', 'edit', '', '3'), ('" +
                            row_ + "', 'segment 1 row 1', '{}', 'edit', '', '4'))");
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_EQ(edits.front().number, 10);
  EXPECT_THAT(edits.front().values, ElementsAre(EditedValue{"v", "new"}));
  EXPECT_EQ(edits.front().tried, "");
  EXPECT_EQ(edits.front().tries, 0);
}

TEST_F(EditsRead, TheNewestTrySinceTheEditIsKnown) {
  const std::string other(32, 'b');
  const auto edits = newest("SELECT * FROM (VALUES ('" + row_ +
                            "', 'try r3 of x', NULL, 'low', 'third', '3'), ('" + row_ +
                            "', 'try r1 of x', NULL, 'low', 'first', '1'), ('" + row_ +
                            "', 'edit 1 of x', '{\"v\":\"1\"}', 'edit', '', '2'), ('" + other +
                            "', 'try r1 of x', NULL, 'low', 'before', '1'), ('" + other +
                            "', 'edit 1 of x', '{\"v\":\"1\"}', 'edit', '', '2'))");
  ASSERT_EQ(edits.size(), 2U);
  EXPECT_EQ(edits[0].tried, why_tried("low", "third"));
  EXPECT_EQ(edits[0].tries, 2);
  EXPECT_EQ(edits[1].tried, "");
  EXPECT_EQ(edits[1].tries, 1);
}

TEST_F(EditsRead, OfOpenRowsAlone) {
  ASSERT_TRUE(connection_
                  ->execute("CREATE TABLE tidemark_quarantine AS SELECT 'j' AS job, 'main' AS "
                            "stream, 'r' AS run_id, * FROM (VALUES "
                            "('segment 1 row 1', 'low', '', NULL::VARCHAR, NULL::VARCHAR, "
                            "TIMESTAMPTZ '2026-01-01', "
                            "NULL), ('segment 1 row 2', 'low', '', NULL, NULL, TIMESTAMPTZ "
                            "'2026-01-01', TIMESTAMPTZ '2026-01-02')) AS r(locator, rule, message, "
                            "payload, row_key, refused_at, resolved_at)")
                  .ok());
  // An edit and a try of each.
  for (const char* row : {"segment 1 row 1", "segment 1 row 2"}) {
    for (const char* beside : {"edit 1 of ", "try r2 of "}) {
      const std::string place(beside);
      const Status done = connection_->execute(
          "INSERT INTO tidemark_quarantine SELECT job, stream, run_id, '" + place + row + "', '" +
          (place.starts_with("edit") ? "edit" : "low") + "', '', '{}', " + row_id_sql("job") +
          ", refused_at, refused_at FROM tidemark_quarantine WHERE locator = '" + row + "'");
      ASSERT_TRUE(done.ok()) << done.error().describe();
    }
  }
  const auto edits = newest(select_edits(JobName("j")));
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_EQ(edits.front().number, 1);
  EXPECT_EQ(edits.front().tries, 1);
  const auto id = connection_->query("SELECT " + row_id_sql("job") +
                                     " FROM tidemark_quarantine WHERE resolved_at IS NULL");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->text(0, 0), edits.front().row);
}

}  // namespace
}  // namespace tidemark

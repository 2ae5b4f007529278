#include "connectors/sqlite/position.h"

#include <gtest/gtest.h>

#include "connectors/sqlite/types.h"

namespace tidemark {
namespace {

class SqlitePositionTest : public testing::TestWithParam<const char*> {
 protected:
  // The literal of the value of an expression.
  std::string literal(const std::string& expression) {
    sqlite::Statement row = database_.prepare("SELECT " + expression).value();
    EXPECT_TRUE(row.step().ok());
    return literal_of(row, 0);
  }
  bool same(const std::string& left, const std::string& right) {
    sqlite::Statement row = database_
                                .prepare("SELECT typeof(" + left + ") = typeof(" + right +
                                         ") AND (" + left + ") = (" + right + ")")
                                .value();
    EXPECT_TRUE(row.step().ok());
    return row.int64_at(0) == 1;
  }
  sqlite::Database database_ = sqlite::Database::open({.path = ":memory:"}).value();
};

TEST_P(SqlitePositionTest, ALiteralReadsBackToExactlyItsValueAndClass) {
  EXPECT_TRUE(same(literal(GetParam()), GetParam())) << literal(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Values, SqlitePositionTest,
                         testing::Values("0", "-1", "9223372036854775807",
                                         "-9223372036854775807 - 1", "0.1", "1e300", "5e-324",
                                         "-0.5", "9e999", "-9e999", "''", "'2024-01-31 12:00:00'",
                                         "'it''s'", "'\xc3\xa4'", "'a' || char(0) || 'b'",
                                         "x'00ff27'", "x''"));

TEST_F(SqlitePositionTest, NoValueHasNoLiteral) {
  EXPECT_EQ(literal("NULL"), "");
}

TEST_F(SqlitePositionTest, APositionReadsBack) {
  const SqlitePosition written{"'a\"b\n'", "12-345"};
  const auto read = parse_sqlite_position(to_position(written));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->literal, written.literal);
  EXPECT_EQ(read->file_version, written.file_version);
  EXPECT_FALSE(parse_sqlite_position({"42"}).ok());
  EXPECT_FALSE(parse_sqlite_position({"{}"}).ok());
}

TEST(SqliteTypes, ADeclaredTypeIsStagedByItsWords) {
  const std::vector<std::pair<const char*, TypeKind>> cases{
      {"INTEGER", TypeKind::int64}, {"bigint", TypeKind::int64},
      {"REAL", TypeKind::float64},  {"double precision", TypeKind::float64},
      {"TEXT", TypeKind::varchar},  {"VARCHAR(20)", TypeKind::varchar},
      {"BLOB", TypeKind::blob},     {"BOOLEAN", TypeKind::boolean},
      {"DATE", TypeKind::varchar},  {"TIMESTAMP", TypeKind::varchar},
      {"JSON", TypeKind::varchar}};
  for (const auto& [declared, kind] : cases)
    EXPECT_EQ(staged_type(declared).kind, kind)
        << declared << " gave " << sql_name(staged_type(declared));
}

}  // namespace
}  // namespace tidemark

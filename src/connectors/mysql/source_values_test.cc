// Every type of MySQL, its ends, and what no type of the engine can hold.
#include <bit>
#include <cmath>
#include <random>

#include "connectors/mysql/source_fixture_test.h"
#include "connectors/mysql/type_map.h"

namespace tidemark::mysql {
namespace {

// A column's declaration, a value as SQL, and the value and type that are staged.
struct Case {
  std::string declared;
  std::string value;
  std::string staged;
  std::string type;
};

class SourceValuesTest : public SourceTest {
 protected:
  // One table with a column for each case and one row.
  void check(const std::vector<Case>& cases) {
    std::string columns;
    std::string values;
    for (std::size_t at = 0; at < cases.size(); ++at) {
      columns += (at == 0 ? "c" : ", c") + std::to_string(at) + " " + cases[at].declared;
      values += (at == 0 ? "" : ", ") + cases[at].value;
    }
    sql("create table v (" + columns + "); insert into v values (" + values + ")");
    const auto rows = read(table("v"));
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    ASSERT_EQ(rows->rows.size(), 1U) << (rows->rejected.empty() ? "" : rows->rejected[0].second);
    for (std::size_t at = 0; at < cases.size(); ++at) {
      EXPECT_EQ(rows->rows[0][at].value_or("NULL"), cases[at].staged)
          << cases[at].declared << " " << cases[at].value;
      EXPECT_EQ(sql_name(rows->schema.columns[at].type), cases[at].type) << cases[at].declared;
    }
  }
};

TEST_F(SourceValuesTest, NumbersToTheirEnds) {
  check({{"tinyint", "-128", "-128", "TINYINT"},
         {"tinyint unsigned", "255", "255", "UTINYINT"},
         {"smallint", "-32768", "-32768", "SMALLINT"},
         {"smallint unsigned", "65535", "65535", "USMALLINT"},
         {"mediumint", "-8388608", "-8388608", "INTEGER"},
         {"mediumint unsigned", "16777215", "16777215", "UINTEGER"},
         {"int", "-2147483648", "-2147483648", "INTEGER"},
         {"int(5) unsigned zerofill", "42", "42", "UINTEGER"},
         {"int unsigned", "4294967295", "4294967295", "UINTEGER"},
         {"bigint", "-9223372036854775808", "-9223372036854775808", "BIGINT"},
         {"bigint unsigned", "18446744073709551615", "18446744073709551615", "UBIGINT"},
         {"boolean", "2", "2", "TINYINT"},
         {"year", "2155", "2155", "SMALLINT"},
         {"bit(1)", "1", "true", "BOOLEAN"},
         {"bit(64)", "18446744073709551615", "18446744073709551615", "UBIGINT"},
         {"bit(12)", "b'101'", "5", "UBIGINT"},
         {"decimal(4,2)", "-0.01", "-0.01", "DECIMAL(4,2)"},
         {"decimal(5,5) unsigned", "0.99999", ".99999", "DECIMAL(5,5)"},
         {"decimal(38,38)", "-0.99999999999999999999999999999999999999",
          "-.99999999999999999999999999999999999999", "DECIMAL(38,38)"},
         {"decimal(38,0)", "99999999999999999999999999999999999999",
          "99999999999999999999999999999999999999", "DECIMAL(38,0)"},
         {"decimal(65,30)", "-12345678901234567890123456789012345.123456789012345678901234567890",
          "-12345678901234567890123456789012345.123456789012345678901234567890", "VARCHAR"},
         {"float", "0.1", "0.1", "FLOAT"},
         {"double", "0.1e0 + 0.2e0", "0.30000000000000004", "DOUBLE"},
         {"double", "5e-324", "5e-324", "DOUBLE"}});
}

TEST_F(SourceValuesTest, FloatsStayBitByBit) {
  std::mt19937_64 random(11);
  std::string values;
  std::vector<std::pair<float, double>> expected;
  while (expected.size() < 500) {
    const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    const auto wide = std::bit_cast<double>(random());
    if (!std::isfinite(single) || !std::isfinite(wide)) continue;
    char text[120];
    std::snprintf(text, sizeof(text), "%s(%zu,%.17e,%.17e)", expected.empty() ? "" : ",",
                  expected.size(), static_cast<double>(single), wide);
    values += text;
    expected.emplace_back(single, wide);
  }
  sql("create table f (id int primary key, s float, d double); insert into f values " + values);
  const auto rows = read(table("f"));
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  ASSERT_EQ(rows->rows.size(), expected.size());
  for (std::size_t at = 0; at < expected.size(); ++at) {
    // The engine prints the shortest text that is read back as the same float.
    EXPECT_EQ(std::strtof(rows->rows[at][1]->c_str(), nullptr), expected[at].first);
    EXPECT_EQ(std::strtod(rows->rows[at][2]->c_str(), nullptr), expected[at].second);
  }
}

TEST_F(SourceValuesTest, TextsOfAnyCharacterSetAndBytes) {
  check({{"varchar(20)", "'\u00e4\U0001F600 '", "\u00e4\U0001F600 ", "VARCHAR"},
         {"varchar(20) character set latin1", "'\u00e4\u20ac'", "\u00e4\u20ac", "VARCHAR"},
         {"char(5) character set latin2", "'\u0159'", "\u0159", "VARCHAR"},
         {"varchar(9) character set utf16", "'\u00e4\U0001F600'", "\u00e4\U0001F600", "VARCHAR"},
         {"varchar(9) character set sjis", "'\u65e5\u672c'", "\u65e5\u672c", "VARCHAR"},
         {"longtext", "repeat('x', 300)", std::string(300, 'x'), "VARCHAR"},
         {"enum('a','\u00e9') character set latin1", "'\u00e9'", "\u00e9", "VARCHAR"},
         {"set('a','b','c')", "'a,c'", "a,c", "VARCHAR"},
         {"json", "'{\"a\": 1.0,  \"a\": 2}'", "{\"a\": 1.0,  \"a\": 2}", "JSON"},
         {"uuid", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "ffffffff-ffff-ffff-ffff-ffffffffffff",
          "UUID"},
         {"uuid", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000",
          "UUID"},
         {"binary(3)", "x'00ff'", "\\x00\\xFF\\x00", "BLOB"},
         {"varbinary(9)", "''", "", "BLOB"},
         {"blob", "x'c328'", "\\xC3(", "BLOB"}});
}

TEST_F(SourceValuesTest, DatesAndTimes) {
  check({{"date", "'9999-12-31'", "9999-12-31", "DATE"},
         {"date", "'1000-01-01'", "1000-01-01", "DATE"},
         {"date", "'0001-01-01'", "0001-01-01", "DATE"},
         {"date", "'2024-02-29'", "2024-02-29", "DATE"},
         {"datetime", "'1969-12-31 23:59:59'", "1969-12-31 23:59:59", "TIMESTAMP"},
         {"datetime(6)", "'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999", "TIMESTAMP"},
         {"datetime(3)", "'2024-01-01 00:00:00.001'", "2024-01-01 00:00:00.001", "TIMESTAMP"},
         {"timestamp(6) null", "'2024-03-31 01:30:00.000001'", "2024-03-31 01:30:00.000001+00",
          "TIMESTAMP WITH TIME ZONE"},
         {"timestamp null", "'1970-01-01 00:00:01'", "1970-01-01 00:00:01+00",
          "TIMESTAMP WITH TIME ZONE"},
         {"time", "'838:59:59'", "838:59:59", "INTERVAL"},
         {"time(6)", "'-838:59:59.999999'", "-838:59:59.999999", "INTERVAL"},
         {"time(6)", "'24:00:00.000001'", "24:00:00.000001", "INTERVAL"},
         {"time(2)", "'-00:00:00.01'", "-00:00:00.01", "INTERVAL"}});
}

TEST_F(SourceValuesTest, DaysThatDoNotExistGoToQuarantine) {
  sql("set sql_mode = 'ALLOW_INVALID_DATES'; create table z (id int, d date, t datetime(3)); "
      "insert into z values (1, '2024-01-01', '2024-01-01'), (2, '0000-00-00', null), (3, "
      "'2024-00-00', null), (4, null, '0000-00-00 00:00:00'), (5, '2023-02-29', null), (6, null, "
      "null)");
  const auto rows = read(table("z"));
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  ASSERT_EQ(rows->rows.size(), 2U);
  EXPECT_EQ(rows->rows[1], (std::vector<std::optional<std::string>>{"6", {}, {}}));
  using Refused = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(rows->rejected,
            (Refused{{"d", "the value 0000-00-00 is no day of the calendar"},
                     {"d", "the value 2024-00-00 is no day of the calendar"},
                     {"t", "the value 0000-00-00 00:00:00.000 is no day of the calendar"},
                     {"d", "the value 2023-02-29 is no day of the calendar"}}));
  EXPECT_EQ(rows->raw.front(), "2\t0000-00-00\tNULL");
  // As text they can be loaded.
  SourceSpec spec = table("z");
  spec.columns = {{{"d", {}}, {"varchar", {}}}, {{"t", {}}, {"varchar", {}}}};
  const auto texts = read(spec);
  ASSERT_TRUE(texts.ok()) << texts.error().describe();
  EXPECT_EQ(texts->rows.size(), 6U);
  EXPECT_EQ(texts->rows[2][1], "2024-00-00");
  EXPECT_EQ(texts->rows[3][2], "0000-00-00 00:00:00.000");
}

TEST_F(SourceValuesTest, DeclaredTypesAreHeldToEveryValue) {
  sql("create table d (id int, big decimal(60,4), t time(6), flag tinyint(1), n bigint unsigned); "
      "insert into d values (1, 12.5, '12:00:00', 1, 18446744073709551615), (2, "
      "123456789012345678901234567890, '24:00:00', 0, 0), (3, 0.0001, '00:00:00', 1, 1), (4, 1, "
      "'24:00:00.000001', 1, 1), (5, 1, '-00:00:01', 1, 1), (6, 1, '00:00:00', 2, 1)");
  SourceSpec spec = table("d");
  spec.columns = {{{"big", {}}, {"decimal(12,3)", {}}},
                  {{"t", {}}, {"time", {}}},
                  {{"flag", {}}, {"boolean", {}}},
                  {{"n", {}}, {"varchar", {}}}};
  const auto rows = read(spec);
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  ASSERT_EQ(rows->rows.size(), 1U);
  EXPECT_EQ(rows->rows[0], (std::vector<std::optional<std::string>>{
                               "1", "12.500", "12:00:00", "true", "18446744073709551615"}));
  ASSERT_EQ(rows->rejected.size(), 5U);
  EXPECT_EQ(rows->rejected[0].second,
            "the value 123456789012345678901234567890.0000 does not fit DECIMAL(12,3)");
  EXPECT_EQ(rows->rejected[1].second, "the value 0.0001 does not fit DECIMAL(12,3)");
  EXPECT_EQ(rows->rejected[2].second, "the value 24:00:00.000001 is no time of day");
  EXPECT_EQ(rows->rejected[3].second, "the value -00:00:01.000000 is no time of day");
  EXPECT_EQ(rows->rejected[4].second, "the value 2 is neither 0 nor 1");
}

TEST_F(SourceValuesTest, WhatTheEngineHasNoTypeForIsRefusedOrDeclared) {
  sql("create table g (id int, p point, f double); insert into g values (1, point(1, 2), 0.1)");
  const auto refused = read(table("g"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "source.type_unsupported");
  EXPECT_NE(refused.error().message.find("column p is geometry"), std::string::npos);
  SourceSpec spec = table("g");
  spec.columns = {{{"p", {}}, {"varchar", {}}}};
  const auto text = read(spec);
  ASSERT_TRUE(text.ok()) << text.error().describe();
  EXPECT_EQ(text->rows[0][1], "POINT(1 2)");
  // The server would round it.
  spec.columns.push_back({{"f", {}}, {"varchar", {}}});
  const auto rounded = read(spec);
  ASSERT_FALSE(rounded.ok());
  EXPECT_EQ(rounded.error().code, "source.declared_type");
}

TEST_F(SourceValuesTest, QueriesHaveTheTypesOfTheirExpressions) {
  const auto rows = read(query(
      "select 1 as a, cast(2 as unsigned) as b, 1.50 as c, 'x' as d, null as e, sum(1) as f, "
      "cast('2024-01-01' as date) as g, x'00' as h, json_object('k', 1) as i, 1.5e0 as j; -- end"));
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  std::string types;
  for (const Column& column : rows->schema.columns)
    types += sql_name(column.type) + " ";
  EXPECT_EQ(types,
            "INTEGER UINTEGER DECIMAL(3,2) VARCHAR VARCHAR DECIMAL(23,0) DATE BLOB JSON DOUBLE ");
  EXPECT_EQ(rows->rows[0][2], "1.50");
  EXPECT_EQ(rows->rows[0][4], std::nullopt);
}

}  // namespace
}  // namespace tidemark::mysql

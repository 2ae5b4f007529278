#include "observe/statement_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tidemark {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

std::string shown(std::string_view sql) {
  return statement_text(sql, DoubleQuotes::name);
}

TEST(StatementTextTest, NoValueIsInIt) {
  EXPECT_EQ(shown("select a, \"b c\" from t1\n where x = 'it''s'  and y > 1.5e3 and z = $12"),
            "select a, \"b c\" from t1 where x = ? and y > ? and z = $12");
  EXPECT_EQ(shown("select E'a', $$b 'c'$$, $x$d $$ 'e'$x$, date '2026-01-01', 0xff, .5, '', x''"),
            "select E?, ?, ?, date ?, ?, .?, ?, x?");
  EXPECT_EQ(shown("select a$1, `b'c`, -7::int"), "select a$1, `b'c`, -?::int");
  EXPECT_EQ(statement_text("select \"it\"\"s\" from `a\"b`", DoubleQuotes::value),
            "select ? from `a\"b`");
  EXPECT_EQ(shown(""), "");
}

// What systems read in different ways, or what ends in the middle of a literal, is not read at all.
TEST(StatementTextTest, WhatMayBeReadInTwoWaysIsNamedOnly) {
  for (const char* sql : {"select 'a\\' b'", "select 1 -- 'x'\n, 'y'", "select 1 /* 'x' */",
                          "select 'a", "select $$a", "select $x$a$y$", "select \"a"}) {
    EXPECT_THAT(shown(sql), MatchesRegex("a statement of [0-9]+ bytes, [0-9a-f]{16}")) << sql;
  }
  for (const char* sql : {"select 1 # 'x'\n, 'y'", "select '$a$', $a$b$a$"}) {
    EXPECT_THAT(statement_text(sql, DoubleQuotes::value), MatchesRegex("a statement of .*")) << sql;
  }
  EXPECT_EQ(shown("select 'a\\b'"), shown("select 'a\\b'"));
  EXPECT_NE(shown("select 'a\\b'"), shown("select 'a\\c'"));
}

TEST(StatementTextTest, ALongOneIsCut) {
  std::string sql = "select a";
  for (int i = 0; i < 1'000; ++i)
    sql += ", a";
  const std::string text = shown(sql);
  EXPECT_THAT(text, EndsWith("... (3008 bytes)"));
  EXPECT_THAT(text.substr(0, text.find("...")), SizeIs(statement_bytes_max));
}

}  // namespace
}  // namespace tidemark

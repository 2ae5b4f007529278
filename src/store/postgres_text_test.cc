#include "store/postgres_text.h"

#include <gtest/gtest.h>

#include "drivers/json/utf8.h"

namespace tidemark::postgres_text {
namespace {

TEST(PostgresTextTest, ParametersAreNumbered) {
  EXPECT_EQ(numbered("SELECT ?, ? WHERE a = ?"), "SELECT $1, $2 WHERE a = $3");
  EXPECT_EQ(numbered("a = ?2 AND b = ?1 AND c = ?12"), "a = $2 AND b = $1 AND c = $12");
  EXPECT_EQ(numbered("SELECT 1"), "SELECT 1");
}

TEST(PostgresTextTest, TheWordsOfAMigrationAreRead) {
  EXPECT_EQ(ddl("CREATE TABLE a (x INTEGER NOT NULL, texts TEXT, y TEXT) STRICT, WITHOUT ROWID;"),
            "CREATE TABLE a (x BIGINT NOT NULL, texts TEXT COLLATE \"C\", y TEXT COLLATE \"C\") ;");
  EXPECT_EQ(ddl("CREATE TABLE a (x INTEGER) STRICT"), "CREATE TABLE a (x BIGINT) ");
}

TEST(PostgresTextTest, AnyBytesComeBack) {
  for (const std::string& bytes :
       {std::string(), std::string("plain"), std::string("größe \n'\"\\"), std::string("a\0b", 3),
        std::string("\xff\xfe"), std::string("\x1a"), std::string("\x1a") + "30",
        std::string("ü\xff\x1a\0", 5)}) {
    const std::string kept = held(bytes);
    EXPECT_EQ(bytes_of(kept), bytes);
    EXPECT_TRUE(is_utf8(kept));
    EXPECT_EQ(kept.find('\0'), std::string::npos);
  }
  EXPECT_EQ(held("größe"), "größe") << "what can be held is held as it is";
  EXPECT_NE(held(std::string("\0", 1)), held("\x1a"
                                             "00"));
}

}  // namespace
}  // namespace tidemark::postgres_text

#include "base/redact.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

std::string shown(const std::string& text, const std::string& secret) {
  return redact(text, Secret(secret));
}

TEST(Redact, InEveryForm) {
  const std::string secret = "p@s's:w/r\"d é";
  EXPECT_EQ(shown("no login with " + secret + "!", secret), "no login with [secret]!");
  EXPECT_EQ(shown("'p@s''s:w/r\"d é'", secret), "'[secret]'");
  EXPECT_EQ(shown("\"p@s's:w/r\\\"d é\"", secret), "\"[secret]\"");
  EXPECT_EQ(shown("postgres://me:p%40s%27s%3Aw%2Fr%22d%20%C3%A9@db", secret),
            "postgres://me:[secret]@db");
  EXPECT_EQ(shown("postgres://me:p%40s's%3aw%2fr%22d%20%c3%a9@db", secret),
            "postgres://me:[secret]@db");
  // `printf %s SECRET | base64`
  EXPECT_EQ(shown("<cEBzJ3M6dy9yImQgw6k=>", secret), "<[secret]=>");
  EXPECT_EQ(shown(secret + secret + " and " + secret, secret), "[secret][secret] and [secret]");
}

TEST(Redact, NothingElse) {
  EXPECT_EQ(shown("password authentication failed", "hunter22"), "password authentication failed");
  EXPECT_EQ(shown("abc", "abc"), "abc");
  EXPECT_EQ(shown("", "hunter22"), "");
  EXPECT_EQ(shown("hunter22", ""), "hunter22");
  EXPECT_EQ(shown("[secret]", "secret"), "[[secret]]") << "and comes to an end";
}

}  // namespace
}  // namespace tidemark

#include "base/secret.h"

#include <gtest/gtest.h>

#include <utility>

namespace tidemark {
namespace {

TEST(Secret, HoldsItsValue) {
  const Secret none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.now()->reveal(), "");
  Secret one("a value that is too long to be kept in place");
  const Secret copy = one;
  EXPECT_EQ(copy.reveal(), one.reveal());
  EXPECT_EQ(copy.now()->reveal(), one.reveal());
  const Secret moved = std::move(one);
  EXPECT_EQ(moved.reveal(), copy.reveal());
  EXPECT_TRUE(copy.written().empty());
}

TEST(Secret, IsAskedForEachTimeItIsUsed) {
  int asked = 0;
  const Secret secret = Secret::asked_for("${env:A}", [&asked]() -> Result<Secret> {
    if (++asked > 2) return user_error("a.gone", "it is gone");
    return Secret("value " + std::to_string(asked));
  });
  const Secret copy = secret;
  EXPECT_FALSE(copy.empty());
  EXPECT_EQ(copy.written(), "${env:A}");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(secret.now()->reveal(), "value 1");
  EXPECT_EQ(copy.now()->reveal(), "value 2");
  EXPECT_EQ(copy.now().error().code, "a.gone");
}

TEST(SecretDeathTest, OneThatMustBeAskedForShowsNothing) {
  const Secret secret = Secret::asked_for("x", []() -> Result<Secret> { return Secret("y"); });
  EXPECT_DEATH(static_cast<void>(secret.reveal()), "");
}

}  // namespace
}  // namespace tidemark

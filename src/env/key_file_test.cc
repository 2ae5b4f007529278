#include "env/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace tidemark {
namespace {

TEST(KeyFileTest, AKeyThatOthersMayReadIsRefused) {
  const std::string path = ::testing::TempDir() + "/key_file_test_key";
  std::ofstream(path) << "key";
  const auto mode = [&](mode_t bits) {
    EXPECT_EQ(::chmod(path.c_str(), bits), 0);
    return check_key_file(path);
  };
  EXPECT_TRUE(mode(0600).ok());
  EXPECT_TRUE(mode(0400).ok());
  for (const mode_t open : {0644, 0660, 0604}) {
    const Status found = mode(open);
    ASSERT_FALSE(found.ok()) << open;
    EXPECT_EQ(found.error().code, "env.open_key_file");
    EXPECT_NE(found.error().hint.find("chmod 600 " + path), std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(check_key_file(path).error().code, "env.no_key_file");
  EXPECT_EQ(check_key_file("/").error().code, "env.no_key_file");
}

}  // namespace
}  // namespace tidemark

#include "drivers/hash/hash.h"

#include <gtest/gtest.h>

#include <fstream>

namespace tidemark {
namespace {

// The published test vectors of both functions.
TEST(hash, known_answers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(xxh3_hex(""), "99aa06d3014798d86001c324468d497f");
}

TEST(hash, pieces_equal_the_whole) {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += std::to_string(i);
  Xxh3 xxh3;
  Sha256 sha256;
  for (std::size_t at = 0; at < text.size(); at += 977) {
    xxh3.update(std::string_view(text).substr(at, 977));
    sha256.update(std::string_view(text).substr(at, 977));
  }
  EXPECT_EQ(xxh3.finish(), xxh3_hex(text));
  EXPECT_EQ(sha256.finish(), sha256_hex(text));
}

TEST(hash, files) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "hash_files.bin";
  const std::string text(3'000'000, 'x');
  std::ofstream(path) << text;
  Cancel cancel;
  Result<FileHash> hash = hash_file(path, HashDepth::xxh3_and_sha256, cancel);
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(hash->bytes, 3'000'000);
  EXPECT_EQ(hash->xxh3, xxh3_hex(text));
  EXPECT_EQ(hash->sha256, sha256_hex(text));
  EXPECT_TRUE(hash_file(path, HashDepth::xxh3, cancel)->sha256.empty());
  std::filesystem::remove(path);
  EXPECT_EQ(hash_file(path, HashDepth::xxh3, cancel).error().code, "env.not_found");
  cancel.request();
  std::ofstream(path) << text;
  EXPECT_EQ(hash_file(path, HashDepth::xxh3, cancel).error().code, "run.cancelled");
}

}  // namespace
}  // namespace tidemark

#include "drivers/sodium/sodium.h"

#include <gtest/gtest.h>

#include <set>

namespace tidemark {
namespace {

// The published vector of BLAKE2b with 32 bytes, of the empty text.
TEST(sodium, known_hash) {
  EXPECT_EQ(blake2b_hex(""), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_NE(blake2b_hex("a"), blake2b_hex("b"));
}

TEST(sodium, opens_what_it_sealed) {
  const Key key = Key::random();
  for (const std::string& plain :
       {std::string(), std::string("p\0ss", 4), std::string(70'000, 'x')}) {
    const auto opened = unseal(key, seal(key, plain, "shop 1"), "shop 1");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), plain);
  }
}

// A sealed text of the IETF draft of XChaCha20-Poly1305 (appendix A.3.1).
TEST(sodium, opens_the_published_vector) {
  const auto key = Key::of_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  ASSERT_TRUE(key);
  const auto sealed = from_hex(
      "404142434445464748494a4b4c4d4e4f5051525354555657"
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda"
      "7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b23835"
      "65d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
  const auto associated = from_hex("50515253c0c1c2c3c4c5c6c7");
  ASSERT_TRUE(sealed && associated);
  const auto opened = unseal(*key, *sealed, *associated);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->reveal(),
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
            "future, sunscreen would be it.");
}

TEST(sodium, every_change_is_found_out) {
  const Key key = Key::random();
  const std::string sealed = seal(key, "s3cret", "shop 1");
  EXPECT_FALSE(unseal(Key::random(), sealed, "shop 1"));
  EXPECT_FALSE(unseal(key, sealed, "shop 2"));
  EXPECT_FALSE(unseal(key, "", "shop 1"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(unseal(key, changed, "shop 1")) << "byte " << i;
    EXPECT_FALSE(unseal(key, sealed.substr(0, i), "shop 1")) << "cut at " << i;
  }
}

TEST(sodium, the_same_twice_is_sealed_differently) {
  const Key key = Key::random();
  std::set<std::string> nonces;
  for (int i = 0; i < 1000; ++i)
    nonces.insert(seal(key, "x", "").substr(0, 24));
  EXPECT_EQ(nonces.size(), 1000u);
}

TEST(sodium, keys) {
  const Key key = Key::random();
  const auto again = Key::of_hex(key.hex().reveal());
  ASSERT_TRUE(again);
  EXPECT_TRUE(are_same(again->bytes(), key.bytes()));
  EXPECT_EQ(again->id(), key.id());
  EXPECT_EQ(key.id().size(), 16u);
  EXPECT_NE(Key::random().id(), key.id());
  EXPECT_FALSE(Key::of("short"));
  EXPECT_FALSE(Key::of_hex(std::string(63, 'a')));
  EXPECT_FALSE(Key::of_hex(std::string(63, 'a') + "x"));
}

TEST(sodium, hexadecimal) {
  EXPECT_EQ(to_hex(std::string("\x00\xff", 2)), "00ff");
  EXPECT_EQ(from_hex("00ff"), std::string("\x00\xff", 2));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_EQ(from_hex(""), "");
  EXPECT_EQ(random_hex(32).reveal().size(), 64u);
  EXPECT_NE(random_hex(32).reveal(), random_hex(32).reveal());
}

TEST(sodium, compares) {
  EXPECT_TRUE(are_same("abc", "abc"));
  EXPECT_FALSE(are_same("abc", "abd"));
  EXPECT_FALSE(are_same("abc", "abcd"));
  EXPECT_TRUE(are_same("", ""));
}

TEST(sodium, wipes) {
  std::string text(100, 'x');
  const char* const bytes = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(bytes[1], '\0');  // its memory is still the text's
}

}  // namespace
}  // namespace tidemark

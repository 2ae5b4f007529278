#include "drivers/json/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "drivers/json/utf8.h"

namespace tidemark {
namespace {

JsonValue parsed(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value.ok()) << (value.ok() ? "" : value.error().message);
  return value.ok() ? *value : JsonValue();
}

TEST(Json, KeepsTheOrderOfKeys) {
  JsonValue value;
  value.set("z", 1)
      .set("a", JsonValue(JsonArray{true, nullptr, "x"}))
      .set("m", JsonValue(JsonObject()));
  EXPECT_EQ(to_json(value), R"({"z":1,"a":[true,null,"x"],"m":{}})");
  EXPECT_EQ(parsed(to_json(value)), value);
  value.set("z", 2);
  EXPECT_EQ(to_json(value), R"({"z":2,"a":[true,null,"x"],"m":{}})");
}

TEST(Json, IndentsForPeople) {
  JsonValue value;
  value.set("a", JsonValue().append(1).append(2)).set("b", JsonValue(JsonArray()));
  EXPECT_EQ(to_json(value, JsonLayout::indented),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}\n");
}

TEST(Json, IntegersAreExactToTheLast) {
  for (std::int64_t value :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
        std::int64_t{9007199254740993}, std::int64_t{0}}) {
    JsonValue read = parsed(to_json(JsonValue(value)));
    ASSERT_NE(read.integer(), nullptr);
    EXPECT_EQ(*read.integer(), value);
  }
  EXPECT_EQ(parse_json("9223372036854775808").error().code, "json.invalid");
  EXPECT_EQ(parse_json("-9223372036854775809").error().code, "json.invalid");
  EXPECT_EQ(parse_json("123456789012345678901234567890").error().code, "json.invalid");
}

TEST(Json, DoublesReadBackTheSame) {
  for (double value :
       {0.1, 1.0, -0.0, 1e300, 5e-324, 1.7976931348623157e308, 123456789.123456789}) {
    JsonValue read = parsed(to_json(JsonValue(value)));
    ASSERT_NE(read.number(), nullptr) << value;
    EXPECT_EQ(*read.number(), value);
    EXPECT_EQ(std::signbit(*read.number()), std::signbit(value));
  }
  EXPECT_EQ(to_json(JsonValue(1.0)), "1.0");
  EXPECT_EQ(to_json(JsonValue(std::nan(""))), "\"NaN\"");
  EXPECT_EQ(to_json(JsonValue(-std::numeric_limits<double>::infinity())), "\"-Infinity\"");
  EXPECT_EQ(parse_json("1e999").error().code, "json.invalid");
}

TEST(Json, EscapesAndReadsBackEveryCharacter) {
  std::string all;
  for (int i = 0; i < 128; ++i)
    all += static_cast<char>(i);
  all += "ä€𝄞\u2028\u2029\uffff";
  std::string text = to_json(JsonValue(all));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\0'), std::string::npos);
  EXPECT_EQ(*parsed(text).string(), all);
  EXPECT_EQ(to_json(JsonValue("a\"\\\n\x01")), R"("a\"\\\n\u0001")");
}

TEST(Json, BytesThatAreNoTextAreNotChanged) {
  std::string bytes = "a\xff\xc3(\xed\xa0\x80";
  JsonValue document;
  document.set("path", bytes).set("name", "ä");
  std::string text = to_json(document);
  EXPECT_EQ(text, R"({"path":{"bytes_hex":"61ffc328eda080"},"name":"ä"})");
  EXPECT_EQ(*parsed(text).bytes_at("path"), bytes);
  EXPECT_EQ(*parsed(text).bytes_at("name"), "ä");
  EXPECT_FALSE(parsed(text).string_at("path").ok());
  EXPECT_FALSE(parsed(R"({"path":{"bytes_hex":"6"}})").bytes_at("path").ok());
  EXPECT_FALSE(parsed(R"({"path":{"bytes_hex":"6x"}})").bytes_at("path").ok());
  JsonValue odd_key;
  odd_key.set("f\xff", 1);
  EXPECT_EQ(to_json(odd_key), R"({"bytes_hex:66ff":1})");
}

// Each at every distance from the start and the end of words of eight bytes.
TEST(Json, KnowsUtf8) {
  for (std::size_t before = 0; before < 17; ++before) {
    for (std::size_t after = 0; after < 9; ++after) {
      const auto among = [&](std::string_view bytes) {
        return std::string(before, 'a') + std::string(bytes) + std::string(after, 'z');
      };
      for (const char* bytes : {"", "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf",
                                "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xc3\xa9\xc3\xa9"}) {
        EXPECT_TRUE(is_utf8(among(bytes))) << among(bytes);
        EXPECT_TRUE(is_utf8_without_nul(among(bytes))) << among(bytes);
      }
      for (const char* bytes :
           {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
            "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82",
            "\xf0\x9f\x92", "\xff", "\xc3\xa9\xc3"}) {
        EXPECT_FALSE(is_utf8(among(bytes))) << before << " " << after;
        EXPECT_FALSE(is_utf8_without_nul(among(bytes))) << before << " " << after;
      }
      EXPECT_TRUE(is_utf8(among(std::string_view("\0", 1))));
      EXPECT_FALSE(is_utf8_without_nul(among(std::string_view("\0", 1)))) << before << " " << after;
    }
  }
}

TEST(JsonParse, WhatItSaysOfBytesIsText) {
  for (const char* bytes : {"\xa7", "\xc3\xa9", "{\"a\": \xff\xfe}"}) {
    const auto refused = parse_json(bytes);
    ASSERT_FALSE(refused.ok());
    EXPECT_TRUE(is_utf8(refused.error().message)) << refused.error().message;
  }
}

TEST(JsonParse, NamesLineAndColumn) {
  auto broken = parse_json("{\n  \"a\": 1,\n  \"b\": x\n}");
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("line 3, column 8"), std::string::npos)
      << broken.error().message;
  auto twice = parse_json("{\"a\": 1,\n \"a\": 2}");
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message.find("'a' stands twice"), std::string::npos)
      << twice.error().message;
  EXPECT_NE(twice.error().message.find("line 2"), std::string::npos) << twice.error().message;
}

TEST(JsonParse, RefusesWhatIsNotOneDocument) {
  for (std::string_view text :
       {"", " ", "{", "[1,]", "{\"a\":1,}", "1 2", "nul", "'a'", "\"a", "\"\xff\"", "\"\\ud800\"",
        "[1 /* c */]", "NaN", "01", "+1", "\"a\nb\""}) {
    EXPECT_FALSE(parse_json(text).ok()) << text;
  }
}

TEST(JsonParse, KeysMayRepeatInDifferentObjects) {
  EXPECT_TRUE(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})").ok());
  EXPECT_FALSE(parse_json(R"({"b":[{"a":1,"c":{"a":1},"a":2}]})").ok());
}

TEST(JsonParse, StopsAtTheLimits) {
  std::string deep(64, '[');
  EXPECT_TRUE(parse_json(deep + std::string(64, ']')).ok());
  EXPECT_FALSE(parse_json("[" + deep + std::string(65, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).ok());
  EXPECT_FALSE(parse_json("[1,2]", {.bytes_max = 4}).ok());
}

TEST(Json, MissingMembersAreNamed) {
  JsonValue value = parsed(R"({"a":1,"b":"x","c":[],"d":{},"e":true})");
  EXPECT_EQ(*value.integer_at("a"), 1);
  EXPECT_EQ(*value.string_at("b"), "x");
  EXPECT_TRUE((*value.array_at("c"))->empty());
  EXPECT_TRUE((*value.object_at("d"))->empty());
  EXPECT_TRUE(*value.boolean_at("e"));
  auto missing = value.integer_at("b");
  EXPECT_EQ(missing.error().code, "json.unexpected");
  EXPECT_NE(missing.error().message.find("'b'"), std::string::npos);
  EXPECT_EQ(JsonValue(1).find("a"), nullptr);
}

}  // namespace
}  // namespace tidemark

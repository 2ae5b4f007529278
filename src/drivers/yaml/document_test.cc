#include "drivers/yaml/document.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tidemark {
namespace {

// `line:column message` of every fault.
std::vector<std::string> fault_lines(const std::string& source, const YamlLimits& limits = {}) {
  std::vector<std::string> lines;
  const YamlDocument document = YamlDocument::parse(source, limits);
  for (const YamlFault& fault : document.faults()) {
    lines.push_back(std::to_string(fault.at.line) + ":" + std::to_string(fault.at.column) + " " +
                    fault.message);
  }
  return lines;
}

std::string only_fault(const std::string& source, const YamlLimits& limits = {}) {
  const std::vector<std::string> lines = fault_lines(source, limits);
  EXPECT_EQ(lines.size(), 1u) << source;
  return lines.empty() ? "" : lines.front();
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += text;
  return all;
}

TEST(YamlDocument, ReadsTheTreeWithPositions) {
  const YamlDocument document =
      YamlDocument::parse("from: {connection: shop}\nkeys:\n  - a\n  - 'b'\nnone:\n");
  ASSERT_TRUE(document.faults().empty());
  const YamlNode& root = document.root();
  ASSERT_EQ(root.kind, YamlKind::map);
  ASSERT_EQ(root.entries.size(), 3u);
  EXPECT_EQ(root.entries[0].key, "from");
  EXPECT_EQ(root.entries[1].key_at.line, 2);
  const YamlNode* connection = root.find("from")->find("connection");
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(connection->text, "shop");
  EXPECT_EQ(connection->at.line, 1);
  EXPECT_EQ(connection->at.column, 20);
  const YamlNode* keys = root.find("keys");
  ASSERT_EQ(keys->items.size(), 2u);
  EXPECT_FALSE(keys->items[0].quoted);
  EXPECT_TRUE(keys->items[1].quoted);
  EXPECT_EQ(keys->items[1].at.line, 4);
  EXPECT_EQ(keys->items[1].at.column, 5);
  EXPECT_EQ(root.find("none")->kind, YamlKind::null);
  EXPECT_EQ(root.find("absent"), nullptr);
}

TEST(YamlDocument, ColumnsCountCharacters) {
  const YamlDocument document = YamlDocument::parse("{größe: äöü, next: 1}\n");
  EXPECT_EQ(document.root().entries[1].key_at.column, 14);
}

TEST(YamlDocument, WordsThatOtherReadersTakeForBooleansStayText) {
  const YamlDocument document = YamlDocument::parse("{on: no, off: yes}");
  EXPECT_EQ(document.root().find("on")->text, "no");
  EXPECT_EQ(document.root().find("off")->text, "yes");
}

TEST(YamlDocument, NothingIsANullRoot) {
  for (const char* source : {"", "\n\n", "# only words\n", "---\n", "\xEF\xBB\xBF"}) {
    const YamlDocument document = YamlDocument::parse(source);
    EXPECT_TRUE(document.faults().empty()) << source;
    EXPECT_EQ(document.root().kind, YamlKind::null) << source;
  }
}

TEST(YamlDocument, TakesWindowsLineEndsAndAByteOrderMark) {
  const YamlDocument document = YamlDocument::parse(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: 2\r\n");
  ASSERT_TRUE(document.faults().empty());
  EXPECT_EQ(document.root().find("b")->text, "2");
  EXPECT_EQ(document.root().find("b")->at.line, 2);
  EXPECT_EQ(document.root().find("b")->at.column, 4);
}

struct FaultCase {
  const char* name;
  std::string source;
  std::string expected;
};

class YamlFaults : public testing::TestWithParam<FaultCase> {};

TEST_P(YamlFaults, IsSaidWithItsPosition) {
  EXPECT_EQ(only_fault(GetParam().source), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, YamlFaults,
    testing::Values(
        FaultCase{"anchor", "a: &x 1\n", "1:4 YAML anchors (`&name`) are not allowed"},
        FaultCase{"tag", "a: !!str 1\n", "1:4 YAML tags (`!name`) are not allowed"},
        FaultCase{"local_tag_on_map", "a: !thing {b: 1}\n",
                  "1:4 YAML tags (`!name`) are not allowed"},
        FaultCase{"merge", "a: 1\n<<: {b: 1}\n", "2:1 YAML merge keys (`<<`) are not allowed"},
        FaultCase{"doubled", "a: 1\nb: 2\na: 3\n", "3:1 the key `a` is written twice"},
        FaultCase{"doubled_inside", "x: {a: 1, 'a': 2}\n", "1:11 the key `a` is written twice"},
        FaultCase{"documents", "a: 1\n---\nb: 2\n",
                  "2:1 the file holds more than one YAML document"},
        FaultCase{"leftover", "- a\nb: 1\n", "2:1 this does not belong to what stands above it"},
        FaultCase{"directive", "# x\n%YAML 1.2\n---\na: 1\n",
                  "2:1 YAML directives (`%...`) are not allowed"},
        FaultCase{"open_double", "a: \"x\nb: 1\n", "1:4 a quote is not closed"},
        FaultCase{"open_single", "a: 'it''s\nb: 1\n", "1:4 a quote is not closed"},
        FaultCase{"map_as_key", "{a: 1}: 2\n", "1:1 a key must be a word, not a list or a mapping"},
        FaultCase{"list_as_key", "? [a]\n: 2\n",
                  "1:3 a key must be a word, not a list or a mapping"},
        FaultCase{"null_key", "~: 1\n", "1:1 a key is empty"},
        FaultCase{"tab", "a:\n\tb: 1\n", "2:1 a tab indents this line"},
        FaultCase{"tab_after_spaces", "a:\n  \tb: 1\n", "2:3 a tab indents this line"},
        FaultCase{"nul", std::string("a: 1\nb\0: 2\n", 11), "2:2 a NUL byte stands in the file"},
        FaultCase{"control", "a: \x01\n", "1:4 a control character stands in the file"},
        FaultCase{"lone_return", "a: 1\rb: 2\n", "1:5 a carriage return stands in the file"},
        FaultCase{"utf8", "a: \xC3\x28\n", "1:4 this is not valid UTF-8"},
        FaultCase{"utf8_overlong", "a: \xC0\x80\n", "1:4 this is not valid UTF-8"},
        FaultCase{"utf8_surrogate", "a: \xED\xA0\x80\n", "1:4 this is not valid UTF-8"},
        FaultCase{"utf8_cut", "a: \xE2\x82", "1:4 this is not valid UTF-8"},
        FaultCase{"utf16",
                  std::string("\xFF\xFE"
                              "a\0",
                              4),
                  "1:1 this is not valid UTF-8"}),
    [](const testing::TestParamInfo<FaultCase>& info) { return std::string(info.param.name); });

TEST(YamlDocument, AliasesAreFaultsAndNotFollowed) {
  EXPECT_EQ(fault_lines("a: &x [1]\nb: *x\n"), (std::vector<std::string>{
                                                   "1:4 YAML anchors (`&name`) are not allowed",
                                                   "2:4 YAML aliases (`*name`) are not allowed",
                                               }));
}

TEST(YamlDocument, ABombOfAliasesStaysSmall) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
            repeated(before + ", ", 8) + before + "]\n";
  }
  const YamlDocument document = YamlDocument::parse(bomb);
  EXPECT_EQ(document.faults().size(), 30u + 29u * 9u);
}

TEST(YamlDocument, LimitsAreFaults) {
  EXPECT_EQ(only_fault(repeated("[", 65) + repeated("]", 65)),
            "1:65 values are nested more than 64 deep");
  EXPECT_TRUE(fault_lines(repeated("[", 64) + repeated("]", 64)).empty());
  EXPECT_EQ(only_fault(repeated("- ", 100)), "1:129 values are nested more than 64 deep");
  EXPECT_EQ(only_fault("[" + repeated("a,", 20) + "]", {.nodes_max = 10}),
            "1:20 the file holds more than 10 values");
  EXPECT_EQ(only_fault("aaaaaaaaaaa", {.bytes_max = 10}), "1:1 the file is larger than 10 bytes");
}

TEST(YamlDocument, DeepAndUnclosedInputEndsQuickly) {
  for (const char* piece :
       {"[", "{", "- ", "? ", "a: ", "{a: ", "[[], ", "\"", "' ", "&a ", "!a ", "|", "%"}) {
    const YamlDocument document = YamlDocument::parse(repeated(piece, 100'000));
    EXPECT_FALSE(document.faults().empty()) << piece;
  }
}

TEST(YamlDocument, SyntaxFaultsHaveAPositionAndAHint) {
  struct Case {
    const char* source;
    int line;
    const char* hint;
  };
  for (const Case& tried : {Case{"a: [1, 2\nb: 3\n", 2, "check the indentation"},
                            Case{"a: 1\n b: 2\n", 2, "check the indentation"},
                            Case{"a: @x\n", 1, "check the indentation"},
                            Case{"a: * * *\n", 1, "starts with * needs quotes"},
                            Case{"a: */5 *\n", 1, "starts with * needs quotes"},
                            Case{"shop: {password: ${env:X}}\n", 1, "put ${...} in quotes"}}) {
    const YamlDocument document = YamlDocument::parse(tried.source);
    ASSERT_FALSE(document.faults().empty()) << tried.source;
    const YamlFault& fault = document.faults().front();
    EXPECT_EQ(fault.at.line, tried.line) << tried.source << fault.message;
    EXPECT_NE(fault.hint.find(tried.hint), std::string::npos)
        << tried.source << fault.message << fault.hint;
  }
}

TEST(YamlDocument, TabsInsideBlockTextsAreText) {
  const YamlDocument document = YamlDocument::parse("sql: |\n  select\n  \t1\n\nnext: 1\n");
  EXPECT_TRUE(document.faults().empty());
  EXPECT_EQ(document.root().find("sql")->text, "select\n\t1\n");
}

struct StretchCase {
  const char* name;
  std::string source;
  std::string part;  // its first character must be found at
  int line;
  int column;
};

class YamlStretches : public testing::TestWithParam<StretchCase> {};

TEST_P(YamlStretches, PointIntoTheFile) {
  const YamlDocument document = YamlDocument::parse(GetParam().source);
  ASSERT_TRUE(document.faults().empty());
  const YamlNode& scalar = document.root().entries.front().value;
  const std::size_t offset = scalar.text.find(GetParam().part);
  ASSERT_NE(offset, std::string::npos) << scalar.text;
  YamlPosition at;
  std::size_t from = 0;
  for (const YamlStretch& stretch : document.stretches(scalar)) {
    if (stretch.offset > offset) break;
    from = stretch.offset;
    at = stretch.at;
  }
  EXPECT_EQ(at.line, GetParam().line);
  EXPECT_EQ(at.column + static_cast<int>(offset - from), GetParam().column);
}

INSTANTIATE_TEST_SUITE_P(
    All, YamlStretches,
    testing::Values(
        StretchCase{"plain", "sql: select  wrong from t\n", "wrong", 1, 14},
        StretchCase{"plain_folded", "sql: select\n  wrong\n  from t\n", "wrong", 2, 3},
        StretchCase{"single", "sql: 'select ''a'' wrong'\n", "wrong", 1, 20},
        StretchCase{"double", "sql: \"select \\\"a\\\" wrong\"\n", "wrong", 1, 20},
        StretchCase{"literal", "sql: |\n    select\n      wrong\n    from t\n", "wrong", 3, 7},
        StretchCase{"literal_first", "sql: |\n  select\n", "select", 2, 3},
        StretchCase{"literal_comment", "sql: |-  # a | note\n  select wrong\n", "wrong", 2, 10},
        StretchCase{"folded", "sql: >\n  select\n  wrong\n", "wrong", 3, 3}),
    [](const testing::TestParamInfo<StretchCase>& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tidemark

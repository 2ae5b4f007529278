#include "plan/schema_drift.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

Schema columns(std::vector<std::pair<std::string, Type>> list) {
  Schema schema;
  for (auto& [name, type] : list)
    schema.columns.push_back({name, type, true, {}});
  return schema;
}

const Type integer = Type::of(TypeKind::int32);
const Type text = Type::of(TypeKind::varchar);

TEST(SchemaDrift, EqualColumnsInAnotherOrderAreNoChange) {
  EXPECT_TRUE(compare_columns(columns({{"a", integer}, {"b", text}}),
                              columns({{"b", text}, {"a", integer}}))
                  .empty());
}

TEST(SchemaDrift, NewDroppedAndRetypedColumnsAreTold) {
  const auto changes = compare_columns(
      columns({{"a", integer}, {"b", text}, {"c", Type::decimal(10, 2)}}),
      columns({{"d", Type::of(TypeKind::date)}, {"a", integer}, {"c", Type::decimal(12, 2)}}));
  EXPECT_EQ(describe(changes),
            "column `d` (DATE) is new; column `c` was DECIMAL(10,2) and is DECIMAL(12,2); column "
            "`b` (VARCHAR) is gone");
}

TEST(SchemaDrift, ADroppedAndANewColumnOfOneTypeMayBeTheSame) {
  const auto changes = compare_columns(columns({{"a", integer}, {"b", text}}),
                                       columns({{"x", text}, {"y", text}, {"a", integer}}));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].maybe_renamed, "b");
  EXPECT_EQ(changes[1].maybe_renamed, "");
  EXPECT_EQ(changes[2].maybe_renamed, "x");
}

TEST(SchemaDrift, ACaseThatChangedGoesBeforeATypeThatIsTheSame) {
  const auto changes = compare_columns(columns({{"Amount", integer}, {"b", integer}}),
                                       columns({{"x", integer}, {"amount", text}}));
  ASSERT_EQ(changes.size(), 4u);
  EXPECT_EQ(changes[2].column, "Amount");
  EXPECT_EQ(changes[2].maybe_renamed, "amount");
  EXPECT_EQ(changes[3].maybe_renamed, "x");
}

TEST(SchemaDrift, ColumnsReadBackAsTheyWereKept) {
  Schema schema = columns({{"a \"b\"", Type::decimal(38, 0)},
                           {"c", Type::list_of(text)},
                           {"d", Type::engine("STRUCT(a INTEGER)")},
                           {"e", Type::list_of(Type::engine("STRUCT(\"a\" INTEGER)"))}});
  const auto read = parse_carried(carried_text(schema));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_TRUE(compare_columns(schema, *read).empty());
  EXPECT_TRUE(compare_columns(*read, schema).empty());
  EXPECT_EQ(carried_text(*read), carried_text(schema));
}

TEST(SchemaDrift, WhatIsNoListOfColumnsIsAnError) {
  for (const char* damaged :
       {"", "{}", "[1]", "[[\"a\"]]", "[[\"a\", 1]]", "[[\"a\", \"b\", 1]]"}) {
    const auto read = parse_carried(damaged);
    ASSERT_FALSE(read.ok()) << damaged;
    EXPECT_EQ(read.error().code, "target.ledger_unreadable");
  }
}

}  // namespace
}  // namespace tidemark

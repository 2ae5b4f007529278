#include "connectors/postgres/sink_types.h"

#include <gtest/gtest.h>

namespace tidemark::postgres {
namespace {

TargetColumn target(std::uint32_t oid, std::int32_t modifier = -1) {
  TargetColumn column{"c", "the target's type"};
  column.type_oid = oid;
  column.type_modifier = modifier;
  return column;
}

Column column(Type type) {
  return Column{"c", std::move(type)};
}

std::int32_t numeric_modifier(int precision, int scale) {
  return ((precision << 16) | (scale & 0x7FF)) + 4;
}

TEST(SinkTypesTest, EveryKindHasATypeThatTakesIt) {
  for (const char* name :
       {"boolean",        "tinyint",        "smallint",  "integer",     "bigint",       "hugeint",
        "utinyint",       "usmallint",      "uinteger",  "ubigint",     "real",         "double",
        "decimal(38,10)", "varchar",        "json",      "blob",        "uuid",         "date",
        "time",           "timetz",         "timestamp", "timestamptz", "timestamp_ns", "interval",
        "int[]",          "decimal(5,2)[]", "varchar[]"}) {
    const Column made = column(parse_type(name).value());
    EXPECT_TRUE(new_column(made).ok()) << name;
  }
}

TEST(SinkTypesTest, TypesOfTheEngineAloneAreRefusedWithACast) {
  for (const char* name : {"STRUCT(a INTEGER)", "int[][]"}) {
    const auto refused = postgres_type(column(parse_type(name).value()));
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code, "target.type_unsupported");
    EXPECT_NE(refused.error().hint.find("to_json(c)"), std::string::npos);
  }
}

TEST(SinkTypesTest, NumbersFitWhereEveryValueDoes) {
  EXPECT_TRUE(fit(column(Type::of(TypeKind::int32)), target(20)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::int64)), target(23)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::uint32)), target(23)).ok());
  EXPECT_TRUE(fit(column(Type::of(TypeKind::uint64)), target(1700)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::uint64)), target(20)).ok());
  EXPECT_TRUE(fit(column(Type::decimal(9, 0)), target(23)).ok());
  EXPECT_FALSE(fit(column(Type::decimal(10, 0)), target(23)).ok());
  EXPECT_TRUE(fit(column(Type::decimal(10, 2)), target(1700, numeric_modifier(12, 3))).ok());
  EXPECT_FALSE(fit(column(Type::decimal(10, 2)), target(1700, numeric_modifier(10, 3))).ok());
  EXPECT_FALSE(fit(column(Type::decimal(10, 2)), target(1700, numeric_modifier(10, 1))).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::float64)), target(700)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::float64)), target(1700)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::varchar)), target(23)).ok());
}

TEST(SinkTypesTest, TextsAndTimesAreNeverCutPaddedOrRounded) {
  EXPECT_FALSE(fit(column(Type::of(TypeKind::varchar)), target(1042, 14)).ok());
  const auto limited = fit(column(Type::of(TypeKind::varchar)), target(1043, 14));
  ASSERT_TRUE(limited.ok());
  EXPECT_EQ(limited->copy.wire.characters_max, 10);
  EXPECT_FALSE(fit(column(Type::of(TypeKind::timestamp)), target(1114, 3)).ok());
  EXPECT_TRUE(fit(column(Type::of(TypeKind::timestamp)), target(1114, 6)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::timestamp)), target(1184)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::varchar)), target(3802)).ok());
  EXPECT_FALSE(fit(column(Type::of(TypeKind::json)), target(3802))->note.empty());
}

TEST(SinkTypesTest, AMisfitNamesColumnAndBothTypes) {
  const auto misfit = fit(column(Type::of(TypeKind::int64)), target(23));
  ASSERT_FALSE(misfit.ok());
  EXPECT_EQ(misfit.error().message,
            "column `c` is the target's type in the table and BIGINT in the rows");
}

}  // namespace
}  // namespace tidemark::postgres

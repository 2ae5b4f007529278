#include "connectors/postgres/copy_decoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "connectors/postgres/memory_batch.h"

namespace tidemark::postgres {
namespace {

std::string u16(std::uint16_t v) {
  return {static_cast<char>(v >> 8), static_cast<char>(v)};
}
std::string u32(std::uint32_t v) {
  return u16(static_cast<std::uint16_t>(v >> 16)) + u16(static_cast<std::uint16_t>(v));
}
std::string u64(std::uint64_t v) {
  return u32(static_cast<std::uint32_t>(v >> 32)) + u32(static_cast<std::uint32_t>(v));
}
std::string field(const std::string& bytes) {
  return u32(static_cast<std::uint32_t>(bytes.size())) + bytes;
}
const std::string null_field = u32(0xffffffff);
std::string header() {
  return std::string("PGCOPY\n\377\r\n\0", 11) + u32(0) + u32(0);
}
const std::string trailer = u16(0xffff);

std::string tuple(const std::vector<std::string>& fields) {
  std::string bytes = u16(static_cast<std::uint16_t>(fields.size()));
  for (const std::string& one : fields)
    bytes += one;
  return bytes;
}

std::string numeric(int weight, std::uint16_t sign, int shown,
                    const std::vector<std::uint16_t>& digits) {
  std::string bytes = u16(static_cast<std::uint16_t>(digits.size())) +
                      u16(static_cast<std::uint16_t>(weight)) + u16(sign) +
                      u16(static_cast<std::uint16_t>(shown));
  for (const std::uint16_t digit : digits)
    bytes += u16(digit);
  return bytes;
}

DecodedColumn column(const std::string& name, ValueForm form, Type type) {
  return {name, {form, ValueForm::text, 0, false, std::move(type)}};
}

const DecodedColumn int_column = column("n", ValueForm::int4, Type::of(TypeKind::int32));
const DecodedColumn text_column = column("t", ValueForm::text, Type::of(TypeKind::varchar));

struct Outcome {
  Result<std::size_t> rows;
  MemoryBatch batch;
  bool finished;
};

Outcome decode(std::vector<DecodedColumn> columns, const std::string& bytes) {
  MemoryBatch batch(columns.size(), 16);
  CopyDecoder decoder(std::move(columns));
  decoder.feed(bytes);
  auto rows = decoder.decode(batch, 0);
  return {std::move(rows), std::move(batch), decoder.finished()};
}

TEST(CopyDecoderTest, RowsNullsAndTheEnd) {
  const Outcome got =
      decode({int_column, text_column}, header() + tuple({field(u32(7)), field("água")}) +
                                            tuple({null_field, null_field}) + trailer);
  ASSERT_TRUE(got.rows.ok()) << got.rows.error().describe();
  EXPECT_EQ(2u, *got.rows);
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(7, got.batch.at(0).value<std::int32_t>(0));
  EXPECT_EQ("água", got.batch.at(1).bytes(0));
  EXPECT_TRUE(got.batch.at(0).null(1));
  EXPECT_TRUE(got.batch.at(1).null(1));
}

TEST(CopyDecoderTest, ARejectedRowKeepsItsBytesAndLeavesNoTrace) {
  const std::string bad = tuple({null_field, field("\xff"), field(u32(1))});
  const Outcome got =
      decode({int_column, text_column, int_column},
             header() + bad + tuple({field(u32(8)), field("x"), null_field}) + trailer);
  ASSERT_TRUE(got.rows.ok()) << got.rows.error().describe();
  EXPECT_EQ(1u, *got.rows);
  ASSERT_EQ(1u, got.batch.rejected.size());
  EXPECT_EQ(bad, got.batch.rejected[0].raw);
  EXPECT_EQ("t", got.batch.rejected[0].column);
  EXPECT_EQ("tuple 1", got.batch.rejected[0].locator);
  EXPECT_FALSE(got.batch.at(0).null(0));
  EXPECT_EQ(8, got.batch.at(0).value<std::int32_t>(0));
}

TEST(CopyDecoderTest, StopsAtCapacityAndGoesOn) {
  std::string bytes = header();
  for (std::uint32_t i = 0; i < 40; ++i)
    bytes += tuple({field(u32(i))});
  bytes += trailer;
  CopyDecoder decoder({int_column});
  decoder.feed(bytes);
  std::uint32_t expected = 0;
  while (!decoder.hungry()) {
    MemoryBatch batch(1, 16);
    auto rows = decoder.decode(batch, 0);
    ASSERT_TRUE(rows.ok());
    for (std::size_t i = 0; i < *rows; ++i)
      EXPECT_EQ(expected++, batch.at(0).value<std::uint32_t>(i));
  }
  EXPECT_EQ(40u, expected);
  EXPECT_TRUE(decoder.finished());
}

TEST(CopyDecoderTest, EveryCutIsAnErrorAndNeverARow) {
  const std::string whole = header() + tuple({field(u32(7)), field("abc")}) + trailer;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    // Blocks end between tuples, so whole tuples without a trailer are fine.
    if (size == header().size() || size == whole.size() - 2) continue;
    const Outcome got = decode({int_column, text_column}, whole.substr(0, size));
    ASSERT_FALSE(got.rows.ok()) << size;
    EXPECT_EQ("source.bad_copy", got.rows.error().code);
  }
  EXPECT_FALSE(decode({int_column, text_column}, whole + "x").rows.ok());
  EXPECT_FALSE(decode({int_column}, whole).rows.ok());
  EXPECT_FALSE(decode({int_column}, header() + u16(1) + u32(0xfffffff0) + "1234").rows.ok());
  const Outcome wide = decode({int_column}, header() + tuple({field(u64(1))}) + trailer);
  ASSERT_FALSE(wide.rows.ok());
  EXPECT_EQ("source.column_changed", wide.rows.error().code);
}

struct NumericCase {
  const char* text;
  std::string bytes;
  int width, scale;
  std::int64_t scaled;
};

TEST(CopyDecoderTest, NumericsExactly) {
  const std::vector<NumericCase> cases = {
      {"0", numeric(0, 0, 0, {}), 4, 0, 0},
      {"0.00", numeric(0, 0, 2, {}), 15, 2, 0},
      {"1.50", numeric(0, 0, 2, {1, 5000}), 15, 2, 150},
      {"-1.05", numeric(0, 0x4000, 2, {1, 500}), 15, 2, -105},
      {"0.0001", numeric(-1, 0, 4, {1}), 9, 4, 1},
      {"0.00000001", numeric(-2, 0, 8, {1}), 18, 8, 1},
      {"0.00000001", numeric(-2, 0, 8, {1}), 9, 9, 10},
      {"10000", numeric(1, 0, 0, {1}), 18, 0, 10000},
      {"12345678.9", numeric(1, 0, 1, {1234, 5678, 9000}), 18, 3, 12345678900},
      {"9999999999999.99", numeric(3, 0, 2, {9, 9999, 9999, 9999, 9900}), 15, 2, 999999999999999},
      {"70000", numeric(1, 0, 0, {7}), 38, 10, 700000000000000},
  };
  for (const NumericCase& one : cases) {
    std::string text;
    ASSERT_TRUE(numeric_as_text(one.bytes, text));
    EXPECT_EQ(one.text, text);
    __int128 value = 0;
    std::string why;
    ASSERT_EQ(Decoded::good, numeric_as_integer(one.bytes, one.width, one.scale, value, why))
        << one.text << why;
    EXPECT_EQ(one.scaled, static_cast<std::int64_t>(value)) << one.text;
  }
}

TEST(CopyDecoderTest, NumericsThatDoNotFitAreRefusedNeverRounded) {
  __int128 value = 0;
  std::string why;
  const auto refused = [&](const std::string& bytes, int width, int scale) {
    return numeric_as_integer(bytes, width, scale, value, why) == Decoded::refused;
  };
  EXPECT_TRUE(refused(numeric(0, 0, 2, {1, 5000}), 15, 0));
  EXPECT_TRUE(refused(numeric(0, 0, 4, {1, 1}), 15, 3));
  EXPECT_TRUE(refused(numeric(0, 0, 8, {1, 0, 1}), 15, 3));
  EXPECT_TRUE(refused(numeric(-3, 0, 12, {1}), 15, 3));
  EXPECT_TRUE(refused(numeric(0, 0, 0, {1000}), 3, 0));
  EXPECT_TRUE(refused(numeric(32767, 0, 0, {1}), 38, 0));
  EXPECT_TRUE(refused(numeric(9, 0, 0, {100}), 38, 0));
  EXPECT_TRUE(refused(numeric(0, 0xc000, 0, {}), 15, 2));
  EXPECT_NE(std::string::npos, why.find("NaN"));
  EXPECT_TRUE(refused(numeric(0, 0xd000, 0, {}), 15, 2));
  EXPECT_TRUE(refused(numeric(0, 0xf000, 0, {}), 15, 2));
  EXPECT_EQ(Decoded::broken, numeric_as_integer("abc", 15, 2, value, why));
  EXPECT_EQ(Decoded::broken, numeric_as_integer(numeric(0, 0, 0, {10000}), 15, 2, value, why));
  EXPECT_EQ(Decoded::broken, numeric_as_integer(numeric(0, 1, 0, {1}), 15, 2, value, why));
}

TEST(CopyDecoderTest, TimesBeyondTheEngineAreRefused) {
  const DecodedColumn date = column("d", ValueForm::date, Type::of(TypeKind::date));
  const DecodedColumn stamp = column("s", ValueForm::timestamp, Type::of(TypeKind::timestamp));
  using Small = std::numeric_limits<std::int32_t>;
  using Large = std::numeric_limits<std::int64_t>;
  const Outcome got =
      decode({date, stamp}, header() + tuple({field(u32(0)), field(u64(0))}) +
                                tuple({field(u32(Small::max())), field(u64(Large::max()))}) +
                                tuple({field(u32(static_cast<std::uint32_t>(Small::min()))),
                                       field(u64(static_cast<std::uint64_t>(Large::min())))}) +
                                tuple({field(u32(0)), field(u64(Large::max() - 1))}) +
                                tuple({field(u32(Small::max() - 1)), field(u64(0))}) + trailer);
  ASSERT_TRUE(got.rows.ok()) << got.rows.error().describe();
  EXPECT_EQ(3u, *got.rows);
  EXPECT_EQ(10957, got.batch.at(0).value<std::int32_t>(0));
  EXPECT_EQ(Small::max(), got.batch.at(0).value<std::int32_t>(1));
  EXPECT_EQ(-Small::max(), got.batch.at(0).value<std::int32_t>(2));
  EXPECT_EQ(946684800000000, got.batch.at(1).value<std::int64_t>(0));
  EXPECT_EQ(Large::max(), got.batch.at(1).value<std::int64_t>(1));
  EXPECT_EQ(-Large::max(), got.batch.at(1).value<std::int64_t>(2));
  EXPECT_EQ(2u, got.batch.rejected.size());
}

TEST(CopyDecoderTest, Arrays) {
  DecodedColumn list = column("a", ValueForm::array, Type::list_of(Type::of(TypeKind::int32)));
  list.form.element_form = ValueForm::int4;
  list.form.element_oid = 23;
  const auto array = [](std::uint32_t dimensions, const std::string& rest) {
    return field(u32(dimensions) + u32(0) + u32(23) + rest);
  };
  const Outcome got = decode(
      {list}, header() + tuple({array(0, "")}) +
                  tuple({array(1, u32(3) + u32(1) + field(u32(5)) + null_field + field(u32(6)))}) +
                  tuple({array(2, u32(1) + u32(1) + u32(1) + u32(1) + field(u32(5)))}) +
                  tuple({array(1, u32(1) + u32(0) + field(u32(5)))}) + trailer);
  ASSERT_TRUE(got.rows.ok()) << got.rows.error().describe();
  EXPECT_EQ(2u, *got.rows);
  EXPECT_EQ(0u, got.batch.at(0).list(0).second);
  EXPECT_EQ(3u, got.batch.at(0).list(1).second);
  EXPECT_EQ(5, got.batch.at(0).elements().value<std::int32_t>(0));
  EXPECT_TRUE(got.batch.at(0).elements().null(1));
  ASSERT_EQ(2u, got.batch.rejected.size());
  EXPECT_NE(std::string::npos, got.batch.rejected[0].reason.find("2 dimensions"));
  EXPECT_NE(std::string::npos, got.batch.rejected[1].reason.find("start at 1"));
  // A count that promises more than there is must not ask for memory.
  EXPECT_FALSE(
      decode({list}, header() + tuple({array(1, u32(0x7fffffff) + u32(1))}) + trailer).rows.ok());
}

TEST(TypeMapTest, BoundsOfNumerics) {
  EXPECT_FALSE(numeric_bounds(-1));
  const auto plain = numeric_bounds((15 << 16 | 2) + 4);
  EXPECT_EQ(15, plain->precision);
  EXPECT_EQ(2, plain->scale);
  EXPECT_EQ(-3, numeric_bounds((5 << 16 | (-3 & 0x7ff)) + 4)->scale);
}

TEST(TypeMapTest, DeclaredTypes) {
  const PostgresType wide{1700, -1, 'b', 0, 'b', "numeric"};
  EXPECT_EQ(TypeKind::varchar, form_of(wide, "n", std::nullopt)->type.kind);
  EXPECT_EQ(Type::decimal(20, 4), form_of(wide, "n", "decimal(20,4)")->type);
  EXPECT_TRUE(form_of(wide, "n", "varchar")->cast_to_text);
  const PostgresType character{1042, 14, 'b', 0, 'b', "character(10)"};
  EXPECT_FALSE(form_of(character, "c", "varchar")->cast_to_text)
      << "the cast would drop the blanks";
  EXPECT_EQ("source.declared_type", form_of(character, "c", "integer").error().code);
}

}  // namespace
}  // namespace tidemark::postgres

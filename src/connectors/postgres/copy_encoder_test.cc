#include "connectors/postgres/copy_encoder.h"

#include <gtest/gtest.h>

#include <limits>

namespace tidemark::postgres {
namespace {

// A column of values given as raw buffers.
class TestColumn : public ColumnReader {
 public:
  const void* data() const override { return data_.data(); }
  const std::uint64_t* validity() const override { return &valid_; }
  std::string_view bytes(std::size_t row) const override { return texts_[row]; }
  ListView list(std::size_t row) const override { return lists_[row]; }

  template <class T>
  TestColumn& add(T value) {
    data_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return add_row();
  }
  TestColumn& add_text(std::string text) {
    texts_.push_back(std::move(text));
    return add_row();
  }
  TestColumn& add_list(ListView list) {
    lists_.push_back(list);
    return add_row();
  }
  TestColumn& null_at(std::size_t row) {
    valid_ &= ~(std::uint64_t{1} << row);
    return *this;
  }
  std::size_t rows() const { return rows_; }

 private:
  TestColumn& add_row() {
    valid_ |= std::uint64_t{1} << rows_++;
    return *this;
  }

  std::string data_;
  std::uint64_t valid_ = 0;  // rows of one word
  std::size_t rows_ = 0;
  std::vector<std::string> texts_;
  std::vector<ListView> lists_;
};

class TestBatch : public BatchReader {
 public:
  explicit TestBatch(const TestColumn& column) : column_(column) {}
  std::size_t rows() const override { return column_.rows(); }
  const ColumnReader& column(std::size_t) const override { return column_; }

 private:
  const TestColumn& column_;
};

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[c & 15];
  }
  return text;
}

// The fields of a one-column COPY, each row without its column count.
std::string encoded(const TestColumn& column, Type type, WireType wire) {
  CopyEncoder encoder({{"c", std::move(type), std::move(wire)}});
  ByteBuffer out;
  const Status status = encoder.encode(TestBatch(column), out);
  if (!status.ok()) return status.error().code + ": " + status.error().message;
  std::string rows = hex(out.view());
  EXPECT_EQ(rows.substr(0, 4), "0001");
  return rows.substr(4);
}

std::string numeric(__int128 value, int scale) {
  ByteBuffer out;
  put_numeric(out, value, scale);
  return hex(out.view());
}

TEST(CopyEncoderTest, HeaderAndTrailerAreThoseOfTheFormat) {
  EXPECT_EQ(hex(CopyEncoder::header()),
            "5047434f50590aff0d0a00"
            "00000000"
            "00000000");
  EXPECT_EQ(hex(CopyEncoder::trailer()), "ffff");
}

TEST(CopyEncoderTest, NumericIsGroupsOfFourDigitsFromThePoint) {
  // length, groups, weight, sign, scale, groups
  EXPECT_EQ(numeric(0, 0),
            "00000008"
            "0000"
            "0000"
            "0000"
            "0000");
  EXPECT_EQ(numeric(0, 5),
            "00000008"
            "0000"
            "0000"
            "0000"
            "0005");
  EXPECT_EQ(numeric(12345, 0),
            "0000000c"
            "0002"
            "0001"
            "0000"
            "0000"
            "0001"
            "0929");
  EXPECT_EQ(numeric(-12345, 2),
            "0000000c"
            "0002"
            "0000"
            "4000"
            "0002"
            "007b"
            "1194");
  EXPECT_EQ(numeric(1, 4),
            "0000000a"
            "0001"
            "ffff"
            "0000"
            "0004"
            "0001");
  EXPECT_EQ(numeric(1, 5),
            "0000000a"
            "0001"
            "fffe"
            "0000"
            "0005"
            "03e8");
  // Zero groups at the low end are not sent, and the scale still says how many digits to show.
  EXPECT_EQ(numeric(100000000, 0),
            "0000000a"
            "0001"
            "0002"
            "0000"
            "0000"
            "0001");
  EXPECT_EQ(numeric(150, 2),
            "0000000c"
            "0002"
            "0000"
            "0000"
            "0002"
            "0001"
            "1388");
}

TEST(CopyEncoderTest, NumericOfMoreThanSixtyFourBitsIsTheSame) {
  const __int128 large = static_cast<__int128>(10'000'000'000) * 10'000'000'000;
  EXPECT_EQ(numeric(large, 0),
            "0000000a"
            "0001"
            "0005"
            "0000"
            "0000"
            "0001");
  EXPECT_EQ(numeric(-(large + 1), 2),
            "00000014"
            "0006"
            "0004"
            "4000"
            "0002"
            "0064"
            "0000"
            "0000"
            "0000"
            "0000"
            "0064");
}

TEST(CopyEncoderTest, WholeNumbersWiden) {
  TestColumn column;
  column.add<std::int32_t>(-2).add<std::int32_t>(7).null_at(1);
  EXPECT_EQ(encoded(column, Type::of(TypeKind::int32), {Wire::int4}),
            "00000004fffffffe"
            "0001"
            "ffffffff");
  EXPECT_EQ(encoded(column, Type::of(TypeKind::int32), {Wire::int8}),
            "00000008fffffffffffffffe"
            "0001"
            "ffffffff");
}

TEST(CopyEncoderTest, DatesAndTimesKeepInfinityAndRefuseWhatLiesOutside) {
  using Days = std::numeric_limits<std::int32_t>;
  using Micros = std::numeric_limits<std::int64_t>;
  const Type date = Type::of(TypeKind::date);
  const Type timestamp = Type::of(TypeKind::timestamp);
  EXPECT_EQ(encoded(TestColumn().add(10957), date, {Wire::date}), "0000000400000000");
  EXPECT_EQ(encoded(TestColumn().add(Days::max()), date, {Wire::date}), "000000047fffffff");
  EXPECT_EQ(encoded(TestColumn().add(-Days::max()), date, {Wire::date}), "0000000480000000");
  EXPECT_EQ(encoded(TestColumn().add(date_first - 1), date, {Wire::date}).substr(0, 20),
            "target.value_refused");
  EXPECT_EQ(encoded(TestColumn().add(date_end), date, {Wire::date}).substr(0, 20),
            "target.value_refused");
  EXPECT_EQ(encoded(TestColumn().add(std::int64_t{946684800000001}), timestamp, {Wire::timestamp}),
            "000000080000000000000001");
  EXPECT_EQ(encoded(TestColumn().add(Micros::max()), timestamp, {Wire::timestamp}),
            "000000087fffffffffffffff");
  EXPECT_EQ(encoded(TestColumn().add(-Micros::max()), timestamp, {Wire::timestamp}),
            "000000088000000000000000");
  EXPECT_EQ(
      encoded(TestColumn().add(timestamp_first - 1), timestamp, {Wire::timestamp}).substr(0, 20),
      "target.value_refused");
  EXPECT_EQ(encoded(TestColumn().add(std::int64_t{1}), Type::of(TypeKind::timestamp_ns),
                    {Wire::timestamp}),
            "target.value_refused: column `c`, row 1 of the load: the time has nanoseconds, "
            "PostgreSQL keeps microseconds");
}

TEST(CopyEncoderTest, TextIsRefusedByColumnAndRowWhereItHoldsNul) {
  TestColumn column;
  column.add_text("a").add_text(std::string("b\0c", 3));
  EXPECT_EQ(encoded(column, Type::of(TypeKind::varchar), {Wire::text}),
            "target.value_refused: column `c`, row 2 of the load: the text holds a NUL byte, which "
            "text of PostgreSQL cannot");
  EXPECT_EQ(encoded(TestColumn().add_text("\xC3\xA4\xC3\xA4"), Type::of(TypeKind::varchar),
                    {Wire::text, 2}),
            "00000004c3a4c3a4");
  EXPECT_EQ(encoded(TestColumn().add_text("abc"), Type::of(TypeKind::varchar), {Wire::text, 2})
                .substr(0, 20),
            "target.value_refused");
  EXPECT_EQ(encoded(TestColumn().add_text("{}"), Type::of(TypeKind::json), {Wire::jsonb}),
            "00000003017b7d");
}

TEST(CopyEncoderTest, ListsAreArraysOfOneDimension) {
  const WireType wire{Wire::array, -1, 23, std::make_shared<const WireType>(WireType{Wire::int4})};
  const Type type = Type::list_of(Type::of(TypeKind::int32));
  TestColumn elements;
  elements.add(1).add(0).null_at(1);
  EXPECT_EQ(encoded(TestColumn().add_list({&elements, 0, 2}), type, wire),
            "00000020"
            "00000001"
            "00000001"
            "00000017"
            "00000002"
            "00000001"
            "00000004"
            "00000001"
            "ffffffff");
  EXPECT_EQ(encoded(TestColumn().add_list({&elements, 0, 0}), type, wire),
            "0000000c"
            "00000000"
            "00000000"
            "00000017");
}

}  // namespace
}  // namespace tidemark::postgres

#include "drivers/parquet/compact_writer.h"

namespace tidemark::parquet {
namespace {

enum WireType { is_true = 1, is_false = 2, i32 = 5, i64 = 6, binary = 8, list = 9, structure = 12 };

constexpr std::size_t short_list_max = 14;

}  // namespace

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void CompactWriter::varint(std::uint64_t value) {
  append_varint(out_, value);
}

void CompactWriter::zigzag(std::int64_t value) {
  varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

void CompactWriter::text(std::string_view value) {
  varint(value.size());
  out_ += value;
}

void CompactWriter::begin_field(int number, int type) {
  const int step = number - last_;
  last_ = number;
  if (step > 0 && step <= 15) {
    out_ += static_cast<char>(step << 4 | type);
    return;
  }
  out_ += static_cast<char>(type);
  zigzag(number);
}

void CompactWriter::begin_list(int number, std::size_t size, int type) {
  begin_field(number, list);
  if (size <= short_list_max) {
    out_ += static_cast<char>(size << 4 | static_cast<unsigned>(type));
    return;
  }
  out_ += static_cast<char>(0xf0 | type);
  varint(size);
}

void CompactWriter::field(int number, std::int32_t value) {
  begin_field(number, i32);
  zigzag(value);
}

void CompactWriter::field(int number, std::int64_t value) {
  begin_field(number, i64);
  zigzag(value);
}

void CompactWriter::field(int number, bool value) {
  begin_field(number, value ? is_true : is_false);
}

void CompactWriter::field(int number, std::string_view value) {
  begin_field(number, binary);
  text(value);
}

void CompactWriter::begin_struct(int number) {
  begin_field(number, structure);
  begin_element();
}

void CompactWriter::begin_element() {
  outer_.push_back(last_);
  last_ = 0;
}

void CompactWriter::end_struct() {
  out_ += '\0';
  if (outer_.empty()) return;
  last_ = outer_.back();
  outer_.pop_back();
}

void CompactWriter::begin_structs(int number, std::size_t size) {
  begin_list(number, size, structure);
}

void CompactWriter::integers(int number, const std::vector<std::int32_t>& values) {
  begin_list(number, values.size(), i32);
  for (const std::int32_t value : values)
    zigzag(value);
}

void CompactWriter::texts(int number, const std::vector<std::string>& values) {
  begin_list(number, values.size(), binary);
  for (const std::string& value : values)
    text(value);
}

}  // namespace tidemark::parquet

#include "drivers/parquet/column_pages.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "drivers/parquet/compact_writer.h"

namespace tidemark::parquet {
namespace {

// Sizes of pages are written in so many bits.
constexpr std::size_t page_bytes_max = std::numeric_limits<std::int32_t>::max();

Status check_size(std::size_t bytes) {
  if (bytes <= page_bytes_max) return {};
  return internal_error("parquet.page_too_large",
                        "a value of " + std::to_string(bytes) + " bytes does not fit into a page");
}

// What one huge value needed is not kept for the rest of a file.
void empty(std::string& room, std::size_t kept_max) {
  room.clear();
  if (room.capacity() > kept_max) room.shrink_to_fit();
}

bool is_valid(const std::uint64_t* validity, std::size_t row) {
  return validity == nullptr || ((validity[row / 64] >> (row % 64)) & 1) != 0;
}

// A run of `count` values that are all the same, of less than nine bits each.
void append_same(std::string& out, std::size_t count, std::size_t value) {
  append_varint(out, static_cast<std::uint64_t>(count) << 1);
  out += static_cast<char>(value);
}

// The head of a run of values that stand bit by bit, in groups of eight.
void append_packed_head(std::string& out, std::size_t count) {
  append_varint(out, static_cast<std::uint64_t>((count + 7) / 8) << 1 | 1);
}

template <class In, class Out>
void append_as(std::string& out, const char* value) {
  In in;
  std::memcpy(&in, value, sizeof(in));
  const Out wide = in;
  out.append(reinterpret_cast<const char*>(&wide), sizeof(wide));
}

void append_big_endian(std::string& out, const char* value, std::uint64_t flipped) {
  std::uint64_t halves[2];
  std::memcpy(halves, value, sizeof(halves));
  const std::uint64_t turned[2] = {__builtin_bswap64(halves[1] ^ flipped),
                                   __builtin_bswap64(halves[0])};
  out.append(reinterpret_cast<const char*>(turned), sizeof(turned));
}

void append_value(std::string& out, const Layout& layout, const char* value) {
  constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
  switch (layout.conversion) {
    case Conversion::copy:
      out.append(value, layout.width_in);
      return;
    case Conversion::widen:
      return layout.width_in == 1 ? append_as<std::int8_t, std::int32_t>(out, value)
                                  : append_as<std::int16_t, std::int32_t>(out, value);
    case Conversion::widen_unsigned:
      return layout.width_in == 1 ? append_as<std::uint8_t, std::uint32_t>(out, value)
                                  : append_as<std::uint16_t, std::uint32_t>(out, value);
    case Conversion::big_endian:
      return append_big_endian(out, value, 0);
    case Conversion::big_endian_uuid:
      return append_big_endian(out, value, top_bit);
    case Conversion::bit:
    case Conversion::text:
      break;
  }
  TM_ASSERT(false);
}

}  // namespace

void ColumnPages::Levels::push(bool valid) {
  if (rows_ % 8 == 0) bits_ += '\0';
  if (valid) bits_.back() = static_cast<char>(bits_.back() | 1 << (rows_ % 8));
  ++rows_;
  nulls_ += valid ? 0 : 1;
}

void ColumnPages::Levels::add(const std::uint64_t* validity, std::size_t from, std::size_t rows) {
  // Bits, once begun, are of every row.
  if (validity == nullptr && bits_.empty()) {
    rows_ += rows;
    return;
  }
  if (bits_.empty()) {
    const std::size_t before = std::exchange(rows_, 0);
    while (rows_ < before)
      push(true);
  }
  for (std::size_t row = from; row < from + rows; ++row)
    push(is_valid(validity, row));
}

void ColumnPages::Levels::append_to(std::string& out) const {
  if (nulls_ == 0) return append_same(out, rows_, 1);
  TM_ASSERT(bits_.size() == (rows_ + 7) / 8);
  append_packed_head(out, rows_);
  out += bits_;
}

void ColumnPages::Levels::clear() {
  rows_ = nulls_ = 0;
  bits_.clear();
}

ColumnPages::ColumnPages(Layout layout, std::size_t page_bytes, Compressor& compressor)
    : layout_(layout),
      page_bytes_(page_bytes),
      compressor_(compressor),
      tries_dictionary_(layout.may_repeat()),
      dictionary_(layout.width_out) {}

bool ColumnPages::page_is_full() const {
  return values_.size() >= page_bytes_ || numbers_.size() * sizeof(std::uint16_t) >= page_bytes_;
}

Status ColumnPages::add(const ColumnReader& column, std::size_t rows) {
  for (std::size_t row = 0; row < rows;) {
    const std::size_t next =
        tries_dictionary_ ? add_numbers(column, row, rows) : add_plain(column, row, rows);
    levels_.add(column.validity(), row, next - row);
    if (tries_dictionary_ && next < rows) TM_CHECK(leave_dictionary());
    if (page_is_full()) TM_CHECK(end_page());
    row = next;
  }
  return {};
}

std::size_t ColumnPages::add_numbers(const ColumnReader& column, std::size_t from,
                                     std::size_t rows) {
  const std::uint64_t* const validity = column.validity();
  const auto* const data = static_cast<const char*>(column.data());
  std::string wide;
  for (std::size_t row = from; row < rows; ++row) {
    if (!is_valid(validity, row)) continue;
    std::string_view value;
    if (layout_.width_in == 0) {
      value = column.bytes(row);
    } else if (layout_.conversion == Conversion::copy) {
      value = std::string_view(data + row * layout_.width_in, layout_.width_in);
    } else {
      wide.clear();
      append_value(wide, layout_, data + row * layout_.width_in);
      value = wide;
    }
    const std::optional<std::uint16_t> number = dictionary_.number_of(value);
    if (!number) return row;
    numbers_.push_back(*number);
    numbered_bytes_ += value.size() + (layout_.width_in == 0 ? sizeof(std::uint32_t) : 0);
  }
  return rows;
}

std::size_t ColumnPages::add_plain(const ColumnReader& column, std::size_t from, std::size_t rows) {
  const auto* const data = static_cast<const char*>(column.data());
  const std::uint64_t* const validity = column.validity();
  if (layout_.conversion == Conversion::text) return add_texts(column, from, rows);
  if (layout_.conversion == Conversion::copy && validity == nullptr) {
    values_.append(data + from * layout_.width_in, (rows - from) * layout_.width_in);
    return rows;
  }
  for (std::size_t row = from; row < rows; ++row) {
    if (!is_valid(validity, row)) continue;
    if (layout_.conversion == Conversion::bit) {
      add_bit(data[row] != 0);
    } else {
      append_value(values_, layout_, data + row * layout_.width_in);
    }
  }
  return rows;
}

void ColumnPages::add_bit(bool bit) {
  if (bits_ % 8 == 0) values_ += '\0';
  if (bit) values_.back() = static_cast<char>(values_.back() | 1 << (bits_ % 8));
  ++bits_;
}

std::size_t ColumnPages::add_texts(const ColumnReader& column, std::size_t from, std::size_t rows) {
  const std::uint64_t* const validity = column.validity();
  std::size_t row = from;
  for (; row < rows && values_.size() < page_bytes_; ++row) {
    if (!is_valid(validity, row)) continue;
    const std::string_view bytes = column.bytes(row);
    const auto length = static_cast<std::uint32_t>(bytes.size());
    values_.append(reinterpret_cast<const char*>(&length), sizeof(length));
    values_ += bytes;
  }
  return row;
}

// Bit by bit, as many each as the largest needs.
void ColumnPages::append_numbers(std::string& out) const {
  const int width = std::max(1, static_cast<int>(std::bit_width(dictionary_.size() - 1)));
  out += static_cast<char>(width);
  append_packed_head(out, numbers_.size());
  std::uint64_t waiting = 0;
  int bits = 0;
  const auto push = [&](std::uint64_t number) {
    waiting |= number << bits;
    for (bits += width; bits >= 8; bits -= 8, waiting >>= 8)
      out += static_cast<char>(waiting);
  };
  for (const std::uint16_t number : numbers_)
    push(number);
  for (std::size_t filled = numbers_.size(); filled % 8 != 0; ++filled)
    push(0);
}

// Where no page has used it, as for what hardly repeats, it is as if it had not been tried.
Status ColumnPages::leave_dictionary() {
  tries_dictionary_ = false;
  if (!pages_.empty() || numbered_bytes_ > page_bytes_) return end_page();
  for (const std::uint16_t number : numbers_)
    dictionary_.append_value(number, values_);
  numbers_ = {};
  numbered_bytes_ = 0;
  dictionary_.release();
  return {};
}

Status ColumnPages::end_page() {
  if (levels_.rows() == 0) return {};
  std::string levels;
  levels_.append_to(levels);
  const bool is_plain = numbers_.empty();
  page_.clear();
  if (!is_plain) append_numbers(page_);
  TM_CHECK(append_page(levels, is_plain ? values_ : page_, is_plain));
  facts_.values += static_cast<std::int64_t>(levels_.rows());
  facts_.nulls += static_cast<std::int64_t>(levels_.nulls());
  facts_.has_plain_pages = facts_.has_plain_pages || is_plain;
  numbers_.clear();
  numbered_bytes_ = 0;
  empty(values_, 4 * page_bytes_);
  bits_ = 0;
  levels_.clear();
  return {};
}

Status ColumnPages::append_page(std::string_view levels, std::string_view body, bool is_plain) {
  std::string_view compressed;
  if (!body.empty()) {
    TM_TRY(compressed, compressor_.compress(body));
  }
  TM_CHECK(check_size(levels.size() + std::max(body.size(), compressed.size())));
  const std::size_t begin = pages_.size();
  CompactWriter header(pages_);
  header.field(1, number_of(PageType::data_v2));
  header.field(2, static_cast<std::int32_t>(levels.size() + body.size()));
  header.field(3, static_cast<std::int32_t>(levels.size() + compressed.size()));
  header.begin_struct(8);
  header.field(1, static_cast<std::int32_t>(levels_.rows()));
  header.field(2, static_cast<std::int32_t>(levels_.nulls()));
  header.field(3, static_cast<std::int32_t>(levels_.rows()));
  header.field(4, number_of(is_plain ? Encoding::plain : Encoding::dictionary));
  header.field(5, static_cast<std::int32_t>(levels.size()));
  header.field(6, std::int32_t{0});  // bytes of repetition levels
  header.field(7, !body.empty());    // is compressed
  header.end_struct();
  header.end_struct();
  facts_.bytes_plain +=
      static_cast<std::int64_t>(pages_.size() - begin + levels.size() + body.size());
  pages_ += levels;
  pages_ += compressed;
  return {};
}

Status ColumnPages::end_dictionary() {
  page_.clear();
  if (dictionary_.size() == 0) return {};
  TM_TRY(const std::string_view compressed, compressor_.compress(dictionary_.values()));
  CompactWriter header(page_);
  header.field(1, number_of(PageType::dictionary));
  header.field(2, static_cast<std::int32_t>(dictionary_.values().size()));
  header.field(3, static_cast<std::int32_t>(compressed.size()));
  header.begin_struct(7);
  header.field(1, static_cast<std::int32_t>(dictionary_.size()));
  header.field(2, number_of(Encoding::plain));
  header.end_struct();
  header.end_struct();
  facts_.bytes_plain += static_cast<std::int64_t>(page_.size() + dictionary_.values().size());
  page_ += compressed;
  facts_.dictionary_bytes = static_cast<std::int64_t>(page_.size());
  return {};
}

Result<ChunkFacts> ColumnPages::finish() {
  TM_CHECK(end_page());
  TM_CHECK(end_dictionary());
  facts_.bytes = static_cast<std::int64_t>(page_.size() + pages_.size());
  return facts_;
}

void ColumnPages::clear() {
  facts_ = {};
  page_.clear();
  empty(pages_, 16 * page_bytes_);
  if (tries_dictionary_) {
    dictionary_.clear();
  } else {
    dictionary_.release();
  }
}

std::int64_t ColumnPages::bytes() const {
  return facts_.bytes_plain +
         static_cast<std::int64_t>(values_.size() + numbers_.size() * sizeof(std::uint16_t) +
                                   dictionary_.bytes() + levels_.bytes());
}

}  // namespace tidemark::parquet

#include "connectors/postgres/copy_decoder.h"

#include <utility>

namespace tidemark::postgres {
namespace {

constexpr std::string_view signature("PGCOPY\n\377\r\n\0", 11);
constexpr std::uint32_t critical_flags = 0xffff0000;
constexpr std::uint16_t trailer_mark = 0xffff;

std::size_t left(const char* at, const char* end) {
  return static_cast<std::size_t>(end - at);
}

}  // namespace

CopyDecoder::CopyDecoder(std::vector<DecodedColumn> columns) : columns_(std::move(columns)) {
  fields_.resize(columns_.size());
}

void CopyDecoder::begin_copy() {
  header_read_ = finished_ = false;
  tuples_ = 0;
}

void CopyDecoder::feed(std::string_view block) {
  TM_ASSERT(hungry());
  at_ = block.data();
  end_ = block.data() + block.size();
}

Error CopyDecoder::bad(const std::string& what) const {
  return source_error(
      "source.bad_copy",
      "the bytes of COPY are damaged at tuple " + std::to_string(tuples_ + 1) + ": " + what,
      Retry::reconnect, "run again; if it stays, look for a proxy between Tidemark and PostgreSQL");
}

Status CopyDecoder::read_header() {
  constexpr std::size_t fixed = 19;  // signature, flags, length of the extension
  if (left(at_, end_) < fixed || std::string_view(at_, signature.size()) != signature)
    return bad("no header");
  if ((read_u32(at_ + 11) & critical_flags) != 0) return bad("unknown flags");
  const std::uint32_t extension = read_u32(at_ + 15);
  at_ += fixed;
  if (extension > left(at_, end_)) return bad("the header is cut");
  at_ += extension;
  header_read_ = true;
  return {};
}

// From `start` to the end of the tuple, whose last `fields_left` fields begin at at_.
Result<std::string_view> CopyDecoder::rest_of_tuple(const char* start, std::size_t fields_left) {
  for (; fields_left > 0; --fields_left) {
    if (left(at_, end_) < 4) return bad("a field is cut");
    const auto length = static_cast<std::int32_t>(read_u32(at_));
    at_ += 4;
    if (length == -1) continue;
    if (length < 0 || static_cast<std::size_t>(length) > left(at_, end_))
      return bad("a field is cut");
    at_ += length;
  }
  return std::string_view(start, left(start, at_));
}

Error CopyDecoder::changed(std::size_t column) const {
  return source_error("source.column_changed",
                      "column " + columns_[column].name + " of tuple " +
                          std::to_string(tuples_ + 1) +
                          " holds no value of the type it was planned with",
                      Retry::never, "its type may have changed since the plan: plan again");
}

// REQUIRES that at_ stands behind the field of `column`.
Result<bool> CopyDecoder::reject_tuple(BatchWriter& writer, std::size_t row, const char* start,
                                       std::size_t column, std::string why) {
  TM_TRY(const std::string_view raw, rest_of_tuple(start, columns_.size() - column - 1));
  writer.reject(
      {raw, columns_[column].name, std::move(why), "tuple " + std::to_string(tuples_ + 1)});
  // The row number is used again, so what this tuple set to NULL must be undone.
  for (const Field& field : fields_)
    field.place.writer->set_valid(row);
  return false;
}

// True when the tuple is in the batch, false when it was rejected.
Result<bool> CopyDecoder::read_tuple(BatchWriter& writer, std::size_t row) {
  const char* const start = at_ - 2;
  Decoding decoding{{}, scratch_};
  const char* at = at_;
  for (const Field& field : fields_) {
    if (left(at, end_) < 4) return bad("a field is cut");
    const auto length = static_cast<std::int32_t>(read_u32(at));
    at += 4;
    if (length == -1) {
      field.place.writer->set_null(row);
      continue;
    }
    if (length < 0 || static_cast<std::size_t>(length) > left(at, end_))
      return bad("a field is cut");
    const std::string_view bytes(at, static_cast<std::size_t>(length));
    at += length;
    const Decoded decoded = field.decode(*field.form, bytes, field.place, row, decoding);
    if (decoded == Decoded::good) continue;
    const auto column = static_cast<std::size_t>(&field - fields_.data());
    if (decoded == Decoded::broken) return changed(column);
    at_ = at;
    return reject_tuple(writer, row, start, column, std::move(decoding.why));
  }
  at_ = at;
  return true;
}

Result<std::size_t> CopyDecoder::decode(BatchWriter& writer, std::size_t row) {
  if (hungry()) return row;
  if (!header_read_) TM_CHECK(read_header());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    ColumnWriter& column = writer.column(i);
    fields_[i] = {&columns_[i].form, decoder_of(columns_[i].form), {&column, column.data()}};
  }
  const std::size_t capacity = writer.capacity();
  while (row < capacity && !hungry()) {
    if (finished_) return bad("bytes after the end");
    if (left(at_, end_) < 2) return bad("a tuple is cut");
    const std::uint16_t fields = read_u16(at_);
    at_ += 2;
    if (fields == trailer_mark) {
      finished_ = true;
      continue;
    }
    if (fields != columns_.size()) {
      return bad("it has " + std::to_string(fields) + " fields, not " +
                 std::to_string(columns_.size()));
    }
    TM_TRY(const bool kept, read_tuple(writer, row));
    ++tuples_;
    row += kept ? 1 : 0;
  }
  return row;
}

}  // namespace tidemark::postgres

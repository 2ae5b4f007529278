#include "drivers/http/chunks.h"

#include <algorithm>

namespace tidemark {
namespace {

constexpr int digits_max = 15;  // of a size that fits in 64 bits with room to spare

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

std::size_t Chunks::take(std::string_view bytes, std::string& content) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ == State::more) {
    if (at_ == At::content) {
      const auto piece =
          static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size() - at));
      content.append(bytes.substr(at, piece));
      at += piece;
      size_ -= piece;
      if (size_ == 0) at_ = At::content_cr;
      continue;
    }
    state_ = take_mark(bytes[at++], content.size());
    if (++overhead_bytes_ > overhead_bytes_max_ + content.size() && state_ == State::more)
      state_ = State::wasteful;
  }
  return at;
}

Chunks::State Chunks::take_mark(char byte, std::size_t content_bytes) {
  // Each goes to the next or is malformed; a lone CR or LF is never the end of a line.
  const auto expect = [&](bool right, At next) {
    at_ = next;
    return right ? State::more : State::malformed;
  };
  switch (at_) {
    case At::size:
      if (const int digit = hex_digit(byte); digit >= 0 && digits_ < digits_max) {
        ++digits_;
        size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        return State::more;
      }
      if (digits_ > 0 && byte == ';') return expect(true, At::extension);
      return expect(digits_ > 0 && byte == '\r', At::size_lf);
    case At::extension:
      if (byte == '\r') return expect(true, At::size_lf);
      return expect(is_text(byte), At::extension);
    case At::size_lf:
      if (byte != '\n') return State::malformed;
      return begin_content(content_bytes);
    case At::content:
      return State::malformed;
    case At::content_cr:
      return expect(byte == '\r', At::content_lf);
    case At::content_lf:
      return expect(byte == '\n', At::size);
    case At::line:
      if (byte == '\r') return expect(true, At::end_lf);
      return expect(is_text(byte), At::trailer);
    case At::trailer:
      if (byte == '\r') return expect(true, At::trailer_lf);
      return expect(is_text(byte), At::trailer);
    case At::trailer_lf:
      return expect(byte == '\n', At::line);
    case At::end_lf:
      return byte == '\n' ? State::done : State::malformed;
  }
  return State::malformed;
}

Chunks::State Chunks::begin_content(std::size_t content_bytes) {
  digits_ = 0;
  at_ = size_ == 0 ? At::line : At::content;
  return size_ > content_bytes_max_ - content_bytes ? State::too_large : State::more;
}

}  // namespace tidemark

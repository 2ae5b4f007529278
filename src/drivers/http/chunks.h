// Chunks: the content of a body that is sent in chunks, piece by piece.
//
// Says what every byte is, so that it does not matter how the bytes were cut. Extensions and
// trailers are passed over: nothing that comes after the head can change what was admitted. A
// value; not for two threads at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

class Chunks {
 public:
  // `overhead_bytes_max`: what lines, extensions and trailers may take, on top of as much as the
  // content.
  Chunks(std::size_t content_bytes_max, std::size_t overhead_bytes_max)
      : content_bytes_max_(content_bytes_max), overhead_bytes_max_(overhead_bytes_max) {}

  enum class State { more, done, malformed, too_large, wasteful };
  State state() const { return state_; }

  // Adds the content of `bytes` to `content` and returns how many bytes belong to the body: all,
  // where more are wanted. REQUIRES state more, and always the same `content`, empty at first.
  std::size_t take(std::string_view bytes, std::string& content);

 private:
  enum class At {
    size,
    extension,
    size_lf,
    content,
    content_cr,
    content_lf,
    line,
    trailer,
    trailer_lf,
    end_lf
  };
  State take_mark(char byte, std::size_t content_bytes);
  State begin_content(std::size_t content_bytes);

  std::size_t content_bytes_max_;
  std::size_t overhead_bytes_max_;
  std::size_t overhead_bytes_ = 0;
  State state_ = State::more;
  At at_ = At::size;
  int digits_ = 0;
  std::uint64_t size_ = 0;  // of the chunk that is being read: what is left of it
};

}  // namespace tidemark

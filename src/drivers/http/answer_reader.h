// AnswerReader: the bytes that a server sends become one answer, piece by piece.
//
// It holds no more than the head's limit and the body's. A value; not for two threads at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/http/chunks.h"
#include "drivers/http/http.h"

namespace tidemark {

class AnswerReader {
 public:
  // `has_body`: false for the answer to HEAD.
  AnswerReader(std::size_t body_bytes_max, bool has_body)
      : body_bytes_max_(body_bytes_max), has_body_(has_body) {}

  enum class State { head, body, done, malformed, too_large };
  State state() const { return state_; }
  // What comes after the answer is passed over.
  void take(std::string_view bytes);
  // The server sends no more: whole, or malformed.
  void take_end();
  // REQUIRES state done. Names of headers are in lower case.
  HttpResponse& answer() { return answer_; }

 private:
  enum class Framing { none, length, chunks, until_end };

  void take_body(std::string_view bytes);
  bool read_head(std::string_view head);
  bool read_status_line(std::string_view line);
  bool read_header(std::string_view line);
  bool frame();

  std::size_t body_bytes_max_;
  bool has_body_;
  State state_ = State::head;
  std::string head_;
  HttpResponse answer_;
  Framing framing_ = Framing::none;
  std::uint64_t length_ = 0;
  std::optional<Chunks> chunks_;
};

}  // namespace tidemark

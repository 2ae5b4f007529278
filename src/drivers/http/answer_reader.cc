#include "drivers/http/answer_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr std::size_t chunk_overhead_bytes_max = 64 * 1024;
constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::size_t length_digits_max = 18;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

void AnswerReader::take(std::string_view bytes) {
  if (state_ == State::body) return take_body(bytes);
  if (state_ != State::head) return;
  const std::size_t before = head_.size();
  head_.append(bytes);
  std::size_t end = head_.find(head_end, before < 3 ? 0 : before - 3);
  while (end != std::string::npos) {
    const std::string rest = head_.substr(end + head_end.size());
    head_.resize(end + line_end.size());
    if (head_.size() > head_bytes_max || !read_head(head_)) {
      state_ = State::malformed;
      return;
    }
    head_ = rest;
    // 100 and the like come before the answer.
    if (answer_.status >= 200) {
      if (!frame()) {
        if (state_ == State::head) state_ = State::malformed;
        return;
      }
      state_ = framing_ == Framing::none ? State::done : State::body;
      std::string body;
      body.swap(head_);
      if (state_ == State::body) take_body(body);
      return;
    }
    answer_ = {};
    end = head_.find(head_end);
  }
  if (head_.size() > head_bytes_max) state_ = State::malformed;
}

bool AnswerReader::read_head(std::string_view head) {
  const std::size_t first = head.find(line_end);
  if (!read_status_line(head.substr(0, first))) return false;
  head.remove_prefix(first + line_end.size());
  while (!head.empty()) {
    const std::size_t end = head.find(line_end);
    if (!read_header(head.substr(0, end))) return false;
    head.remove_prefix(end + line_end.size());
  }
  return true;
}

bool AnswerReader::read_status_line(std::string_view line) {
  constexpr std::size_t status_at = 9;  // behind `HTTP/1.1 `
  const bool is_right =
      line.size() >= status_at + 3 &&
      (line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) &&
      std::all_of(line.begin() + status_at, line.begin() + status_at + 3, is_digit) &&
      (line.size() == status_at + 3 || line[status_at + 3] == ' ');
  if (!is_right) return false;
  std::from_chars(line.data() + status_at, line.data() + status_at + 3, answer_.status);
  return answer_.status >= 100;
}

bool AnswerReader::read_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos ||
      line.substr(0, colon).find_first_of(" \t") != std::string_view::npos ||
      line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return false;
  HttpHeader header{std::string(line.substr(0, colon)),
                    std::string(trimmed(line.substr(colon + 1)))};
  std::transform(header.name.begin(), header.name.end(), header.name.begin(), lower);
  answer_.headers.push_back(std::move(header));
  return true;
}

bool AnswerReader::frame() {
  int lengths = 0;
  int encodings = 0;
  for (const HttpHeader& header : answer_.headers) {
    if (header.name == "content-length") {
      ++lengths;
      const std::string& value = header.value;
      if (value.empty() || value.size() > length_digits_max ||
          !std::all_of(value.begin(), value.end(), is_digit))
        return false;
      std::from_chars(value.data(), value.data() + value.size(), length_);
    } else if (header.name == "transfer-encoding") {
      ++encodings;
      std::string value = header.value;
      std::transform(value.begin(), value.end(), value.begin(), lower);
      if (value != "chunked") return false;
    }
  }
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) return false;
  if (!has_body_ || answer_.status == 204 || answer_.status == 304) return true;
  if (length_ > body_bytes_max_) {
    state_ = State::too_large;
    return false;
  }
  if (encodings > 0) {
    framing_ = Framing::chunks;
    chunks_.emplace(body_bytes_max_, chunk_overhead_bytes_max);
  } else if (lengths > 0) {
    framing_ = length_ == 0 ? Framing::none : Framing::length;
  } else {
    framing_ = Framing::until_end;
  }
  return true;
}

void AnswerReader::take_body(std::string_view bytes) {
  switch (framing_) {
    case Framing::none:
      return;
    case Framing::length: {
      const std::uint64_t left = length_ - answer_.body.size();
      answer_.body.append(
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes.size()))));
      if (answer_.body.size() == length_) state_ = State::done;
      return;
    }
    case Framing::chunks:
      chunks_->take(bytes, answer_.body);
      if (chunks_->state() == Chunks::State::done) state_ = State::done;
      if (chunks_->state() == Chunks::State::too_large) state_ = State::too_large;
      if (chunks_->state() == Chunks::State::malformed ||
          chunks_->state() == Chunks::State::wasteful)
        state_ = State::malformed;
      return;
    case Framing::until_end:
      if (bytes.size() > body_bytes_max_ - answer_.body.size()) {
        state_ = State::too_large;
        return;
      }
      answer_.body.append(bytes);
      return;
  }
}

void AnswerReader::take_end() {
  if (state_ != State::head && state_ != State::body) return;
  const bool is_whole = state_ == State::body && framing_ == Framing::until_end;
  state_ = is_whole ? State::done : State::malformed;
}

}  // namespace tidemark

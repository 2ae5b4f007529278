#include "drivers/http/request_reader.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace tidemark {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::string_view line_end = "\r\n";

}  // namespace

std::size_t RequestReader::take(std::string_view bytes) {
  TM_ASSERT(state_ == State::head || state_ == State::body);
  return state_ == State::head ? take_head(bytes) : take_body(bytes);
}

// What old clients send behind a body.
std::size_t RequestReader::take_empty_line(std::string_view bytes) {
  std::size_t taken = 0;
  while (!is_begun_ && taken < bytes.size() && empty_line_bytes_ < 2 &&
         bytes[taken] == line_end[static_cast<std::size_t>(empty_line_bytes_)]) {
    ++empty_line_bytes_;
    ++taken;
  }
  return taken;
}

std::size_t RequestReader::take_head(std::string_view bytes) {
  const std::size_t skipped = take_empty_line(bytes);
  if (skipped == bytes.size()) return skipped;
  is_begun_ = true;
  if (empty_line_bytes_ == 1) {
    refuse({400, "lines must end with CR LF"});
    return bytes.size();
  }
  const std::size_t before = head_.size();
  head_.append(bytes.substr(skipped, limits_.head_bytes_max + 1 - before));
  const std::size_t end = head_.find(head_end, before < 3 ? 0 : before - 3);
  if (end != std::string::npos) head_.resize(end + head_end.size());
  const std::size_t taken = skipped + head_.size() - before;
  if (auto fault = check_part_of_head(head_, before, limits_)) {
    refuse(std::move(*fault));
  } else if (end != std::string::npos) {
    if (auto wrong = read_head(head_, limits_, request_, facts_)) {
      refuse(std::move(*wrong));
    } else {
      state_ = State::admit;
      std::string().swap(head_);
    }
  }
  return taken;
}

void RequestReader::admit(std::size_t body_max) {
  TM_ASSERT(state_ == State::admit);
  body_max_ = body_max;
  if (facts_.content_length > body_max)
    return refuse({413, "the body is larger than " + std::to_string(body_max) + " bytes"});
  if (facts_.is_chunked) chunks_.emplace(body_max, limits_.chunk_overhead_bytes_max);
  state_ = facts_.is_chunked || facts_.content_length > 0 ? State::body : State::done;
}

std::size_t RequestReader::take_body(std::string_view bytes) {
  if (!chunks_) {
    const auto piece = static_cast<std::size_t>(
        std::min<std::uint64_t>(facts_.content_length - request_.body.size(), bytes.size()));
    request_.body.append(bytes.substr(0, piece));
    if (request_.body.size() == facts_.content_length) state_ = State::done;
    return piece;
  }
  const std::size_t taken = chunks_->take(bytes, request_.body);
  switch (chunks_->state()) {
    case Chunks::State::more:
      break;
    case Chunks::State::done:
      state_ = State::done;
      break;
    case Chunks::State::malformed:
      refuse({400, "the body is not rightly chunked"});
      break;
    case Chunks::State::too_large:
      refuse({413, "the body is larger than " + std::to_string(body_max_) + " bytes"});
      break;
    case Chunks::State::wasteful:
      refuse({400, "the chunks cost more than what they hold: send larger ones"});
      break;
  }
  return taken;
}

void RequestReader::refuse(HttpFault fault) {
  fault_ = std::move(fault);
  state_ = State::refused;
  // Nobody reads it any more, and the connection may stay a while to be closed.
  std::string().swap(head_);
  std::string().swap(request_.body);
}

}  // namespace tidemark

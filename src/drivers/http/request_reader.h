// RequestReader: the bytes of a connection become one request, piece by piece.
//
// One object for one request; what is left of the bytes belongs to the next. It holds no more than
// the head's limit and the body that was admitted. Not for two threads at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/http/chunks.h"
#include "drivers/http/head_rules.h"
#include "drivers/http/http.h"

namespace tidemark {

class RequestReader {
 public:
  explicit RequestReader(const RequestLimits& limits) : limits_(limits) {}

  enum class State {
    head,     // is not whole
    admit,    // the head is there: admit() is to say how large a body may be
    body,     // is not whole
    done,     // the request is whole
    refused,  // by fault(); the bytes after it mean nothing
  };
  State state() const { return state_; }

  // Takes what belongs to this request and returns how many bytes that was. REQUIRES state head or
  // body.
  std::size_t take(std::string_view bytes);
  // REQUIRES state admit; then the state is body, done or refused.
  void admit(std::size_t body_max);

  // Whether a byte of it has come.
  bool is_begun() const { return is_begun_; }
  // From the state admit on.
  const HeadFacts& facts() const { return facts_; }
  // The request; its body is whole in state done.
  HttpRequest& request() { return request_; }
  // REQUIRES state refused.
  const HttpFault& fault() const { return fault_; }

 private:
  std::size_t take_head(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  std::size_t take_empty_line(std::string_view bytes);
  void refuse(HttpFault fault);

  RequestLimits limits_;
  State state_ = State::head;
  bool is_begun_ = false;
  int empty_line_bytes_ = 0;
  std::string head_;  // what is there of it
  HeadFacts facts_;
  HttpRequest request_;
  HttpFault fault_;
  std::size_t body_max_ = 0;
  std::optional<Chunks> chunks_;
};

}  // namespace tidemark

// The text of an answer's head. Pure.
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/http/http.h"

namespace tidemark {

struct AnswerForm {
  bool closes = false;
  bool is_chunked = false;
  std::optional<std::size_t> content_length;
  std::time_t now = 0;
};

// The head of `response`, with the empty line at its end. Control characters in a header's value
// become blanks, so that no value can end its header; what the server says itself is left out.
std::string answer_head(const HttpResponse& response, const AnswerForm& form);

// `Not Found`; `Unknown` for a status without a name here.
std::string_view reason_of(int status);

// `Sun, 06 Nov 1994 08:49:37 GMT`.
std::string http_date(std::time_t at);

// One piece of a body in chunks. REQUIRES text that is not empty, which would end the body.
std::string chunk(std::string_view text);

}  // namespace tidemark

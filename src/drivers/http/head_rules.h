// The head of a request: stricter than RFC 9112 allows a server to be, so that no proxy before us
// can read another request in the same bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/http/http.h"

namespace tidemark {

struct RequestLimits {
  std::size_t head_bytes_max = 16 * 1024;  // with the request line and the empty line at its end
  std::size_t request_line_bytes_max = 8 * 1024;
  std::size_t headers_max = 100;
  // What chunks may cost beside their content, on top of as much as the content itself.
  std::size_t chunk_overhead_bytes_max = 16 * 1024;
};

// Why a request is not taken, as HttpHandlers::refuse is told.
struct HttpFault {
  int status = 400;
  std::string what;
};

// Of a head that is not whole yet: what can be said of the bytes from `checked` on, so that nobody
// has to be waited for whose request cannot become right.
std::optional<HttpFault> check_part_of_head(std::string_view part, std::size_t checked,
                                            const RequestLimits& limits);

// What a right head says beside the request itself.
struct HeadFacts {
  bool is_http_1_0 = false;
  bool closes = false;  // the connection ends with the answer
  bool expects_continue = false;
  bool is_chunked = false;
  std::uint64_t content_length = 0;
};

// Of a whole head, which ends with an empty line: fills the request, but for its body and its peer,
// and `facts`. Both mean nothing where a fault is given. REQUIRES check_part_of_head found nothing.
std::optional<HttpFault> read_head(std::string_view head, const RequestLimits& limits,
                                   HttpRequest& request, HeadFacts& facts);

}  // namespace tidemark

// Any bytes as what a client sends, in any pieces: requests or one refusal, within the limits, and
// the same requests whatever the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "drivers/http/request_reader.h"

namespace {

using namespace tidemark;

constexpr std::size_t body_max = 64;
constexpr std::size_t requests_max = 50;

std::string read(std::string_view bytes, std::size_t step) {
  RequestLimits limits;
  limits.head_bytes_max = 512;
  limits.request_line_bytes_max = 128;
  limits.chunk_overhead_bytes_max = 128;
  std::string told;
  for (std::size_t count = 0; count < requests_max && !bytes.empty(); ++count) {
    RequestReader reader(limits);
    while (reader.state() == RequestReader::State::head ||
           reader.state() == RequestReader::State::body) {
      if (bytes.empty()) return told;
      const std::size_t taken = reader.take(bytes.substr(0, step));
      TM_ASSERT(taken <= std::min(step, bytes.size()));
      bytes.remove_prefix(taken);
      if (reader.state() == RequestReader::State::admit) reader.admit(body_max);
    }
    if (reader.state() == RequestReader::State::refused) {
      TM_ASSERT(reader.fault().status >= 400 && !reader.fault().what.empty());
      return told + "refused";
    }
    const HttpRequest& request = reader.request();
    TM_ASSERT(request.body.size() <= body_max);
    TM_ASSERT(request.path.size() + request.query.size() <= limits.request_line_bytes_max);
    TM_ASSERT(!request.path.empty() && request.headers.size() <= limits.headers_max);
    for (const HttpHeader& header : request.headers) {
      TM_ASSERT(!header.name.empty());
      TM_ASSERT(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
    told += request.method + " " + request.path + "?" + request.query + " " + request.body + "\n";
  }
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, std::max<std::size_t>(size, 1));
  TM_ASSERT(whole == read(bytes, 1));
  TM_ASSERT(whole == read(bytes, 5));
  return 0;
}

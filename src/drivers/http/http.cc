#include "drivers/http/http.h"

#include <algorithm>

namespace tidemark {

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const HttpHeader& header) { return header.name == name; });
  if (found == headers.end()) return std::nullopt;
  return found->value;
}

}  // namespace tidemark

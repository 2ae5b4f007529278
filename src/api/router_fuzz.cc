// What a stranger sends as a path and a query: what is taken is text without what has a meaning of
// its own elsewhere.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/router.h"
#include "drivers/json/utf8.h"

namespace {

tidemark::Answer nothing(const tidemark::ApiRequest&) {
  return tidemark::HttpResponse{};
}

const tidemark::Router& router() {
  using tidemark::Reach;
  using tidemark::Role;
  static const tidemark::Router made(
      {{"GET", "/v1/jobs/{job}", "one", Role::viewer, Reach::job, {}, 0, nothing},
       {"GET", "/v1/{a}/{b}/{c}", "three", Role::viewer, Reach::each, {}, 0, nothing},
       {"GET", "/", "root", Role::viewer, Reach::each, {}, 0, nothing}});
  return made;
}

void check(const std::string& text) {
  if (!tidemark::is_utf8(text)) std::abort();
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view path = text.substr(0, text.find('?'));
  const auto match = router().match(path);
  if (match.ok()) {
    for (const auto& [name, value] : match->path) {
      check(value);
      if (value.empty() || value == "." || value == ".." ||
          value.find_first_of("/\\") != std::string::npos)
        std::abort();
    }
  }
  const auto query = tidemark::read_query(text.substr(path.size() == size ? size : path.size() + 1),
                                          {"limit", "name", "cursor"});
  if (query.ok()) {
    for (const auto& [name, value] : *query)
      check(value);
  }
  return 0;
}

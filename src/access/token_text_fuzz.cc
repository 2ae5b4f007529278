// What a stranger sends as a token: a text that is taken for one has an id, and is it whole.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "access/token_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto token = tidemark::parse_token(text);
  if (token && (token->text.reveal() != text || text.substr(4, 16) != token->id)) std::abort();
  return 0;
}

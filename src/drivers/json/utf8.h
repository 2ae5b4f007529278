// Whether bytes are UTF-8: what a JSON string, and a text of the engine, can hold as it is. Pure;
// any thread.
#pragma once

#include <string_view>

namespace tidemark {

// By RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is valid.
bool is_utf8(std::string_view bytes);
// The same without NUL: PostgreSQL's own rule of text.
bool is_utf8_without_nul(std::string_view bytes);

}  // namespace tidemark

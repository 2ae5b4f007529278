// Whether bytes are UTF-8: what a JSON string can hold as it is. Pure; any thread.
#pragma once

#include <string_view>

namespace tidemark {

// By RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is valid.
bool is_utf8(std::string_view bytes);

}  // namespace tidemark

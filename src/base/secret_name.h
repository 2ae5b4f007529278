// What a stored secret may be called.
#pragma once

#include <string_view>

namespace tidemark {

// 1 to 100 letters, digits, `_`, `-` and `.`, the first of them no `-` or `.`.
bool is_secret_name(std::string_view name);

}  // namespace tidemark

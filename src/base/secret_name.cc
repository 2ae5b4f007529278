#include "base/secret_name.h"

#include <algorithm>
#include <cctype>

namespace tidemark {

bool is_secret_name(std::string_view name) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  return !name.empty() && name.size() <= 100 && is_word(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_word(c) || c == '-' || c == '.'; });
}

}  // namespace tidemark

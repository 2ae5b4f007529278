// The text of a token: `tdm_`, its id, `_`, and 256 random bits as 64 hexadecimal digits. The
// beginning is there for programs that look for secrets where none belong.
//
// Pure but for the random numbers; no thread rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace tidemark {

struct TokenText {
  std::string id;  // 16 characters; no secret
  Secret text;     // whole
  std::string hash() const;
};

TokenText new_token();
// Nothing where the text is none. Takes foreign bytes.
std::optional<TokenText> parse_token(std::string_view text);

}  // namespace tidemark

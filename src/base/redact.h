// redact: words of another system without a secret that they may repeat.
//
// Pure; no thread rule.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace tidemark {

// `[secret]` in its place: as it is, in quotes with those inside doubled or escaped, as a part of a
// URL, and in base64. A secret of less than four bytes stays: it may be part of any word.
std::string redact(std::string_view text, const Secret& secret);

}  // namespace tidemark

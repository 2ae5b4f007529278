// What can be said about a YAML file before it is parsed: its bytes and its indentation.
//
// Pure functions, no thread rule.
#pragma once

#include <string_view>
#include <vector>

#include "drivers/yaml/document.h"

namespace tidemark {

// The position of a byte of `source`.
YamlPosition yaml_position(std::string_view source, std::size_t offset);

// Bytes that are no text: NUL and other control characters, invalid UTF-8. The first one only,
// since the rest of such a file is noise. The parser must not see a file with this fault.
std::vector<YamlFault> check_yaml_bytes(std::string_view source);

// Lines indented with tabs, outside of block texts, and directives, which the parser would skip in
// silence.
std::vector<YamlFault> check_yaml_lines(std::string_view source);

}  // namespace tidemark

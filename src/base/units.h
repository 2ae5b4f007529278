// Sizes, durations and percentages as users write them: `100MB`, `1h`, `0.1%`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

// `512`, `64KB`, `100MB`, `1.5GB`, `2TB`, also `KiB`...; 1 KB = 1000 bytes, 1 KiB = 1024 bytes.
Result<std::int64_t> parse_bytes(std::string_view text);
// `500ms`, `5s`, `10m`, `1h`, `7d`; one number, one unit, more than zero.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
// `0.1%` -> 0.001; the sign is required, 0 to 100.
Result<double> parse_percent(std::string_view text);

// For people: `1.2 MB`, `12.3 s`, `1,234,567`.
std::string show_bytes(std::int64_t bytes);
std::string show_duration(std::chrono::milliseconds duration);
std::string show_count(std::int64_t count);

}  // namespace tidemark

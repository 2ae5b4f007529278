// Window and Position: how far a run reads, fixed and stored before the first row is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// One end of a window: exact text that only its source understands (a cursor value, a list of
// files).
struct Position {
  std::string text;
  friend bool operator==(const Position&, const Position&) = default;
};

// Rows with lo <= position < top belong to the window. `lo` absent: from the beginning. `top`
// absent: to the end of the source's snapshot. `hi` is the next window's `lo`; it equals `top` when
// the top is cut.
struct Window {
  std::optional<Position> lo;
  std::optional<Position> hi;
  std::optional<Position> top;
  friend bool operator==(const Window&, const Window&) = default;
};

// What a watermark promises, best first (docs/semantics.md).
enum class Guarantee { exact, exact_upsert, bounded, best_effort };

std::string_view to_string(
    Guarantee guarantee);  // `exact`, `exact-upsert`, `bounded`, `best-effort`
std::optional<Guarantee> parse_guarantee(std::string_view text);
std::vector<std::string> guarantee_names();

}  // namespace tidemark

// Cuts a piece of the past into windows, the parts of a backfill.
//
// Pure; any thread. Values are written as CursorShape says. Days, weeks, months and years are those
// of the calendar of a zone, so a day may have 23 or 25 hours; parts begin and end at full ones,
// but for the first and the last.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/source.h"
#include "drivers/zone/zone.h"

namespace tidemark {

struct CutRequest {
  CursorShape shape = CursorShape::instant;
  std::string from;               // as a person writes it
  std::string to;                 // empty: the watermark
  std::optional<std::string> by;  // `1h`, `1d`, `1w`, `1mo`, `1y`, or a count for numbers
  // Of each stream, as its source writes it. The lowest ends what may be run again.
  std::vector<std::string> watermarks;
};

struct CutPart {
  std::string lo;
  std::string hi;
  friend bool operator==(const CutPart&, const CutPart&) = default;
};

struct Cut {
  std::string from;
  std::string to;
  std::string by;
  bool to_was_cut = false;     // what was asked for reached beyond the watermark
  std::vector<CutPart> parts;  // oldest first, without a gap
};

inline constexpr std::size_t parts_max = 10'000;

// A number that orders values of one shape as they lie, a fraction left out; nothing where a text
// is no such value.
std::optional<std::int64_t> order_of(CursorShape shape, const std::string& value);

// `user.backfill_*` says what to write instead.
Result<Cut> cut_window(const CutRequest& request, const Zone& zone);

}  // namespace tidemark

// A position that names where it was taken: `value@place`. Sources that are systems of their own
// use it, so that a run does not go on from the position of another system. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/window.h"

namespace tidemark {

struct PlacedPosition {
  std::string value;
  std::optional<std::string> place;  // nothing: a version of before did not name it
};

// `place` has no blanks, quotes or brackets.
Position position_at(const std::string& value, const std::string& place);
PlacedPosition parse_placed(const Position& position);

// `blocked.source_changed`: `what` happened, as far as anybody can see. Where a person may know
// that nothing was lost, the hint says how to go on.
Error source_changed(const std::string& what, bool can_confirm);
// `blocked.clock_went_back`: the clock of the source, by `how_much`.
Error clock_went_back(const std::string& how_much);

}  // namespace tidemark

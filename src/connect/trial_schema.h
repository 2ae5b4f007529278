// The schema of the tables that trials make: a target's, and no stream of a source.
#pragma once

#include <string_view>

namespace tidemark {

inline constexpr std::string_view trial_schema = "tidemark_trials";

}  // namespace tidemark

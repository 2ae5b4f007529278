// What a load asks before it replaces or reports rows; the same for every target with an SQL server
// behind it. Pure; any thread.
#pragma once

#include <cstdint>

#include "connect/sink.h"

namespace tidemark {

// `blocked.empty_source` and `blocked.shrunk_source`: `given` rows are to take the place of
// `present` ones, and the target does not allow so few. REQUIRES a shrink limit where `given` is
// not 0.
Status check_replacement(const LoadTarget& target, std::int64_t given, std::int64_t present);

// `blocked.empty_source` and `blocked.deletes`: `gone` of `present` rows are to be taken out, or
// marked, because their keys are not among those of the source, and that many wait for a person.
Status check_removal(const LoadTarget& target, const Removal& removal, std::int64_t gone,
                     std::int64_t present);

}  // namespace tidemark

// Which of the words we know is the one a user meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// The word of `known` with the smallest edit distance to `word` (adjacent swaps count one), when
// that is at most a third of its length, rounded up. Case is ignored.
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace tidemark

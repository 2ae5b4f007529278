// What the figures of some rounds come to. Values; any thread.
#pragma once

#include <string>
#include <vector>

namespace tidemark::bench {

// The middle one, and the smallest and the largest; of an even number the mean of the two in the
// middle.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// REQUIRES at least one figure.
Spread spread_of(std::vector<double> figures);

// Each figure by the one of the same round: a machine that is slow for a while is slow for both.
// REQUIRES as many of one as of the other.
std::vector<double> ratios(const std::vector<double>& figures, const std::vector<double>& to);

// Of the two controls of each round.
std::vector<double> means(const std::vector<double>& before, const std::vector<double>& after);

// Whether the same command, run before and after the others, took the same time: if not, what
// stands between them was measured on a machine that did something else. The bounds are the noise
// of a quiet machine.
inline constexpr double control_least = 0.93;
inline constexpr double control_most = 1.07;
bool is_void(const Spread& control);

}  // namespace tidemark::bench

#include "statistics.h"

#include <algorithm>

namespace tidemark::bench {

Spread spread_of(std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  const std::size_t middle = figures.size() / 2;
  const double median =
      figures.size() % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
  return {median, figures.front(), figures.back()};
}

std::vector<double> ratios(const std::vector<double>& figures, const std::vector<double>& to) {
  std::vector<double> all;
  for (std::size_t round = 0; round < figures.size(); ++round)
    all.push_back(figures[round] / to.at(round));
  return all;
}

std::vector<double> means(const std::vector<double>& before, const std::vector<double>& after) {
  std::vector<double> all;
  for (std::size_t round = 0; round < before.size(); ++round)
    all.push_back((before[round] + after.at(round)) / 2);
  return all;
}

bool is_void(const Spread& control) {
  return control.median < control_least || control.median > control_most;
}

}  // namespace tidemark::bench

#include "alert/volume.h"

#include <algorithm>
#include <cmath>

namespace tidemark {
namespace {

constexpr std::int64_t hours_of_week = 168;
constexpr std::int64_t hours_kept = 10 * hours_of_week;
constexpr std::int64_t hours_of_level = 72;
constexpr std::int64_t hours_of_spread = 4 * hours_of_week;
// Of slots from which something is told.
constexpr std::size_t at_hour_of_week_min = 3;
constexpr std::size_t of_level_min = 7;
constexpr std::size_t of_spread_min = 6;
// Beyond so many spreads are anomalies, where rows are also so many times more or less.
constexpr double spreads_max = 5;
constexpr double times_min = 1.5;
constexpr double spread_min = 0.05;
constexpr double spread_unknown = 0.5;
// Slots that are judged together.
constexpr std::size_t slots_together = 4;
// The standard deviation of a normal distribution is so many times the median of its deviations.
constexpr double of_median_deviation = 1.4826;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::int64_t rows_of(double value) {
  return static_cast<std::int64_t>(std::llround(std::max(0.0, std::expm1(value))));
}

}  // namespace

std::optional<double> VolumeHistory::usual_at(std::int64_t hour) const {
  std::vector<double> values;
  for (const Seen& seen : seen_) {
    if ((hour - seen.hour) % hours_of_week == 0) values.push_back(seen.value);
  }
  if (values.size() < at_hour_of_week_min) return std::nullopt;
  return median(values);
}

double VolumeHistory::level(std::int64_t hour) const {
  std::vector<double> deviations;
  for (auto seen = seen_.rbegin(); seen != seen_.rend(); ++seen) {
    if (hour - seen->hour > hours_of_level && deviations.size() >= of_level_min) break;
    deviations.push_back(seen->deviation);
  }
  return deviations.empty() ? 0 : median(deviations);
}

// Of slots that had about as many rows: nights without any say nothing of the days.
double VolumeHistory::spread(std::int64_t hour, double usual) const {
  std::vector<double> deviations;
  for (const Seen& seen : seen_) {
    if (hour - seen.hour <= hours_of_spread && seen.usual > usual / 2)
      deviations.push_back(std::abs(seen.off));
  }
  if (deviations.size() < of_spread_min) return spread_unknown;
  return std::max(spread_min, of_median_deviation * median(deviations));
}

double VolumeHistory::off_lately(double off) const {
  if (seen_.size() + 1 < slots_together) return 0;
  double sum = off;
  for (std::size_t back = 1; back < slots_together; ++back)
    sum += seen_[seen_.size() - back].off;
  return sum / static_cast<double>(slots_together);
}

std::optional<VolumeVerdict> VolumeHistory::judge(const VolumeSlot& slot) {
  const double value = std::log1p(static_cast<double>(slot.rows));
  const std::optional<double> usual = usual_at(slot.hour);
  std::optional<VolumeVerdict> verdict;
  Seen seen{slot.hour, value, usual.value_or(value), 0, 0};
  if (usual) {
    const double expected = std::max(0.0, *usual + level(slot.hour));
    seen.deviation = value - *usual;
    seen.off = value - expected;
    // Few rows come by chance: their number varies by its root.
    const double of_chance = 1 / std::sqrt(std::expm1(expected) + 1);
    const double far = spreads_max * std::hypot(spread(slot.hour, *usual), of_chance);
    const double reach = std::max(far, std::log(times_min));
    const double reach_together =
        std::max(far / std::sqrt(static_cast<double>(slots_together)), std::log(times_min));
    verdict.emplace();
    verdict->is_anomaly =
        std::abs(seen.off) > reach || std::abs(off_lately(seen.off)) > reach_together;
    verdict->expected = rows_of(expected);
    verdict->at_least = rows_of(expected - reach);
    verdict->at_most = rows_of(expected + reach);
  }
  seen_.push_back(seen);
  while (seen_.front().hour < slot.hour - hours_kept)
    seen_.pop_front();
  return verdict;
}

}  // namespace tidemark

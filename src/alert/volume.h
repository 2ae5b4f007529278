// Volume: whether a job read as many rows as it does at such a time, by its own history.
//
// Robust statistics over slots, each an hour's rows (or a run's, of a job that runs more seldom):
// what is expected is the median of the slots at the same hour of the week, moved by the level of
// the last days, on a logarithmic scale; how far rows may be from it is told by the median of the
// deviations of the last weeks. A slot alone is judged, and the mean of the last four, which finds
// what is small and lasts. Medians do not follow what is over in a day; what lasts is how it is
// now.
//
// A plain value; one thread at a time. Memory for the slots of ten weeks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace tidemark {

struct VolumeSlot {
  std::int64_t hour = 0;  // since 1970-01-01T00, on the wall of the job's zone
  std::int64_t rows = 0;
};

struct VolumeVerdict {
  bool is_anomaly = false;
  std::int64_t expected = 0;
  // Between these nothing is noticed.
  std::int64_t at_least = 0;
  std::int64_t at_most = 0;
};

class VolumeHistory {
 public:
  // Of the next slot, later than all before, which the history has from then on. Nothing as long as
  // it knows too little to tell.
  std::optional<VolumeVerdict> judge(const VolumeSlot& slot);

 private:
  struct Seen {
    std::int64_t hour;
    double value;      // the logarithm of rows + 1
    double usual;      // what the hours of the week tell
    double deviation;  // of the value from that
    double off;        // from what was expected, by the level too
  };
  std::optional<double> usual_at(std::int64_t hour) const;
  double level(std::int64_t hour) const;
  double spread(std::int64_t hour, double usual) const;
  double off_lately(double off) const;

  std::deque<Seen> seen_;  // the oldest first
};

}  // namespace tidemark

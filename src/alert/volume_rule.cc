#include "alert/volume_rule.h"

namespace tidemark {
namespace {

constexpr std::int64_t hour_us = 3'600'000'000;
constexpr std::int64_t hour_s = 3'600;
constexpr std::int64_t hours_of_day = 24;
// As many as are judged together.
constexpr int usual_min = 4;

}  // namespace

std::int64_t hour_of(UtcMicros at) {
  return at.get() / hour_us;
}

UtcMicros begin_of_hour(std::int64_t hour) {
  return UtcMicros(hour * hour_us);
}

void VolumeRule::read(const HourRead& read) {
  if (judged_ && read.hour <= *judged_) return;
  hours_[read.hour] += read.rows;
}

void VolumeRule::pass(UtcMicros now) {
  while (!hours_.empty() && hours_.begin()->first < hour_of(now)) {
    judge({hours_.begin()->first, hours_.begin()->second});
    hours_.erase(hours_.begin());
  }
}

void VolumeRule::judge(const HourRead& read) {
  judged_ = read.hour;
  const std::int64_t begin = read.hour * hour_s;
  const std::int64_t wall = (begin + (zone_ ? zone_->offset(begin) : 0)) / hour_s;
  if (off_.has(wall / hours_of_day)) return;
  // An hour that the clock shows twice counts once.
  if (judged_wall_ && wall <= *judged_wall_) return;
  judged_wall_ = wall;
  const auto verdict = history_.judge({wall, read.rows});
  const bool is_usual =
      !verdict || (read.rows >= verdict->at_least && read.rows <= verdict->at_most);
  usual_in_a_row_ = is_usual ? usual_in_a_row_ + 1 : 0;
  // What stood out is over with an hour as ever, though together with that one it still would.
  if (!verdict || !verdict->is_anomaly || (is_usual && usual_in_a_row_ < usual_min)) {
    anomaly_.reset();
    return;
  }
  const UtcMicros since = anomaly_ ? anomaly_->since : begin_of_hour(read.hour);
  anomaly_ = VolumeAnomaly{since, read.hour, read.rows, *verdict};
}

}  // namespace tidemark

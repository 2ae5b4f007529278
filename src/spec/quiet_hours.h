// Quiet hours: spans of a week in which a source is left alone, as `Mon-Fri 08:00-18:00`.
// A plain value; no thread rule.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/zone/zone.h"

namespace tidemark {

class QuietHours {
 public:
  // `08:00-18:00`, `Mon-Fri 08:00-18:00`, `Sat,Sun 22:00-06:00`; a span that ends before it begins
  // goes on into the next day, and 24:00 is the end of a day. User fault `spec.quiet_hours`.
  static Result<QuietHours> parse(std::string_view text);

  bool contains(WallMinute at) const { return minutes_left(at) > 0; }
  // Until the span around `at` ends; 0 outside.
  int minutes_left(WallMinute at) const;
  const std::string& text() const { return text_; }

 private:
  std::bitset<7> days_;  // on which the span begins, Monday first
  int begin_ = 0;        // minutes of the day
  int length_ = 0;
  std::string text_;
};

}  // namespace tidemark

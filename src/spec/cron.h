// Cron: a cron expression as a value, and which times of a wall clock it names.
//
// Five fields, minute hour day-of-month month day-of-week, or six with seconds before them; names
// of months and days (JAN, SUN), lists, ranges, steps (`*/5`, `8-18/2`, `30/10`), in days of the
// month `L` (the last), `L-2` (the second before it), `LW` (the last weekday) and `15W` (the
// weekday next to the 15th, in the same month), in days of the week `FRI#3` (the third Friday) and
// `5L` (the last Friday); Sunday is 0 and 7. Also `@hourly`, `@daily`, `@midnight`, `@weekly`,
// `@monthly`,
// `@yearly`, `@annually`.
//
// Where days of the month and of the week are both given, a day that one of them names is meant;
// but both have to name it where either begins with `*`, as in `0 0 */2 * MON`: the rule of Vixie's
// cron. A plain value, any thread.
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

class Cron {
 public:
  // `spec.cron` says which field it is, and what to write instead.
  static Result<Cron> parse(std::string_view text);

  // The first time named that is not before `wall`, both in seconds from 1970-01-01T00:00:00 as the
  // clock on the wall shows it. Nothing where there is none in the next fifty years.
  std::optional<std::int64_t> next(std::int64_t wall) const;
  // Whether it names times by a wildcard or step in seconds, minutes or hours: those go on evenly
  // when clocks are set. Otherwise it names times of a day, each of which there is once.
  bool goes_by_elapsed_time() const { return elapsed_; }
  const std::string& text() const { return text_; }

  friend bool operator==(const Cron& left, const Cron& right) { return left.text_ == right.text_; }

 private:
  friend class CronReader;
  Cron() = default;
  bool names_day(std::chrono::year_month_day day) const;
  bool names_day_of_month(std::chrono::year_month_day day) const;
  bool names_day_of_week(std::chrono::year_month_day day) const;
  // The first time of a day that is not before `from`, in seconds of the day.
  std::optional<std::int64_t> next_in_day(std::int64_t from) const;

  std::string text_;
  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;           // from 1
  std::bitset<32> days_from_end_;  // 0: the last one
  std::bitset<32> weekdays_near_;  // `15W`, from 1
  bool last_weekday_ = false;      // `LW`
  std::bitset<13> months_;         // from 1
  std::bitset<7> days_of_week_;    // 0: Sunday
  std::bitset<7> last_of_month_;   // `5L`
  std::bitset<35> nth_of_month_;   // `FRI#3`: 7 * (3 - 1) + 5
  bool both_days_ = true;
  bool elapsed_ = false;
};

}  // namespace tidemark

#include "plan/cut_window.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/units.h"
#include "env/clock.h"

namespace tidemark {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
// What is chosen without --by.
constexpr std::int64_t parts_at_least = 10;

// Of moments, days and clocks: microseconds since 1970, of UTC or of the clock. Of numbers:
// themselves.
using Value = std::int64_t;

enum class Unit { number, minutes, hours, days, weeks, months, years };

struct Step {
  Unit unit = Unit::number;
  std::int64_t count = 1;
  std::string text;
};

std::int64_t floor_to(std::int64_t value, std::int64_t unit) {
  const std::int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

Error bad_value(const char* option, const std::string& text, CursorShape shape) {
  const char* hint = "write a day, 2026-01-31, or a moment, 2026-01-31T06:00:00Z";
  if (shape == CursorShape::wall)
    hint = "write a day, 2026-01-31, or a time without a zone, 2026-01-31T06:00:00";
  if (shape == CursorShape::day) hint = "the watermark is a date: write a day, 2026-01-31";
  if (shape == CursorShape::number) hint = "the watermark is a number: write a whole one, 100000";
  return user_error("user.backfill_value",
                    fmt::format("{}: `{}` is no value of the watermark", option, text), hint);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || at != end) return std::nullopt;
  return value;
}

struct Moment {
  std::int64_t clock;                  // what is written, in microseconds
  std::optional<std::int64_t> offset;  // of the zone that is written, in seconds
  bool is_day = false;
};

// `2026-01-31`, `2026-01-31T06:00[:00[.5]]`, with a blank for the T, and with a zone: `Z`, `+01`,
// `-05:30`.
std::optional<Moment> read_moment(std::string text) {
  constexpr std::size_t day_length = 10;
  if (text.size() < day_length) return std::nullopt;
  Moment moment{0, std::nullopt, text.size() == day_length};
  std::string clock = moment.is_day ? "T00:00:00" : text.substr(day_length);
  text.resize(day_length);
  if (clock.front() == ' ') clock.front() = 'T';
  if (clock.ends_with('Z')) {
    moment.offset = 0;
    clock.pop_back();
  } else if (const std::size_t sign = clock.find_first_of("+-"); sign != std::string::npos) {
    const std::string zone = clock.substr(sign);
    const auto hours = whole_number(std::string_view(zone).substr(1, 2));
    const bool has_minutes = zone.size() == 6 && zone[3] == ':';
    const auto minutes = has_minutes ? whole_number(std::string_view(zone).substr(4))
                                     : std::optional(std::int64_t(0));
    if (!hours || !minutes || (!has_minutes && zone.size() != 3)) return std::nullopt;
    moment.offset = (zone.front() == '-' ? -1 : 1) * (*hours * 3600 + *minutes * 60);
    clock.resize(sign);
  }
  if (clock.size() == std::string_view("T00:00").size()) clock += ":00";
  const auto at = parse_utc(text + clock + "Z");
  if (!at.ok()) return std::nullopt;
  moment.clock = at->get();
  return moment;
}

// The moment at which the zone's clock shows `clock`.
Value at_clock(const Zone& zone, std::int64_t clock) {
  const std::int64_t seconds = floor_to(clock, second) / second;
  return zone.shows(seconds) * second + (clock - seconds * second);
}

// What a person, or a source, writes; nothing where it is no such value.
std::optional<Value> read_value(CursorShape shape, const std::string& text, const Zone& zone) {
  if (shape == CursorShape::number) {
    // A decimal's fraction: what lies above the whole number is beyond it.
    const std::size_t point = text.find('.');
    return whole_number(std::string_view(text).substr(0, point));
  }
  const auto moment = read_moment(text);
  if (!moment) return std::nullopt;
  if (shape == CursorShape::instant)
    return moment->offset ? moment->clock - *moment->offset * second
                          : at_clock(zone, moment->clock);
  if (moment->offset || (shape == CursorShape::day && !moment->is_day)) return std::nullopt;
  return moment->clock;
}

std::string write_value(CursorShape shape, Value value) {
  constexpr std::size_t to_the_day = 10;
  constexpr std::size_t without_zone = 26;
  if (shape == CursorShape::number) return std::to_string(value);
  std::string text = to_text(UtcMicros(value));
  if (shape == CursorShape::instant) return text;
  text.resize(shape == CursorShape::day ? to_the_day : without_zone);
  if (shape == CursorShape::wall) text[to_the_day] = ' ';
  return text;
}

Result<Step> read_step(CursorShape shape, const std::string& text) {
  const auto bad = [&] {
    const bool number = shape == CursorShape::number;
    std::string hint = "write `1h`, `1d`, `1w`, `1mo` or `1y`, or another count of them";
    if (shape == CursorShape::day)
      hint = "the watermark is a date: write `1d`, `1w`, `1mo` or `1y`, or another count of them";
    if (number) hint = "the watermark is a number: write how many of them, 100000";
    return user_error("user.backfill_step", "--by: a part cannot be `" + text + "` long", hint);
  };
  Step step;
  step.text = text;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = whole_number(std::string_view(text).substr(0, digits));
  if (!count || *count < 1) return bad();
  step.count = *count;
  const std::string unit = text.substr(digits);
  if (shape == CursorShape::number) {
    if (!unit.empty()) return bad();
    return step;
  }
  constexpr std::array<std::pair<const char*, Unit>, 6> units{{{"m", Unit::minutes},
                                                               {"h", Unit::hours},
                                                               {"d", Unit::days},
                                                               {"w", Unit::weeks},
                                                               {"mo", Unit::months},
                                                               {"y", Unit::years}}};
  const auto known =
      std::find_if(units.begin(), units.end(), [&](const auto& one) { return unit == one.first; });
  constexpr std::int64_t count_max = 100'000;
  if (known == units.end() || step.count > count_max) return bad();
  step.unit = known->second;
  const bool shorter_than_days = step.unit == Unit::minutes || step.unit == Unit::hours;
  if (shape == CursorShape::day && shorter_than_days) return bad();
  return step;
}

// Days since 1970 of a day of the Gregorian calendar, and back (proleptic, the year begins in
// March).
std::int64_t days_from(std::int64_t year, std::int64_t month, std::int64_t of_month) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = floor_to(year, 400) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + of_month - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

// Months since the year 0 of the month that a day lies in.
std::int64_t month_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = floor_to(days, 146'097) / 146'097;
  const std::int64_t of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;  // 0: March
  const std::int64_t month = shifted + (shifted < 10 ? 3 : -9);
  return (year_of_era + era * 400 + (month <= 2 ? 1 : 0)) * 12 + month - 1;
}

std::int64_t clock_at_month(std::int64_t month) {
  const std::int64_t year = floor_to(month, 12) / 12;
  return days_from(year, month - year * 12 + 1, 1) * day;
}

// The first end of a part behind `clock`.
std::int64_t next_on_the_clock(const Step& step, std::int64_t clock) {
  switch (step.unit) {
    case Unit::number:
      return clock;
    case Unit::minutes:
      return floor_to(clock, minute * step.count) + minute * step.count;
    case Unit::hours:
      return floor_to(clock, hour * step.count) + hour * step.count;
    case Unit::days:
      return floor_to(clock, day) + day * step.count;
    case Unit::weeks: {
      // 1970 began on a Thursday; weeks begin on Monday.
      const std::int64_t shift = 3 * day;
      return floor_to(clock + shift, 7 * day) - shift + 7 * day * step.count;
    }
    case Unit::months:
      return clock_at_month(month_of(floor_to(clock, day) / day) + step.count);
    case Unit::years:
      return clock_at_month(floor_to(month_of(floor_to(clock, day) / day), 12) + 12 * step.count);
  }
  return clock;
}

Value next(CursorShape shape, const Step& step, Value at, const Zone& zone) {
  if (step.unit == Unit::number)
    return at > std::numeric_limits<Value>::max() - step.count
               ? std::numeric_limits<Value>::max()
               : floor_to(at, step.count) + step.count;
  if (shape != CursorShape::instant) return next_on_the_clock(step, at);
  // Hours are hours, also where the clock is set in between.
  if (step.unit == Unit::minutes || step.unit == Unit::hours) return next_on_the_clock(step, at);
  const std::int64_t clock = at + zone.offset(floor_to(at, second) / second) * second;
  const std::int64_t end = next_on_the_clock(step, clock);
  return std::max(at_clock(zone, end), at + second);
}

// Up to `limit` parts; one more where there are more.
std::vector<std::pair<Value, Value>> cut(CursorShape shape, const Step& step, Value from, Value to,
                                         const Zone& zone, std::size_t limit) {
  std::vector<std::pair<Value, Value>> parts;
  while (from < to && parts.size() <= limit) {
    const Value end = std::min(to, next(shape, step, from, zone));
    parts.emplace_back(from, end);
    from = end;
  }
  return parts;
}

// The longest one that gives ten parts or more, or the shortest.
Step choose_step(CursorShape shape, Value from, Value to, const Zone& zone) {
  if (shape == CursorShape::number) {
    Step step{Unit::number, 1, {}};
    const auto wide = static_cast<unsigned long long>(to) - static_cast<unsigned long long>(from);
    while (wide / static_cast<unsigned long long>(step.count) >= 10ULL * parts_at_least)
      step.count *= 10;
    step.text = std::to_string(step.count);
    return step;
  }
  std::vector<Step> steps{{Unit::years, 1, "1y"},
                          {Unit::months, 1, "1mo"},
                          {Unit::weeks, 1, "1w"},
                          {Unit::days, 1, "1d"}};
  if (shape != CursorShape::day) steps.push_back({Unit::hours, 1, "1h"});
  for (const Step& step : steps) {
    if (cut(shape, step, from, to, zone, parts_at_least).size() >= parts_at_least) return step;
  }
  return steps.back();
}

}  // namespace

std::optional<std::int64_t> order_of(CursorShape shape, const std::string& value) {
  const auto utc = Zone::find("UTC");
  return utc.ok() ? read_value(shape, value, *utc) : std::nullopt;
}

Result<Cut> cut_window(const CutRequest& request, const Zone& zone) {
  const CursorShape shape = request.shape;
  static const UtcMicros end_of_zones = *parse_utc("2400-01-01T00:00:00Z");
  const auto asked = [&](const char* option, const std::string& text) -> Result<Value> {
    const auto value = read_value(shape, text, zone);
    const bool whole = shape != CursorShape::number || text.find('.') == std::string::npos;
    const bool known = value && (shape == CursorShape::number || *value < end_of_zones.get());
    if (!known || !whole) return bad_value(option, text, shape);
    return *value;
  };
  // A moment that a source writes without a zone is one of UTC.
  TM_TRY(const Zone utc, Zone::find("UTC"));
  std::optional<Value> limit;
  for (const std::string& text : request.watermarks) {
    const auto value = read_value(shape, text, utc);
    if (!value) {
      return user_error("user.backfill_watermark",
                        "the watermark stands at `" + text + "`, which cannot be cut",
                        "read everything again with `tidemark run JOB --full`");
    }
    limit = limit ? std::min(*limit, *value) : *value;
  }
  TM_TRY(const Value from, asked("--from", request.from));
  Value to = limit.value_or(from);
  Cut made;
  if (!request.to.empty()) {
    TM_TRY(const Value end, asked("--to", request.to));
    if (end <= from) {
      return user_error(
          "user.backfill_order", "--from " + request.from + " is not before --to " + request.to,
          end == from ? "--to is not part of what is run: name a later one" : "turn them round");
    }
    made.to_was_cut = end > to;
    to = std::min(end, to);
  }
  if (from >= to) {
    return user_error("user.backfill_above",
                      "--from " + request.from + " is not below the watermark, " +
                          write_value(shape, limit.value_or(from)) +
                          ": what lies there is read by the job's own runs",
                      "name an earlier --from, or run the job");
  }
  Step step;
  if (request.by) {
    TM_TRY(step, read_step(shape, *request.by));
  } else {
    step = choose_step(shape, from, to, zone);
  }
  const auto parts = cut(shape, step, from, to, zone, parts_max);
  if (parts.size() > parts_max) {
    return user_error("user.backfill_parts",
                      "that are more than " + show_count(parts_max) + " parts of " + step.text,
                      "make them longer with --by, or name a later --from or an earlier --to");
  }
  made.from = write_value(shape, from);
  made.to = write_value(shape, to);
  made.by = step.text;
  for (const auto& [lo, hi] : parts)
    made.parts.push_back({write_value(shape, lo), write_value(shape, hi)});
  return made;
}

}  // namespace tidemark

#include "spec/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace tidemark {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t day_s = 86'400;
constexpr int days_ahead = 50 * 366;
constexpr int day_bits = 7;

constexpr std::array<std::string_view, 12> month_names = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> day_names = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};

struct Shorthand {
  std::string_view word;
  std::string_view means;
};
constexpr std::array<Shorthand, 7> shorthands = {{{"@HOURLY", "0 * * * *"},
                                                  {"@DAILY", "0 0 * * *"},
                                                  {"@MIDNIGHT", "0 0 * * *"},
                                                  {"@WEEKLY", "0 0 * * 0"},
                                                  {"@MONTHLY", "0 0 1 * *"},
                                                  {"@YEARLY", "0 0 1 1 *"},
                                                  {"@ANNUALLY", "0 0 1 1 *"}}};

enum class Unit { second, minute, hour, day, month, weekday };

struct UnitRule {
  const char* name;
  int least;
  int largest;
};
constexpr std::array<UnitRule, 6> rules = {{{"second", 0, 59},
                                            {"minute", 0, 59},
                                            {"hour", 0, 23},
                                            {"day of the month", 1, 31},
                                            {"month", 1, 12},
                                            {"day of the week", 0, 7}}};

const UnitRule& rule_of(Unit unit) {
  return rules[static_cast<std::size_t>(unit)];
}

Error bad(const std::string& what, const std::string& hint) {
  return user_error("spec.cron", what, hint);
}

std::string upper(std::string_view text) {
  std::string made(text);
  for (char& c : made) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return made;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool plain = !text.empty() && text.front() != '-';
  if (!plain || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <std::size_t size>
std::optional<int> position(const std::array<std::string_view, size>& names,
                            std::string_view name) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return std::nullopt;
  return static_cast<int>(at - names.begin());
}

unsigned last_day(year_month_day day) {
  return static_cast<unsigned>((day.year() / day.month() / std::chrono::last).day());
}

unsigned weekday_of(year_month_day day) {
  return std::chrono::weekday(sys_days(day)).c_encoding();
}

year_month_day at_day(year_month_day month, unsigned day) {
  return month.year() / month.month() / std::chrono::day(day);
}

// The weekday (Monday to Friday) next to a day, in the same month.
unsigned nearest_weekday(year_month_day month, unsigned day) {
  const unsigned last = last_day(month);
  const unsigned of_week = weekday_of(at_day(month, day));
  if (of_week == 6) return day > 1 ? day - 1 : day + 2;
  if (of_week == 0) return day < last ? day + 1 : day - 2;
  return day;
}

template <std::size_t size>
std::size_t first_from(const std::bitset<size>& set, std::size_t from) {
  while (from < size && !set[from])
    ++from;
  return from;
}

}  // namespace

// Reads one expression; lives for that.
class CronReader {
 public:
  Result<Cron> read(std::string_view text) {
    cron_.text_ = text;
    const std::string all = upper(text);
    std::vector<std::string_view> fields = words_of(all);
    if (fields.size() == 1 && fields.front().starts_with("@")) {
      const auto known = std::find_if(shorthands.begin(), shorthands.end(),
                                      [&](const Shorthand& one) { return one.word == fields[0]; });
      if (known == shorthands.end()) {
        return bad(fmt::format("`{}` is no time", text),
                   "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually");
      }
      fields = words_of(known->means);
    }
    if (fields.size() != 5 && fields.size() != 6) {
      return bad(fmt::format("it has {} fields", fields.size()),
                 "five fields (minute hour day month weekday), or six with seconds first");
    }
    const std::size_t seconds = fields.size() - 5;
    if (seconds == 0) cron_.seconds_.set(0);
    for (std::size_t at = 0; at < fields.size(); ++at)
      TM_CHECK(read_field(static_cast<Unit>(at + 1 - seconds), fields[at]));
    const auto even = [](std::string_view field) {
      return field.find_first_of("*/") != std::string_view::npos;
    };
    cron_.elapsed_ =
        std::any_of(fields.begin(), fields.begin() + 2 + static_cast<int>(seconds), even);
    const std::size_t day = 2 + seconds;
    cron_.both_days_ = fields[day].starts_with('*') || fields[day + 2].starts_with('*');
    if (!cron_.next(0)) return never();
    return std::move(cron_);
  }

 private:
  // From one end to the other, both included.
  struct Span {
    int from = 0;
    int to = 0;
  };

  Status read_field(Unit unit, std::string_view field) {
    while (true) {
      const std::size_t end = field.find(',');
      TM_CHECK(read_term(unit, field.substr(0, end)));
      if (end == std::string_view::npos) return {};
      field.remove_prefix(end + 1);
    }
  }

  Status read_term(Unit unit, std::string_view term) {
    if (term == "?") return bad("`?` means nothing here", "write `*`");
    if (unit == Unit::day && term.find_first_of("LW") != std::string_view::npos)
      return read_special_day(term);
    if (unit == Unit::weekday && (term.ends_with("L") || term.find('#') != std::string_view::npos))
      return read_special_weekday(term);
    const UnitRule& rule = rule_of(unit);
    const std::size_t slash = term.find('/');
    const std::string_view range = term.substr(0, slash);
    Span span{rule.least, unit == Unit::weekday ? 6 : rule.largest};
    if (range != "*") {
      TM_TRY(span, read_range(unit, range));
      const bool single = range.find('-') == std::string_view::npos;
      if (single && slash != std::string_view::npos) span.to = rule.largest;
    }
    int step = 1;
    if (slash != std::string_view::npos) {
      const auto found = number(term.substr(slash + 1));
      if (!found || *found < 1)
        return bad(fmt::format("`{}` has no step", term),
                   "write a number behind the `/`, as `*/5`");
      if (*found > rule.largest) {
        return bad(fmt::format("the step of `{}` is larger than its field", term),
                   "a field begins anew each time; `every:` takes any distance");
      }
      step = *found;
    }
    for (int value = span.from; value <= span.to; value += step)
      add(unit, value);
    return {};
  }

  Result<Span> read_range(Unit unit, std::string_view range) {
    const std::size_t dash = range.find('-');
    Span span;
    TM_TRY(span.from, read_value(unit, range.substr(0, dash)));
    span.to = span.from;
    if (dash == std::string_view::npos) return span;
    TM_TRY(span.to, read_value(unit, range.substr(dash + 1)));
    if (unit == Unit::weekday && span.to == 0 && span.from > 0) span.to = 7;
    if (span.from <= span.to) return span;
    return bad(fmt::format("`{}` ends before it begins", range),
               "write two ranges with a comma between them");
  }

  Result<int> read_value(Unit unit, std::string_view text) {
    const UnitRule& rule = rule_of(unit);
    if (unit == Unit::month) {
      if (const auto month = position(month_names, text)) return *month + 1;
    }
    if (unit == Unit::weekday) {
      if (const auto day = position(day_names, text)) return *day;
    }
    const auto value = number(text);
    if (value && *value >= rule.least && *value <= rule.largest) return *value;
    const char* const names = unit == Unit::month     ? ", or JAN to DEC"
                              : unit == Unit::weekday ? " (0 and 7 are Sunday), or SUN to SAT"
                                                      : "";
    return bad(fmt::format("`{}` is no {}", text, rule.name),
               fmt::format("{} to {}{}", rule.least, rule.largest, names));
  }

  // A day that none of the months has.
  Error never() const {
    std::string days;
    for (std::size_t day = 1; day < cron_.days_.size(); ++day) {
      if (cron_.days_[day]) days += (days.empty() ? "" : ", ") + std::to_string(day);
    }
    std::string months;
    for (std::size_t month = 1; month < cron_.months_.size(); ++month) {
      if (cron_.months_[month])
        months += (months.empty() ? "" : ", ") + std::string(month_names[month - 1]);
    }
    const std::string understood =
        days.empty() ? "it means days of " + months : "it means day " + days + " of " + months;
    return bad("there is no such day, so it never comes",
               understood +
                   ", which nothing of the next fifty years is; `L` is the last day of "
                   "a month");
  }

  // `L`, `L-2`, `LW`, `15W`.
  Status read_special_day(std::string_view term) {
    const Error wrong =
        bad(fmt::format("`{}` is no day of the month", term),
            "1 to 31, `L` (the last), `L-2` (the second before it), `LW` (the last weekday) or "
            "`15W` (the weekday next to the 15th)");
    if (term == "L") {
      cron_.days_from_end_.set(0);
    } else if (term == "LW" || term == "WL") {
      cron_.last_weekday_ = true;
    } else if (term.starts_with("L-")) {
      const auto before = number(term.substr(2));
      if (!before || *before < 1 || *before > 30) return wrong;
      cron_.days_from_end_.set(static_cast<std::size_t>(*before));
    } else {
      const auto day = number(term.substr(0, term.size() - 1));
      if (!term.ends_with("W") || !day || *day < 1 || *day > 31) return wrong;
      cron_.weekdays_near_.set(static_cast<std::size_t>(*day));
    }
    return {};
  }

  // `5L`, `FRI#3`.
  Status read_special_weekday(std::string_view term) {
    const std::size_t mark = term.find_first_of("L#");
    const auto named = read_value(Unit::weekday, term.substr(0, mark));
    const auto nth = term[mark] == '#' ? number(term.substr(mark + 1)) : std::optional(1);
    const bool ends = term[mark] == '#' || mark + 1 == term.size();
    if (!named.ok() || !ends || !nth || *nth < 1 || *nth > 5) {
      return bad(fmt::format("`{}` is no day of the week", term),
                 "0 to 7 (0 and 7 are Sunday), SUN to SAT, `FRI#3` (the third Friday of the month, "
                 "up to `#5`) or `5L` (the last Friday)");
    }
    const auto day = static_cast<std::size_t>(*named % day_bits);
    if (term[mark] == 'L') {
      cron_.last_of_month_.set(day);
    } else {
      cron_.nth_of_month_.set(static_cast<std::size_t>(day_bits * (*nth - 1)) + day);
    }
    return {};
  }

  void add(Unit unit, int value) {
    const auto at = static_cast<std::size_t>(value);
    switch (unit) {
      case Unit::second:
        cron_.seconds_.set(at);
        break;
      case Unit::minute:
        cron_.minutes_.set(at);
        break;
      case Unit::hour:
        cron_.hours_.set(at);
        break;
      case Unit::day:
        cron_.days_.set(at);
        break;
      case Unit::month:
        cron_.months_.set(at);
        break;
      case Unit::weekday:
        cron_.days_of_week_.set(at % day_bits);
        break;
    }
  }

  Cron cron_;
};

Result<Cron> Cron::parse(std::string_view text) {
  return CronReader().read(text);
}

bool Cron::names_day_of_month(year_month_day day) const {
  const auto number = static_cast<unsigned>(day.day());
  if (days_[number]) return true;
  const unsigned last = last_day(day);
  if (days_from_end_[last - number]) return true;
  if (last_weekday_ && nearest_weekday(day, last) == number) return true;
  for (unsigned near = 1; near <= last && weekdays_near_.any(); ++near) {
    if (weekdays_near_[near] && nearest_weekday(day, near) == number) return true;
  }
  return false;
}

bool Cron::names_day_of_week(year_month_day day) const {
  const auto number = static_cast<unsigned>(day.day());
  const unsigned of_week = weekday_of(day);
  if (days_of_week_[of_week]) return true;
  if (last_of_month_[of_week] && number + day_bits > last_day(day)) return true;
  return nth_of_month_[(number - 1) / day_bits * day_bits + of_week];
}

bool Cron::names_day(year_month_day day) const {
  const bool of_month = names_day_of_month(day);
  const bool of_week = names_day_of_week(day);
  return both_days_ ? of_month && of_week : of_month || of_week;
}

std::optional<std::int64_t> Cron::next_in_day(std::int64_t from) const {
  const auto start = static_cast<std::size_t>(from);
  for (std::size_t hour = first_from(hours_, start / 3600); hour < hours_.size();
       hour = first_from(hours_, hour + 1)) {
    const std::size_t first_minute = hour > start / 3600 ? 0 : start / 60 % 60;
    for (std::size_t minute = first_from(minutes_, first_minute); minute < minutes_.size();
         minute = first_from(minutes_, minute + 1)) {
      const std::size_t first_second = hour * 60 + minute > start / 60 ? 0 : start % 60;
      const std::size_t second = first_from(seconds_, first_second);
      if (second < seconds_.size())
        return static_cast<std::int64_t>(hour * 3600 + minute * 60 + second);
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> Cron::next(std::int64_t wall) const {
  std::int64_t from = wall % day_s;
  if (from < 0) from += day_s;
  sys_days day{days((wall - from) / day_s)};
  const sys_days end = day + days(days_ahead);
  while (day < end) {
    const year_month_day date(day);
    if (!months_[static_cast<unsigned>(date.month())]) {
      day = sys_days(date.year() / date.month() / std::chrono::last) + days(1);
    } else {
      if (names_day(date)) {
        const auto second = next_in_day(from);
        if (second) return day.time_since_epoch().count() * day_s + *second;
      }
      day += days(1);
    }
    from = 0;
  }
  return std::nullopt;
}

}  // namespace tidemark

#include "spec/calendar.h"

#include <algorithm>
#include <utility>

#include "spec/config_doc.h"
#include "spec/fault.h"
#include "spec/job_parts.h"
#include "spec/project_spec.h"
#include "spec/references.h"

namespace tidemark {
namespace {

constexpr std::size_t file_bytes_max = 4'000'000;
// Of one event, in days.
constexpr std::int64_t event_days_max = 3'660;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

struct Line {
  int number;  // from 1
  std::string_view text;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back({number, text.substr(0, end)});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// `2026-12-25`, and after a comma whatever it is called. The first line may name the columns.
void read_list(const std::string& file, const std::vector<Line>& lines,
               std::set<std::int64_t>& days, Faults& faults) {
  bool first = true;
  for (const Line& line : lines) {
    const std::string_view text = trimmed(line.text);
    if (text.empty() || text.front() == '#') continue;
    const std::string_view cell = trimmed(text.substr(0, text.find(',')));
    const bool is_head = std::exchange(first, false) && (cell == "date" || cell == "day");
    if (is_head) continue;
    if (const auto day = day_of(std::string(cell))) {
      days.insert(*day);
      continue;
    }
    const int column = static_cast<int>(line.text.find(cell)) + 1;
    faults.add(file, {line.number, column}, "`" + std::string(cell) + "` is no day",
               "write one day a line, such as 2026-12-25; what comes after a comma is its name");
  }
}

// `20261225`
std::optional<std::int64_t> compact_day(std::string_view text) {
  if (text.size() != 8) return std::nullopt;
  const std::string day(text);
  return day_of(day.substr(0, 4) + "-" + day.substr(4, 2) + "-" + day.substr(6));
}

// `P1D`, `P2W`: in days.
std::optional<std::int64_t> days_of_duration(std::string_view text) {
  if (text.size() < 3 || text.size() > 6 || text.front() != 'P') return std::nullopt;
  const char unit = text.back();
  if (unit != 'D' && unit != 'W') return std::nullopt;
  std::int64_t count = 0;
  for (const char digit : text.substr(1, text.size() - 2)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    count = 10 * count + (digit - '0');
  }
  return unit == 'W' ? 7 * count : count;
}

struct Event {
  Location at;
  std::optional<std::int64_t> begin;
  std::optional<std::int64_t> end;   // the day after its last
  std::optional<std::int64_t> days;  // in place of an end
  bool cancelled = false;

  std::int64_t day_after() const {
    return std::max(end.value_or(*begin + days.value_or(1)), *begin + 1);
  }
};

// Of RFC 5545 as much as calendars of holidays have: events of whole days. Those that have a time
// of the day are no days off.
void read_icalendar(const std::string& file, const std::vector<Line>& lines,
                    std::set<std::int64_t>& days, Faults& faults) {
  const bool begins = !lines.empty() && trimmed(lines.front().text) == "BEGIN:VCALENDAR";
  if (!begins) {
    faults.add(file, {1, 1}, "this is no iCalendar: it does not begin with BEGIN:VCALENDAR",
               "write one day a line, and name the file .csv or .txt");
    return;
  }
  std::optional<Event> event;
  bool inside = false;  // of what an event holds, as an alarm
  for (const Line& line : lines) {
    const std::string_view text = trimmed(line.text);
    if (text.starts_with("BEGIN:") && text != "BEGIN:VEVENT") inside = event.has_value();
    if (text.starts_with("END:") && std::exchange(inside, false)) continue;
    if (inside) continue;
    const std::string_view word = text.substr(0, text.find_first_of(";:"));
    const std::string_view value = text.substr(std::min(text.rfind(':') + 1, text.size()));
    const int column = static_cast<int>(text.size() - value.size()) + 1;
    const bool is_day = value.find('T') == std::string_view::npos;
    if (text == "BEGIN:VEVENT") event = Event{{line.number, 1}, {}, {}, {}};
    if (!event) continue;
    if (word == "RRULE" || word == "RDATE") {
      faults.add(file, {line.number, 1}, "an event that repeats (" + std::string(word) + ")",
                 "write an event for each of its days");
    } else if ((word == "DTSTART" || word == "DTEND") && is_day) {
      const auto day = compact_day(value);
      if (!day) {
        faults.add(file, {line.number, column}, "`" + std::string(value) + "` is no day",
                   "write it as 20261225");
      }
      (word == "DTSTART" ? event->begin : event->end) = day;
    } else if (word == "DURATION") {
      event->days = days_of_duration(value);
      // Of an event that begins at a time of the day it may be anything.
      if (!event->days && value.find('T') == std::string_view::npos) {
        faults.add(file, {line.number, column}, "`" + std::string(value) + "` is no number of days",
                   "write it as P3D or P1W");
      }
    } else if (word == "STATUS") {
      event->cancelled = value == "CANCELLED";
    } else if (text == "END:VEVENT") {
      if (event->begin && !event->cancelled) {
        const std::int64_t end = event->day_after();
        if (end - *event->begin > event_days_max)
          faults.add(file, event->at, "an event of more than ten years", "correct its DTEND");
        for (std::int64_t day = *event->begin; day < end && day - *event->begin < event_days_max;
             ++day)
          days.insert(day);
      }
      event.reset();
    }
  }
}

}  // namespace

void read_days(const std::string& file, const std::string& text, std::set<std::int64_t>& days,
               Faults& faults) {
  const std::vector<Line> lines = lines_of(text);
  if (file.ends_with(".ics")) {
    read_icalendar(file, lines, days, faults);
  } else {
    read_list(file, lines, days, faults);
  }
}

void read_calendar_files(const std::filesystem::path& root, std::vector<CalendarSpec>& calendars,
                         Faults& faults) {
  for (CalendarSpec& calendar : calendars) {
    if (!calendar.file) continue;
    const auto text = read_project_file(root / calendar.file->value, file_bytes_max);
    if (text.ok()) {
      read_days(calendar.file->value, *text, calendar.off.days, faults);
    } else {
      faults.add("tidemark.yaml", calendar.file->at,
                 "the days of calendar `" + calendar.name.value +
                     "` cannot be read: " + text.error().message,
                 "write a file beside tidemark.yaml with one day a line, or one that ends in .ics");
    }
  }
}

void take_calendar(JobSpec& job, const ProjectSpec& project, Faults& faults) {
  if (!job.schedule.calendar) return;
  const Name& wanted = *job.schedule.calendar;
  std::vector<std::string> names;
  for (const CalendarSpec& calendar : project.calendars) {
    names.push_back(calendar.name.value);
    if (calendar.name.value != wanted.value) continue;
    job.schedule.off.days.insert(calendar.off.days.begin(), calendar.off.days.end());
    job.schedule.off.weekdays |= calendar.off.weekdays;
    return;
  }
  faults.add(job.file, wanted.at,
             "unknown calendar `" + wanted.value + "`" + did_you_mean(wanted.value, names),
             names.empty() ? "write `calendars: {" + wanted.value +
                                 ": {weekdays_off: [SAT, SUN]}}` into tidemark.yaml"
                           : "tidemark.yaml has " + list_words(names));
}

}  // namespace tidemark

#include "spec/calendar_yaml.h"

#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {
namespace {

struct RawCalendar {
  std::vector<std::int64_t> days_off;
  std::vector<std::size_t> weekdays_off;
  std::optional<Name> file;
};

ConfigSpec<RawCalendar> make_calendar_spec() {
  ConfigSpec<RawCalendar> spec("calendar",
                               "Days on which jobs do not run by themselves, for jobs that name "
                               "the calendar (`calendar`). See [Schedules](../schedule.md).",
                               "{weekdays_off: [SAT, SUN], file: holidays.csv}");
  spec.field("days_off", &RawCalendar::days_off, config::list_of(day_value(), "a list of days"),
             {.default_note = "none",
              .description = "Days of the zone of the job.",
              .example = "[2026-12-25, 2027-01-01]"})
      .field("weekdays_off", &RawCalendar::weekdays_off,
             config::list_or_one(config::choice<std::size_t>({{"MON", 0},
                                                              {"TUE", 1},
                                                              {"WED", 2},
                                                              {"THU", 3},
                                                              {"FRI", 4},
                                                              {"SAT", 5},
                                                              {"SUN", 6}}),
                                 "a list of weekdays"),
             {.default_note = "none", .description = "Days of each week.", .example = "[SAT, SUN]"})
      .field("file", &RawCalendar::file, config::name("the path of a file"),
             {.default_note = "none",
              .description = "A file of further days, relative to tidemark.yaml: one day a line, "
                             "its name after a comma; or, where it ends in `.ics`, the all-day "
                             "events of an iCalendar. `tidemark serve` takes up what is changed.",
              .example = "holidays.csv"});
  spec.check([](const RawCalendar& calendar, const YamlNode& node, ReadContext& context) {
    if (calendar.days_off.empty() && calendar.weekdays_off.empty() && !calendar.file) {
      context.fault(place(node.at), "the calendar has no days",
                    "add `days_off`, `weekdays_off` or `file`");
    }
  });
  return spec;
}

}  // namespace

ValueSpec<std::vector<CalendarSpec>> calendars_value() {
  return config::converted<std::vector<CalendarSpec>, std::vector<config::MapItem<RawCalendar>>>(
      config::map_of(config::object(make_calendar_spec()), "a mapping of names to calendars"),
      [](auto&& items, const YamlNode&, ReadContext& context,
         std::vector<CalendarSpec>& calendars) {
        for (auto& item : items) {
          CalendarSpec calendar{std::move(item.key), {}, std::move(item.value.file)};
          calendar.off.days.insert(item.value.days_off.begin(), item.value.days_off.end());
          for (const std::size_t weekday : item.value.weekdays_off)
            calendar.off.weekdays.set(weekday);
          if (calendar.off.weekdays.all()) {
            context.fault(calendar.name.at,
                          "calendar `" + calendar.name.value + "` leaves no day of the week",
                          "keep one, or set `enabled: false` in the jobs");
          }
          calendars.push_back(std::move(calendar));
        }
        return true;
      });
}

}  // namespace tidemark

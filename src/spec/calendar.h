// CalendarSpec: days on which jobs do not run by themselves, under a name that jobs share.
//
// `calendars` of tidemark.yaml names the days, or a file of them beside it. A job that names a
// calendar has its days once the project is loaded. Plain values and pure functions but for
// read_calendar_files(), which reads files; no thread rule.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "spec/job_spec.h"

namespace tidemark {

class Faults;
struct ProjectSpec;

struct CalendarSpec {
  Name name;
  DaysOff off;
  std::optional<Name> file;  // relative to the project's folder
};

// Adds the days of the calendars' files to theirs. A file that cannot be read, and each line of it
// that names no day, is a fault.
void read_calendar_files(const std::filesystem::path& root, std::vector<CalendarSpec>& calendars,
                         Faults& faults);
// One such file: a day a line, or, where `file` ends with .ics, the days of an iCalendar's events.
void read_days(const std::string& file, const std::string& text, std::set<std::int64_t>& days,
               Faults& faults);

// Adds the days of the calendar that a job names to its own; an unknown one is a fault.
void take_calendar(JobSpec& job, const ProjectSpec& project, Faults& faults);

}  // namespace tidemark

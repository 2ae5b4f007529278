// How `report` is asked for.
#include "cli/command_parser.h"

namespace tidemark {

void add_report(CLI::App& app, CommandLine& line) {
  CLI::App* report = add_command(
      app, line,
      {.name = "report",
       .about = "Tell a week: runs, promises kept, durations, cost",
       .more = "Of each job: its runs, how well it kept what `slo` promises and what is left "
               "of its error budget,\nhow long its steps took, what it cost by the `prices` of "
               "tidemark.yaml. The worst come first.\nReads the history alone; without "
               "options the seven days up to now.",
       .example = "report --week 2026-W47 --job 'orders*'"});
  report->add_option("--week", line.week, "A week of ISO 8601, in UTC")->type_name("YEAR-Wnn");
  report->add_option("--from", line.from_time, "A day, or a moment of UTC; default: a week before")
      ->type_name("TIME");
  report
      ->add_option("--to", line.to_time,
                   "Up to this day or moment, which is left out; default: now")
      ->type_name("TIME");
  report->add_option("--job", line.job_pattern, "Only jobs like this; * stands for any text")
      ->type_name("PATTERN");
  add_limit(report, line, "How many jobs are printed, 1 to 1000; default: 20");
}

}  // namespace tidemark

// The commands about alerts, as the parser knows them.
#include "cli/command_parser.h"

namespace tidemark {

void add_commands_of_alerts(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* alert = app.add_subcommand("alert", "Show and silence alerts, and try their channels");
  alert->group("Commands");
  alert->require_subcommand(1);
  alert->footer(
      "A service that runs finds what is not as it should be, and tells it over the channels of\n"
      "tidemark.yaml. See docs/alerts.md.");
  CLI::App* list =
      add_command(*alert, line,
                  {.name = "list",
                   .about = "List the alerts that are open, newest first, and the silences",
                   .more = "Also the channels that could not be reached when it was tried last.",
                   .example = "alert list --all"});
  list->add_flag("--all", line.all, "Also those that were resolved, as long as they are kept");
  add_limit(list, line, "How many alerts, 1 to 1000; default: 20");
  CLI::App* show = add_command(
      *alert, line, {.name = "show", .about = "Show one alert", .example = "alert show ID"});
  show->add_option("ID", line.names, "The alert's id")->type_name("")->expected(1)->required();
  CLI::App* silence = add_command(
      *alert, line,
      {.name = "silence",
       .about = "Let alerts be told to nobody for a time",
       .more = "They are still opened and listed. What is open when the silence ends is told then.",
       .example = "alert silence 'data_*' --job 'sales_*' --for 2h --reason 'they move house'"});
  silence
      ->add_option("RULE", line.names,
                   "A rule, with * for any text; or the id of an alert: that one")
      ->type_name("")
      ->expected(1)
      ->required();
  silence->add_option("--job", line.alert_job, "Only of these jobs, with * for any text")
      ->type_name("PATTERN");
  silence->add_option("--for", arguments.lasts, "For how long, for example 2h")
      ->type_name("DURATION")
      ->required();
  silence->add_option("--reason", line.reason, "Why, for those who wonder")
      ->type_name("TEXT")
      ->required();
  CLI::App* unsilence = add_command(*alert, line,
                                    {.name = "unsilence",
                                     .about = "End a silence",
                                     .example = "alert unsilence ID      (`tidemark alert list` "
                                                "lists the ids)"});
  unsilence->add_option("ID", line.names, "The silence's id")
      ->type_name("")
      ->expected(1)
      ->required();
  CLI::App* test = add_command(
      *alert, line,
      {.name = "test",
       .about = "Send a message that says it is a test over each channel, or over one",
       .more = "Says of each channel what came of it. Ends with 1 where one failed. At PagerDuty "
               "an incident opens\nand is resolved at once.",
       .example = "alert test ops"});
  test->add_option("CHANNEL", line.names, "Over this one; default: all")
      ->type_name("")
      ->expected(0, 1);
}

}  // namespace tidemark

// The commands about jobs that stand in the store, as the parser knows them.
#include "cli/command_parser.h"

namespace tidemark {

void add_commands_of_jobs(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* job = app.add_subcommand("job", "Jobs that were made over the API: export, remove");
  job->group("Commands");
  job->require_subcommand(1);
  job->footer(
      "A job that was made over the API stands in the project's store, with its versions. It runs "
      "like\none of a file; where a file has a job of that name, the file counts.");
  const auto add_name = [&](CLI::App* command) {
    command->add_option("JOB", line.names, "The job's name")
        ->type_name("")
        ->expected(1)
        ->required();
  };
  add_name(add_command(*job, line,
                       {.name = "export",
                        .about = "Print what a job says, so that it can be put into a file",
                        .more = "When the file is there, take it out of the store: `tidemark job "
                                "remove`.",
                        .example = "job export orders > jobs/orders.yaml"}));
  add_name(add_command(*job, line,
                       {.name = "remove",
                        .about = "Take a job out of the store",
                        .more = "Its versions stay there, and what it loaded and its runs as well. "
                                "A file of that\nname stays too.",
                        .example = "job remove orders"}));
}

}  // namespace tidemark

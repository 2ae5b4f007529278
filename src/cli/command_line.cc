#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#include "base/nearest.h"
#include "base/units.h"
#include "base/version.h"
#include "cli/commands.h"

namespace tidemark {

namespace {

// What the parser writes into while it reads the arguments.
struct Arguments {
  CommandLine& line;
  std::string wait = "0ms";
};

std::string exit_code_line() {
  std::string line = "Exit codes: ";
  for (const ExitCode& exit : exit_codes) {
    if (line.back() != ' ') line += "; ";
    line += std::to_string(exit.code) + " " + exit.brief;
  }
  return line + ".";
}

CLI::App* add(CLI::App& app, CommandLine& line, const char* name, const char* help,
              const char* example) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&line, name] { line.command = name; });
  command->add_option("--project", line.project, "The project's folder; default: the current one")
      ->type_name("DIR");
  command->add_flag("--json", line.json,
                    "Print one JSON document on stdout; words for people go to stderr");
  command->add_flag("--quiet", line.quiet, "Show no progress");
  command->footer("Example:\n  tidemark " + std::string(example));
  return command;
}

// The positional words of a command; `count` 0: any number, also none.
CLI::Option* add_names(CLI::App* command, CommandLine& line, const char* name, int count,
                       const char* help) {
  CLI::Option* option = command->add_option(name, line.names, help)->type_name("");
  if (count > 0) option->required()->expected(count);
  return option;
}

void add_limit(CLI::App* command, CommandLine& line, const char* help) {
  command->add_option("--limit", line.limit, help)->check(CLI::Range(1, 1000))->type_name("COUNT");
}

void add_commands_that_look(CLI::App& app, CommandLine& line) {
  add(app, line, "validate",
      "Check every file of the project and list each fault: where it is, what to write instead. "
      "Connects to nothing.",
      "validate");
  CLI::App* plan =
      add(app, line, "plan",
          "Show what a run would do: the window, its SQL, tables to make, the guarantee and why. "
          "Changes nothing.",
          "plan orders");
  add_names(plan, line, "JOB", 1, "The job");
  CLI::App* runs = add(app, line, "runs", "List runs, newest first", "runs orders --limit 5");
  add_names(runs, line, "JOB", 0, "Runs of this job only")->expected(0, 1);
  add_limit(runs, line, "How many; default: 20");
  CLI::App* show =
      add(app, line, "show", "Show one run whole: its windows, counts, steps and error",
          "show RUN, with an id that `tidemark runs` lists");
  add_names(show, line, "RUN", 1, "The run's id");
  CLI::App* quarantine =
      add(app, line, "quarantine",
          "Show the refused rows of a job, newest first: rule, reason and original",
          "quarantine orders");
  add_names(quarantine, line, "JOB", 1, "The job");
  add_limit(quarantine, line, "How many rows; default: 20");
  quarantine
      ->add_option("--export", line.export_file,
                   "Write all of them, with their raw bytes, into a .csv, .jsonl or .parquet file")
      ->type_name("FILE");
  CLI::App* query = add(app, line, "query", "Ask a warehouse a question in SQL",
                        "query warehouse \"select count(*) from orders\"");
  // Two words in one list; CLI11 would print their type behind.
  add_names(query, line, "CONNECTION SQL", 2,
            "The name of a connection, then one SELECT in quotes");
}

void add_run_options(CLI::App* command, Arguments& arguments) {
  command->add_flag("--allow-empty", arguments.line.allow_empty,
                    "Let an empty or shrunken source replace the rows of a `load: full` table");
  command
      ->add_option("--wait", arguments.wait,
                   "How long to wait while another process owns the project; default: not at all")
      ->type_name("DURATION");
}

void add_commands_that_run(CLI::App& app, Arguments& arguments) {
  CommandLine& line = arguments.line;
  CLI::App* run = add(app, line, "run",
                      "Run jobs, one run each: read what is new and load it. A job with nothing "
                      "new is skipped.",
                      "run orders customers");
  add_names(run, line, "JOB", 0, "The jobs; or --all");
  run->add_flag("--all", line.all, "Every enabled job, each after the jobs its `after` names");
  run->add_flag("--full", line.full, "Read everything again, whatever is loaded");
  add_run_options(run, arguments);
  CLI::App* replay = add(app, line, "replay",
                         "Load again what a run staged, with the job as it is now; its source is "
                         "not read. Goes on where `stop_above` stopped a run.",
                         "replay RUN, with an id that `tidemark runs` lists");
  add_names(replay, line, "RUN", 1, "The run's id");
  add_run_options(replay, arguments);
}

void add_commands_about_files(CLI::App& app, CommandLine& line) {
  CLI::App* init = add(app, line, "init", "Make a small project that runs", "init my-project");
  add_names(init, line, "DIR", 0, "The folder to make; default: the project's folder")
      ->expected(0, 1);
  CLI::App* schema =
      add(app, line, "schema", "Print the JSON Schema of the project's files, for editors",
          "schema job > job.schema.json");
  add_names(schema, line, "KIND", 0, "`job` (default): jobs/*.yaml; `project`: tidemark.yaml")
      ->expected(0, 1)
      ->check(CLI::IsMember({"job", "project"}));
  schema
      ->add_option("--docs", line.docs,
                   "Write the whole reference (pages and schemas) into this folder instead")
      ->type_name("DIR");
  add(app, line, "version", "Print the versions of Tidemark and of its engine", "version --json");
}

std::unique_ptr<CLI::App> make_parser(Arguments& arguments) {
  auto app = std::make_unique<CLI::App>(
      "Tidemark moves data from operational systems into analytical stores, and proves that "
      "nothing was lost.",
      "tidemark");
  app->require_subcommand(1);
  app->set_version_flag("--version", "tidemark " + std::string(version_text));
  app->footer(
      "Start with `tidemark init DIR`. `tidemark COMMAND --help` says more of each command.\n" +
      exit_code_line());
  add_commands_about_files(*app, arguments.line);
  add_commands_that_look(*app, arguments.line);
  add_commands_that_run(*app, arguments);
  return app;
}

}  // namespace

std::vector<CommandHelp> command_helps() {
  CommandLine line;
  Arguments arguments{line};
  const auto app = make_parser(arguments);
  std::vector<CommandHelp> helps{{"", app->help()}};
  for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; }))
    helps.push_back({command->get_name(), command->help()});
  return helps;
}

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
  Arguments arguments{line};
  const auto parser = make_parser(arguments);
  CLI::App& app = *parser;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem, std::cout, std::cerr);
    if (code == 0) return exit_done;
    std::vector<std::string> words;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
      words.push_back(command->get_name());
    }
    if (argc > 1 && line.command.empty()) {
      if (auto near = nearest_word(argv[1], words); near && *near != argv[1]) {
        std::cerr << "Did you mean `tidemark " << *near << "`?\n";
      }
    }
    return exit_fault;
  }
  auto duration = arguments.wait == "0ms"
                      ? Result<std::chrono::milliseconds>(std::chrono::milliseconds(0))
                      : parse_duration(arguments.wait);
  if (!duration.ok()) {
    std::cerr << "tidemark: --wait: " << duration.error().message << "; " << duration.error().hint
              << "\n";
    return exit_fault;
  }
  line.wait = *duration;
  return std::nullopt;
}

}  // namespace tidemark

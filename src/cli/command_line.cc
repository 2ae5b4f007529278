#include <CLI/CLI.hpp>

#include <iostream>

#include "base/nearest.h"
#include "base/units.h"
#include "base/version.h"
#include "cli/commands.h"

namespace tidemark {

namespace {

void add_common(CLI::App& command, CommandLine& line) {
  command.add_option("--project", line.project, "The project's folder (default: this one)");
  command.add_flag("--json", line.json,
                   "One JSON document on stdout; words for people go to stderr");
  command.add_flag("--quiet", line.quiet, "No progress");
}

CLI::App* add(CLI::App& app, CommandLine& line, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&line, name] { line.command = name; });
  add_common(*command, line);
  return command;
}

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
  CLI::App app(
      "Tidemark moves data from operational systems into analytical stores and proves that nothing "
      "was lost.",
      "tidemark");
  app.require_subcommand(1);
  app.set_version_flag("--version", "tidemark " + std::string(version_text));
  std::string wait = "0ms";

  CLI::App* init = add(app, line, "init", "Write a small project that runs");
  init->add_option("DIR", line.names, "The folder to make (default: this one)")->expected(0, 1);
  add(app, line, "validate",
      "Check every file of the project: each fault with its place and what to write");
  CLI::App* plan = add(app, line, "plan",
                       "Show what a run would do: window, SQL, DDL, guarantee; touches nothing");
  plan->add_option("JOB", line.names, "The job")->required()->expected(1);
  CLI::App* run = add(app, line, "run", "Run jobs, one run each");
  run->add_option("JOB", line.names, "The jobs");
  run->add_flag("--all", line.all, "Every enabled job, after the jobs it names in `after`");
  run->add_flag("--full", line.full, "Read everything again, whatever is loaded");
  run->add_flag("--allow-empty", line.allow_empty,
                "Let an empty or shrunken source replace a full target");
  run->add_option("--wait", wait,
                  "How long to wait while another process owns the project, e.g. 30s");
  CLI::App* runs = add(app, line, "runs", "The history of runs, newest first");
  runs->add_option("JOB", line.names, "Only this job")->expected(0, 1);
  runs->add_option("--limit", line.limit, "How many")->check(CLI::Range(1, 1000));
  CLI::App* show = add(app, line, "show", "One run whole: steps, counts, windows, errors");
  show->add_option("RUN", line.names, "The run's id")->required()->expected(1);
  CLI::App* quarantine = add(app, line, "quarantine", "What was refused of a job's rows, and why");
  quarantine->add_option("JOB", line.names, "The job")->required()->expected(1);
  quarantine->add_option("--limit", line.limit, "How many rows to show")
      ->check(CLI::Range(1, 1000));
  CLI::App* query = add(app, line, "query", "Look into a warehouse");
  query->add_option("CONNECTION SQL", line.names, "The connection, then one SELECT")
      ->required()
      ->expected(2);
  CLI::App* schema =
      add(app, line, "schema", "The JSON Schema of the project's files, for editors");
  schema
      ->add_option("KIND", line.names,
                   "`job` (default) for jobs/*.yaml, `project` for tidemark.yaml")
      ->expected(0, 1)
      ->check(CLI::IsMember({"job", "project"}));
  schema->add_option("--docs", line.docs, "Write the reference pages into this folder instead");
  add(app, line, "version", "The version of Tidemark and of its engine");

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
  auto duration = wait == "0ms" ? Result<std::chrono::milliseconds>(std::chrono::milliseconds(0))
                                : parse_duration(wait);
  if (!duration.ok()) {
    std::cerr << "tidemark: --wait: " << duration.error().message << "; " << duration.error().hint
              << "\n";
    return exit_fault;
  }
  line.wait = *duration;
  return std::nullopt;
}

}  // namespace tidemark

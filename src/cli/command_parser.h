// The commands and options of the program, as the parser knows them, with their help texts.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace tidemark {

// What the parser writes into while it reads the arguments.
struct Arguments {
  CommandLine& line;
  std::string wait = "0ms";
  std::string budget;
  std::string drain;
  std::string rate_share = "50%";
  std::string expires;
  std::string lasts;
  std::vector<std::string> log_levels;
  std::string connection;
  std::string sql;
};

// One command: `about` is one line of the list of commands; `more` stands at the end of the
// command's own help.
struct CommandText {
  const char* name;
  const char* about;
  const char* more = "";
  const char* example;
};
// `app` is the program, or a group of commands such as `stage`.
CLI::App* add_command(CLI::App& app, CommandLine& line, const CommandText& text);
void add_limit(CLI::App* command, CommandLine& line, const char* help);

// `job`.
void add_commands_of_jobs(CLI::App& app, Arguments& arguments);
// `alert`.
void add_commands_of_alerts(CLI::App& app, Arguments& arguments);
// `token` and `audit`; `secret`.
void add_commands_of_access(CLI::App& app, Arguments& arguments);
void add_commands_of_secrets(CLI::App& app, CommandLine& line);

void add_report(CLI::App& app, CommandLine& line);

void add_quarantine(CLI::App& app, Arguments& arguments);

// `arguments` must outlive it: parsing writes there.
std::unique_ptr<CLI::App> make_parser(Arguments& arguments);

}  // namespace tidemark

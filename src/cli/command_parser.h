// The commands and options of the program, as the parser knows them, with their help texts.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"

namespace tidemark {

// What the parser writes into while it reads the arguments.
struct Arguments {
  CommandLine& line;
  std::string wait = "0ms";
  std::string budget;
  std::string drain;
  std::string rate_share = "50%";
  std::string connection;
  std::string sql;
};

// `arguments` must outlive it: parsing writes there.
std::unique_ptr<CLI::App> make_parser(Arguments& arguments);

}  // namespace tidemark

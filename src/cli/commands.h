// The commands of the `tidemark` binary: thin, they print what the layers below did.
//
// One call per process, from the main thread. Exit codes: 0 done; 1 a run failed; 2 a fault in the
// files or the usage; 3 blocked by a guard or busy, waiting for a person; 130 cancelled.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "run/workspace.h"

namespace tidemark {

struct CommandLine {
  std::string command;
  std::filesystem::path project = ".";
  bool json = false;
  bool quiet = false;
  std::vector<std::string> names;  // jobs, a run, or connection and SQL
  bool all = false;
  bool full = false;
  bool allow_empty = false;
  std::chrono::milliseconds wait{0};
  int limit = 20;
  std::string docs;  // `schema --docs DIR`
};

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_fault = 2;
inline constexpr int exit_blocked = 3;
inline constexpr int exit_cancelled = 130;

int run_command(const CommandLine& line, const Surroundings& around, Cancel& cancel);

// Parses the arguments; prints help or a usage fault itself. Returns an exit code when the program
// is to end.
std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line);

}  // namespace tidemark

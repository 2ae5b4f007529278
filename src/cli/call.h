// Call: one command as it was asked for, and how every command opens the project, prints and ends.
// For this folder only.
#pragma once

#include <memory>
#include <string>

#include "cli/commands.h"
#include "drivers/json/json.h"

namespace tidemark {

struct Call {
  const CommandLine& line;
  const Surroundings& around;
  Cancel& cancel;
};

// To stdout.
void print(const std::string& text);
void print_json(const JsonValue& json);

// Prints the error and returns its exit code.
int fail(const Call& call, const Error& error);

// Opens the project and ends the command where its files have faults.
Result<std::unique_ptr<Workspace>> open_good(const Call& call);

}  // namespace tidemark

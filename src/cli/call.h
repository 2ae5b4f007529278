// Call: one command as it was asked for, and how every command opens the project, prints and ends.
// For this folder only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "drivers/json/json.h"

namespace tidemark {

struct Call {
  const CommandLine& line;
  const Surroundings& around;
  Cancel& cancel;
  Output& output;

  void print(std::string_view text) const { output.out(text); }
  void print_json(const JsonValue& json) const;
  // Words for people beside what was asked for.
  void tell(std::string_view text) const { output.err(text); }
};

// Prints the error and returns its exit code.
int fail(const Call& call, const Error& error);

// Opens the project and ends the command where its files have faults.
Result<std::unique_ptr<Workspace>> open_good(const Call& call);

// The connections that the command line names; all where it names none.
Result<std::vector<const ConnectionSpec*>> connections_named(const Call& call,
                                                             const Workspace& workspace);

}  // namespace tidemark

// The commands of the `tidemark` binary: thin, they print what the layers below did.
//
// One call per process, from the main thread; a service takes them from several. Exit codes: 0
// done; 1 a run failed; 2 a fault in the files or the usage; 3 blocked by a guard or busy, waiting
// for a person; 130 cancelled.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "cli/output.h"
#include "observe/log.h"
#include "run/workspace.h"

namespace tidemark {

struct CommandLine {
  std::string command;  // of a group: `stage list`
  std::filesystem::path project = ".";
  bool json = false;
  bool quiet = false;
  std::vector<std::string> names;  // jobs, a run, or connection and SQL
  bool all = false;
  bool full = false;
  bool quarantined = false;
  bool as_it_was = false;
  std::string column = "tidemark_xid";  // of `source prepare`
  bool apply = false;
  std::optional<std::string> to;  // of a replay: a connection; nothing: the job's own target
  bool allow_empty = false;
  bool same_source = false;
  bool accept_drift = false;
  bool accept_deletes = false;
  bool sweep = false;
  bool in_quiet_hours = false;
  std::chrono::milliseconds wait{0};
  bool repair = false;                              // `verify --repair`
  std::optional<std::chrono::milliseconds> budget;  // `verify --budget`
  int limit = 20;
  std::chrono::milliseconds drain{30'000};  // of `serve`
  std::string role = "all";                 // of `serve`: or `scheduler`, `worker`
  std::string token_role = "viewer";        // of `token create`
  std::vector<std::string> token_jobs;      // of `token create`; empty: all
  std::optional<std::chrono::milliseconds> expires{std::chrono::hours(90 * 24)};  // nothing: never
  std::string alert_job;               // of `alert silence`; empty: all
  std::string reason;                  // of `alert silence`
  std::chrono::milliseconds lasts{0};  // of `alert silence`
  std::vector<std::string> labels;     // of `serve`
  std::optional<std::string> listen;   // of `serve`
  LogWish log;                         // of `serve` and `run`
  std::string from_time;               // of `schedule`
  std::string to_time;
  std::string week;                       // of `report`
  std::string job_pattern;                // of `report`; empty: all
  std::optional<std::string> from_store;  // of `store migrate`; nothing: what tidemark.yaml says
  std::optional<std::string> to_store;
  std::optional<std::string> schema;
  std::optional<std::string> by;  // of `backfill`
  std::string order = "oldest";
  std::string from_stage = "never";
  double rate_share = 0.5;
  bool dry_run = false;
  bool detach = false;                 // of `backfill`
  std::optional<bool> downstream;      // of `backfill`; nothing: not said
  bool watch = false;                  // `status --watch`
  bool gone = false;                   // `stage clean --gone`
  std::string docs;                    // `schema --docs DIR`
  std::string export_file;             // `quarantine --export FILE`
  std::vector<std::string> row_ids;    // of `replay --quarantined`; empty: all
  std::vector<std::string> row_sets;   // of `quarantine edit`: COLUMN=VALUE
  std::vector<std::string> row_nulls;  // of `quarantine edit`: columns
  std::string row_values;              // the same as a JSON object
  std::string row_version;             // of `quarantine edit`; empty: whichever
  std::string by_whom;                 // of `quarantine edit`; empty: this process's user
  std::string backup_file;             // of `backup` and `restore`
  bool replace = false;                // of `restore`
  bool keep_tokens = false;            // of `restore`
};

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_fault = 2;
inline constexpr int exit_blocked = 3;
inline constexpr int exit_cancelled = 130;

struct ExitCode {
  int code;
  const char* brief;    // for --help
  const char* meaning;  // for the reference page
};
inline constexpr std::array<ExitCode, 5> exit_codes{{
    {exit_done, "done", "Done. A run that found nothing new is done too."},
    {exit_failed, "a run failed",
     "A run failed, or a command could not do what it was asked. Nothing of a failed window is "
     "loaded, and its watermark stays."},
    {exit_fault, "a fault in the files or the usage",
     "A fault of the user: in the project's files, the command line, or what a job asks for."},
    {exit_blocked, "waiting for a person",
     "A guard blocked a run (an empty source, too many refused rows, too weak a guarantee), or "
     "another process owns the project. A person decides."},
    {exit_cancelled, "cancelled", "Cancelled (Ctrl-C). The watermark stays."},
}};

int run_command(const CommandLine& line, const Surroundings& around, Cancel& cancel,
                Output& output);
// Whether a service that owns the project does this command.
bool goes_to_service(const std::string& command);
// The exit code of a command that a service did for this process; nothing where this process is to
// do it itself.
std::optional<int> ask_service(const CommandLine& line, int argc, char** argv, Cancel& cancel,
                               Output& output);

// Parses the arguments; prints help or a usage fault itself. Returns an exit code when the program
// is to end.
std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line, Output& output);

// What `--help` prints, for the reference page: first of the program, then of each command.
struct CommandHelp {
  std::string name;  // empty for the program
  std::string text;
};
std::vector<CommandHelp> command_helps();

}  // namespace tidemark

// One refused row of a job: what is known of it, and how it is edited.
//
// An edit is a transaction of the target, under the job's lease and with a fence of its own, as a
// load is: a run and an edit of the same row come one after the other. It stands beside the row in
// tidemark_quarantine (quality/row_edits.h), and a replay of refused rows loads the row with it.
// Functions; they block on the target, and an edit on the store too. Any thread, each call with its
// own connections.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "quality/row_edits.h"
#include "run/runner.h"

namespace tidemark {

struct RefusedRow {
  // An edit as it was made.
  struct Edit {
    std::int64_t number = 0;
    std::string by;
    std::string at;
    std::vector<EditedValue> values;  // with those of the edits before it
  };
  // A replay that refused it again.
  struct Try {
    std::string run;
    std::string at;
    std::string rule;
    std::optional<std::string> column;
    std::string message;
  };

  std::string id;
  StreamId stream;
  std::string run;  // that refused it
  Seq seq;
  std::string rule;
  std::optional<std::string> column;
  std::string message;
  std::string locator;
  std::optional<std::string> payload;  // a JSON object of exact texts
  std::optional<std::string> raw;      // bytes, those that are no ASCII as \xAB
  std::string refused_at;
  std::optional<std::string> row_key;
  std::optional<std::string> resolved_at;
  std::optional<std::string> resolution;
  std::vector<Edit> edits;         // oldest first
  std::vector<Try> tries;          // oldest first
  std::optional<Schema> staged;    // its columns, as long as its stage is there
  std::optional<Error> untouched;  // why it cannot be edited; nothing: it can

  // `open`, or the first word of what settled it: `loaded`, `superseded`.
  std::string state() const;
  // Another one with every edit and try, and when it is settled.
  std::string version() const;
};

// What looking takes; all of it outlives the call.
struct RowParts {
  const ProjectSpec& project;
  const ConnectorRegistry& connectors;
  duck::Engine& engine;
  Files& files;
  bool read_only = true;  // nothing is created, not even a warehouse's empty file
};

// `stopped` are the files beside stages of a run that `stop_above` stopped. `user.no_row` where the
// job has none of that id.
Result<RefusedRow> find_refused_row(const RowParts& parts, const JobSpec& job,
                                    const std::string& id,
                                    const std::vector<std::filesystem::path>& stopped,
                                    Cancel& cancel);

// The newest edit of each open row of the job, and what the tries of one said.
Result<std::vector<RowEdit>> newest_row_edits(const RowParts& parts, const JobSpec& job,
                                              Cancel& cancel);

struct RowEditRequest {
  std::string row;  // its id
  std::vector<EditedValue> values;
  std::string by;
  std::optional<std::string> of;     // RefusedRow::version(); nothing: whichever
  std::chrono::milliseconds wait{};  // for a run of the job
};
constexpr std::int64_t row_edits_max = 100;

// The row as it is then. `user.row_changed` where it is another version by now, `user.row_closed`
// where it is settled, `user.row_*` where rows of its kind take no edit, `user.key_column` for a
// column that tells whose row it is, `user.no_column`, `user.bad_value`; `run.leased` while the job
// runs.
Result<RefusedRow> edit_refused_row(const RunnerParts& parts, const JobSpec& job,
                                    const std::vector<std::filesystem::path>& stopped,
                                    const RowEditRequest& request, Cancel& cancel);

}  // namespace tidemark

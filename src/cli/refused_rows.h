// RefusedRows: the open refused rows of a job, wherever they stand: in its target's
// tidemark_quarantine, and beside the stage of a last run that `stop_above` stopped.
//
// Looks only. Made by a command, used from its thread, lives no longer than the Workspace.
#pragma once

#include <memory>
#include <string>

#include "drivers/duckdb/engine.h"
#include "run/workspace.h"

namespace tidemark {

class RefusedRows {
 public:
  static Result<RefusedRows> find(Workspace& workspace, const JobSpec& job, Cancel& cancel);

  Result<std::int64_t> count();
  // The newest first: rule, column_name, message, locator, payload, stream, run_id, refused_at, id.
  Result<duck::Answer> newest(int limit);
  // All of them, with `raw` too, as CSV, JSON lines or Parquet by the file's ending. Returns how
  // many; `user.export_format` for another ending.
  Result<std::int64_t> write(const std::string& file);

 private:
  RefusedRows(std::unique_ptr<duck::Connection> engine, std::string relation)
      : engine_(std::move(engine)), relation_(std::move(relation)) {}
  std::unique_ptr<duck::Connection> engine_;
  std::string relation_;  // a SELECT with the columns of quarantine_schema()
};

}  // namespace tidemark

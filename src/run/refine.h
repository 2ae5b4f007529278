// refine: from staged rows to the rows a target takes and the rows it refuses.
//
// Transform steps, then rules, then one version per key; all of it SQL in the run's engine
// connection, pure and repeatable. Blocking.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "connect/sink.h"
#include "env/clock.h"
#include "env/files.h"
#include "plan/plan.h"
#include "stage/stage.h"

namespace tidemark {

// The rows of one load, as they stand in one stage, or the refused rows of several.
struct StagedRows {
  std::string relation;  // a SELECT of the plan's input columns and the address of each row
  std::string rejects;   // Stage::rejects_sql(); empty where nothing was refused at extract
  RowCount rows;
  RowCount rejected;  // at extract
  std::string checksum;
  std::optional<std::filesystem::path> dir;  // of the one stage
  std::vector<std::string> never_null = {};  // columns known to hold no NULL
};
StagedRows rows_of(const Stage& stage);

struct RefineInput {
  const StreamPlan& plan;
  const StagedRows& staged;
  // Of earlier loads of the stream: superseded_rows(), or of rows that are tried again
  // tried_rows().
  const StagedTable& open_refused;
  const JobSpec& job;
  const RunId& run;
  const Clock& clock;
  std::string found_at;            // as Removal::found_at
  bool steps_refuse_none = false;  // as in TransformInput
};

struct Refined {
  StagedTable good;       // with plan.target.schema
  StagedTable refused;    // with quarantine_schema(), those of the extraction included; of rows
                          // that are tried again refused_again()
  StagedTable closed;     // with closed_schema(): refused rows that this load answers for
  RowCount rows_refused;  // those of `refused`, or tried again and refused again
  StagedTable gone;       // with the key's columns: rows that the source has deleted, by a column
  RowCount rows_deleted;  // of the window, which are not loaded for that
  std::int64_t rows_changed = 0;  // rows that steps added (+) or dropped and merged (-)
  std::string message;            // counts per step, for the run's event
  std::optional<Error> blocked;   // `stop_above` was passed
  bool alert = false;             // `alert_above` was passed
};

Result<Refined> refine(const RefineInput& input, duck::Connection& engine, Cancel& cancel);

// A blocked run commits nothing, so the rows it refused are kept beside its stage, for people to
// see.
Status keep_refused(const StagedTable& refused, const std::filesystem::path& stage_dir,
                    duck::Connection& engine, Files& files);

}  // namespace tidemark

// Planner: (project, job, target ledger, schemas) -> JobPlan. Reads systems, changes nothing in
// them.
//
// Made for one run on its own engine connection; blocking. What cannot be planned is an Error that
// names the column, table or rule and what to write instead.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "connect/registry.h"
#include "drivers/duckdb/engine.h"
#include "env/files.h"
#include "plan/plan.h"
#include "quality/row_edits.h"
#include "spec/project_spec.h"
#include "store/store.h"

namespace tidemark {

struct PlanOptions {
  bool full = false;         // read everything again
  bool allow_empty = false;  // an empty or shrunken source may replace a full target
  RunId run;
  bool read_only = false;       // `plan`: creates nothing, not even a warehouse's empty file
  bool same_source = false;     // a person says that a source that looks like another is the one
  bool in_quiet_hours = false;  // a person says that it may be read now
  bool accept_drift = false;    // a person has seen how the source's columns differ
  bool accept_deletes = false;  // a person has seen how many rows are gone from the source
  bool sweep = false;           // a person wants all keys compared now
  // Of a backfill: what it may take of the rate of the source's guard; nothing: all.
  std::optional<double> rate_share = {};
};

// What a backfill can be cut from: the watermarks of a job's streams.
struct BackfillBounds {
  CursorShape shape = CursorShape::instant;
  std::vector<std::string> watermarks;  // of the streams, as the source writes them
  std::vector<StreamName> left_out;     // streams that nothing is loaded of yet
  bool has_rate = false;                // the source's guard has one
};

// One part of it, as CursorShape says that values are written.
struct BackfillRange {
  std::string backfill;  // stands in the name of the load
  std::string lo;
  std::string hi;
  FromStage from_stage = FromStage::never;
};

// Which open refused rows are tried again, and as what.
struct RefusedChoice {
  std::vector<std::string> rows;  // their ids; none: all that are open
  std::vector<RowEdit> edits;     // of the job's rows, the newest of each
};

// What a Planner works with; all of it outlives the Planner.
struct PlannerParts {
  const ProjectSpec& project;
  const ConnectorRegistry& connectors;
  duck::Connection& engine;
  Files& files;
  // For what sources remember; null: they plan without, and may see less far. Opening the store
  // writes to its file, and a person who only looks changes nothing.
  Store* store;
  Guards& guards;
};

// A stream that a run left behind, with the stage it sealed, if it did.
struct LeftStream {
  StreamName stream;
  Window window;  // as it was stored
  std::optional<Stage> stage;
};

// A stream whose source is open, as Planner::meet_drift looks at it.
struct DriftInput {
  const JobSpec& job;
  const std::string& stream;
  const std::optional<Schema>& known;  // what the last window carried, where the ledger knows it
  Source& source;
  Sink& sink;
  const Progress& progress;
  const PlanOptions& options;
};

class Planner {
 public:
  explicit Planner(const PlannerParts& parts)
      : project_(parts.project),
        connectors_(parts.connectors),
        engine_(parts.engine),
        files_(parts.files),
        store_(parts.store),
        guards_(parts.guards) {}

  Result<JobPlan> plan(const JobSpec& job, const PlanOptions& options, Cancel& cancel);
  // The same from stages that an earlier run of the job sealed; no source is opened. A stage whose
  // window is the target's next is loaded as that window; one that is loaded already is loaded
  // again where that doubles nothing. `plan.replay_*` says why not.
  Result<JobPlan> plan_replay(const JobSpec& job, std::vector<Stage> stages,
                              const PlanOptions& options, Cancel& cancel);
  // The same from open refused rows of the job's target, wherever their stages stand; no source is
  // opened. `plan.rows_together` where the job does not take single rows, `user.row_not_open` where
  // one that is asked for is not open.
  Result<JobPlan> plan_refused(const JobSpec& job, const RefusedChoice& choice,
                               const PlanOptions& options, Cancel& cancel);
  // What a run of the job still has to do, after its process died: sealed stages are loaded as the
  // windows they are, the other streams are planned anew. `replays` where the run was a replay.
  Result<JobPlan> plan_rest(const JobSpec& job, std::vector<LeftStream> left, bool replays,
                            const PlanOptions& options, Cancel& cancel);

  // Rows of a window of the past once more, from the source; the watermark stays. An upsert merges
  // them by key; of an append the rows of the target in that range make place. `plan.backfill_*`
  // where neither can be done without doubling or losing a row.
  Result<JobPlan> plan_backfill(const JobSpec& job, const BackfillRange& range,
                                const PlanOptions& options, Cancel& cancel);
  Result<BackfillBounds> backfill_bounds(const JobSpec& job, const PlanOptions& options,
                                         Cancel& cancel);
  // How many rows of the source lie in a range; nothing where it cannot say cheaply.
  Result<std::optional<std::int64_t>> rows_estimated(const JobSpec& job, const BackfillRange& range,
                                                     const PlanOptions& options, Cancel& cancel);

  // Each stream of the job from its beginning to where its last window ended, as a repair would
  // load it; nothing_new where nothing is loaded yet. Sources are not bounded and not split.
  // `verify.files` for sources whose windows are not rows.
  Result<JobPlan> plan_verify(const JobSpec& job, const PlanOptions& options, Cancel& cancel);
  // The source of one of them once more.
  Result<std::unique_ptr<Source>> source_to_verify(const JobSpec& job, const StreamId& id,
                                                   Sink& sink, const PlanOptions& options,
                                                   Cancel& cancel);

 private:
  Result<PreparedStream> plan_past_stream(const JobSpec& job, const StreamSpec& stream,
                                          const StreamId& id, const BackfillRange& range,
                                          Sink& sink, const PlanOptions& options, Cancel& cancel);
  // The rows of a range as the stages of loaded windows have them, in a stage of their own; nothing
  // where they do not have all. `plan` and its source are as plan_past_stream has them.
  Result<std::optional<Stage>> stage_past(const JobSpec& job, const BackfillRange& range,
                                          const StreamPlan& plan, const Source& source, Sink& sink,
                                          const PlanOptions& options, Cancel& cancel);
  Result<PreparedStream> plan_verified_stream(const JobSpec& job, const StreamSpec& stream,
                                              const StreamId& id, Sink& sink,
                                              const PlanOptions& options, Cancel& cancel);
  Status bound_verified(const JobSpec& job, const LedgerRow& head, Source& source, Sink& sink,
                        StreamPlan& plan, Cancel& cancel);
  Result<std::unique_ptr<Source>> open_to_verify(const JobSpec& job, const StreamSpec& stream,
                                                 const StreamId& id, Sink& sink,
                                                 const PlanOptions& options, Cancel& cancel);
  // What all begin with.
  Result<JobPlan> open_target(const JobSpec& job, const PlanOptions& options, Cancel& cancel);
  Result<PreparedStream> plan_stage(const JobSpec& job, Stage stage, Sink& sink,
                                    const PlanOptions& options, Cancel& cancel);
  Result<PreparedStream> plan_refused_stream(const JobSpec& job, const StreamId& id,
                                             std::size_t number, const RefusedChoice& choice,
                                             Sink& sink, const PlanOptions& options,
                                             Cancel& cancel);
  Result<std::vector<StreamSpec>> streams_of(const JobSpec& job, const PlanOptions& options,
                                             Cancel& cancel);
  ConnectorContext context_of(const JobName& job, const std::string& what,
                              const PlanOptions& options);
  // From the columns as staged to the statements of the load.
  Status plan_load(const JobSpec& job, const std::string& stream, StreamPlan& plan, Sink& sink,
                   const PlanOptions& options, Cancel& cancel);
  Result<PreparedStream> plan_stream(const JobSpec& job, const StreamSpec& stream,
                                     bool many_streams, Sink& sink, const PlanOptions& options,
                                     Cancel& cancel, const Window* stored = nullptr);
  // Compares the source's columns with those that the last window carried, and does to the plan
  // what the job's `schema_drift` says: its window, the columns read, the steps before the job's,
  // what the table gets. `blocked.schema_drift`, or StreamPlan::blocked of a plan that is only
  // looked at.
  Status meet_drift(const DriftInput& input, StreamPlan& plan, Cancel& cancel);
  // The same for a stage that stands already, whose source is not asked.
  Status meet_drift_of_stage(const JobSpec& job, Sink& sink, StreamPlan& plan, Cancel& cancel);
  // What plan_load said, in the light of the drift: a column that no longer fits waits for a
  // person.
  Status judge_drift(const DriftInput& input, Status planned, StreamPlan& plan, Cancel& cancel);
  // The changes that concern the job: columns that its steps use or let pass.
  Result<std::vector<ColumnChange>> changes_carried(const JobSpec& job, const Schema& input,
                                                    std::vector<ColumnChange> changes);
  // Where the ledger does not know what was carried: columns of the source that would be loaded,
  // and that the target's table does not have.
  Result<std::vector<ColumnChange>> columns_not_in_table(const DriftInput& input,
                                                         const StreamPlan& plan, Cancel& cancel);
  // Some targets take two names for one that differ in case only.
  static Status check_twins(const DriftInput& input, const std::vector<std::string>& added,
                            const StreamPlan& plan, Cancel& cancel);
  // New columns under `evolve`: those rows may have that were read before are read again.
  Status evolve(const DriftInput& input, const std::vector<std::string>& added, StreamPlan& plan,
                std::string& action, Cancel& cancel);
  // Whether a sweep is due: then the run has something to do.
  Status look_for_sweep(const JobSpec& job, const StreamSpec& stream, bool loaded_before,
                        Sink& sink, const PlanOptions& options, StreamPlan& plan, Cancel& cancel);
  // How deleted rows are known, for a job that asks for it. After the columns are known.
  static Status plan_deletes(const JobSpec& job, StreamPlan& plan);
  // Opens what a sweep that is due reads. `prepared` is planned.
  Status open_keys(const JobSpec& job, const StreamSpec& stream, const PlanOptions& options,
                   PreparedStream& prepared, Cancel& cancel);
  // Makes every table that transforms and rules read known to the engine.
  Status attach_references(const JobSpec& job, const PlanOptions& options, StreamPlan& plan,
                           Cancel& cancel);
  // Of the newest stage, for sources that find types from values, where the ledger does not know.
  std::optional<Schema> pinned_schema(const StreamId& id);

  const ProjectSpec& project_;
  const ConnectorRegistry& connectors_;
  duck::Connection& engine_;
  Files& files_;
  Store* store_;
  Guards& guards_;
};

// The table that a stream loads into; a trial's is in a schema of its own.
std::string table_of(const JobSpec& job, const std::string& stream);
// Stands for what a stream reads: the same connection, table and query have the same.
std::string reads_of(const ConnectionSpec& connection, const SourceSpec& source,
                     const JobSpec& job);
// `blocked.guarantee` where the job asks for a better one.
Status check_guarantee(const JobSpec& job, const WindowBound& bound);
// The columns that the last window of a stream carried; nothing where the ledger does not know.
Result<std::optional<Schema>> carried_columns(const StreamId& id, Sink& sink, Cancel& cancel);
// A single stream is `main` in the ledger; `{table}` of its target is the name the job reads.
std::string name_in_target(const JobSpec& job, const StreamName& stream);
// Streams may share a table on purpose, but not where each would replace the other's rows, nor
// where `{table}` was to keep them apart. `others` come before `plan` in one run.
Status check_own_table(const JobSpec& job, const std::vector<PreparedStream>& others,
                       const StreamPlan& plan);
// `stage:` as a folder; an error for schemes this build has not.
Result<std::filesystem::path> stage_root(const ProjectSpec& project);
// `plan.rows_together` where the steps or the load of the job take rows together, as far as its
// file says it.
Status check_single_rows(const JobSpec& job, duck::Connection& engine);
// The stage that was loaded as window `seq`; nothing where it is gone. `folders` are the stream's.
Result<std::optional<Stage>> loaded_stage(const std::vector<StageFolder>& folders,
                                          const StreamId& id, Seq seq, Sink& sink, Files& files,
                                          Cancel& cancel);
// Below stage_root(): stages of backfills, which go when their part is loaded.
inline constexpr const char* backfill_folder = ".backfill";
// A stage's folder as the store keeps it, and back: relative to the project's folder, so that the
// project may be moved, and looked at from any folder.
std::string kept_stage_dir(const ProjectSpec& project, const std::filesystem::path& dir);
std::filesystem::path found_stage_dir(const ProjectSpec& project, const std::string& kept);

}  // namespace tidemark

// Plan: what one run of a job will do, per stream, found without changing anything.
//
// A StreamPlan is a value, fixed before the first row is read. PreparedStream keeps the open source
// and target beside it, so that the run goes on with the very ones the plan was made from. Owned by
// one run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/connector.h"
#include "plan/schema_drift.h"
#include "quality/rules.h"
#include "quality/versions.h"
#include "spec/job_spec.h"
#include "stage/stage.h"
#include "transform/transform.h"

namespace tidemark {

// Tables of a connection that steps and rules read, `[schema.]table`.
struct TablesRead {
  std::string connection;
  std::vector<std::string> tables;
};

// One difference between the source's columns and those of the load before, and what the job's
// `schema_drift` makes of it.
struct DriftEntry {
  ColumnChange change;
  std::string action;  // for people
};

// Comparing all keys of the source with the target's.
struct SweepPlan {
  bool due = false;
  std::string why;                     // for people: when it was done last, and when it is due
  std::vector<std::string> columns;    // of the source, in the order of the target's key
  std::vector<std::string> held;       // conditions of keys that the target can hold
  std::vector<Split> splits;           // what the source will be asked, where it is due
  std::optional<double> fraction_max;  // as Removal has it
  std::string suspicion;
};

// How rows that are deleted at the source are known.
struct DeletesPlan {
  std::string column;   // as staged; empty: they are not marked in the source
  std::string deleted;  // a condition over the rows as staged
  std::string unclear;  // a condition of rows whose column says neither; empty: it always does
  std::optional<SweepPlan> sweep;
};

struct StreamPlan {
  StreamId id;
  WindowBound bound;
  Seq seq;      // of the window this run will load
  Fence fence;  // of the plan's ledger head; of a run, its token
  LoadKind kind = LoadKind::window;
  bool replaces = false;  // --full of an append: what is read takes the place of all rows
  std::string load_id;
  bool accept_refused = false;  // a person has looked: `stop_above` does not hold it back
  std::string idle_reason;      // what to say when there is nothing to do
  std::vector<Split> splits;    // what the source will be asked
  bool can_go_on = false;       // a read that dies goes on at its last segment, not anew
  Schema input;                 // as staged
  std::vector<DriftEntry> drift;
  std::vector<TransformStep> lead;     // before the job's steps: what drift makes of the rows
  std::optional<std::string> carried;  // for the ledger; nothing where it stays as it is
  // Of a plan that is only looked at: why a run would stop. The rest is not planned then.
  std::optional<Error> blocked;
  CompiledTransform transform;
  CompiledRules rules;            // the job's, then those the target needs (keys, NOT NULL)
  std::vector<TablesRead> reads;  // attached; to be refreshed before the transform
  std::vector<std::shared_ptr<void>> copies;  // of `reads`: they stay as they are as long as this
  std::string reads_what;                     // stands for what the stream reads, for the ledger
  std::optional<DeletesPlan> deletes;
  LoadTarget target;
  std::optional<TargetRange> range;  // of a backfill: these rows of the target make place
  RowKey row_key;                    // of an upsert
  LoadPlan load;
};

// Whether each row as it is read is a row that the load puts into its target, or becomes one by
// steps that need no other, and they are so many that it is worth while to begin while they are
// read: a load of all rows, or the first append, in a run that does not change hands. Not into the
// connection that they come from, whose other readers would wait for our transaction.
bool loads_ahead(const StreamPlan& plan, const JobSpec& job, const ProjectSpec& project);

// What becomes of them on the way. REQUIRES loads_ahead(); outlived by `plan`.
StepsAhead steps_ahead(const StreamPlan& plan);

// The refused rows of one stream that are tried again.
struct TryAgain {
  std::vector<Stage> stages;  // that they stand in
  std::string rows;           // a SELECT of the plan's input columns and an address of each row
  StagedTable open;  // all open refused rows of the stream; segment and row where they are tried
  RowCount count;
  std::string left_out;  // which are not tried, and why; for people
};

struct PreparedStream {
  StreamPlan plan;
  std::unique_ptr<Source> source;  // null where the stage is sealed already
  std::unique_ptr<Source> keys;    // to be read for a sweep; null: none is due
  std::optional<Stage> stage;      // sealed already: of a replay, or of a run that is gone on with
  bool stage_verified = false;
  std::optional<TryAgain> again;  // in the place of source and stage
};

struct JobPlan {
  JobName job;
  Guarantee guarantee = Guarantee::exact;  // the weakest of the streams'
  std::vector<PreparedStream> streams;
  std::unique_ptr<Sink> sink;
};

}  // namespace tidemark

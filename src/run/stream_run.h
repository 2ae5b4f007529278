// StreamRun: one stream of one run, from its stored window to its committed load.
//
// Owned by a Runner, used from its thread. `execute` ends in a final state that the store knows,
// except where the lease was lost, where a COMMIT cannot be resolved now, or where the store cannot
// be told that the load is in; the target is either as before or has the whole window, rows,
// refused rows and watermark together.
#pragma once

#include <optional>
#include <string>

#include "plan/plan.h"
#include "run/hand_over.h"
#include "run/lease.h"
#include "run/refine.h"
#include "run/run_meter.h"
#include "run/runner.h"
#include "stage/stage_writer.h"

namespace tidemark {

class StreamRun {
 public:
  StreamRun(const RunnerParts& parts, const RunId& run, const JobSpec& job,
            PreparedStream& prepared, Sink& sink, duck::Connection& engine, const Lease& lease,
            StreamMark mark, const HandOver* hand_over, RunMeter& meter)
      : parts_(parts),
        run_(run),
        job_(job),
        prepared_(prepared),
        sink_(sink),
        engine_(engine),
        lease_(lease),
        mark_(mark),
        hand_over_(hand_over),
        meter_(meter) {}

  // The Error that ended the stream, when it did not end well; the store has it too. Both halves.
  std::optional<Error> execute(Cancel& cancel);
  // From the last durable state to the sealed stage, or to the end where there is nothing to load.
  std::optional<Error> extract(Cancel& cancel);
  // The rest; nothing happens where extract() came to an end.
  std::optional<Error> load(Cancel& cancel);
  RunState state() const { return mark_.state; }

 private:
  Status take_rows(Cancel& cancel);
  Status load_rows(Cancel& cancel);
  // The Error as the stream ends with it.
  std::optional<Error> outcome(Status reached, Cancel& cancel);
  // A stream that was left behind without a stage that can be used: its new window is stored.
  Status replan();
  // Nothing where the window turned out empty and need not be recorded.
  Result<std::optional<Stage>> read_source(Cancel& cancel);
  // A stage that stands already: its bytes are checked, its counts taken.
  Result<std::optional<Stage>> take_stage(const Stage& stage, Cancel& cancel);
  void count(const Stage& stage);
  Status refresh_tables_read(Cancel& cancel);
  // Refused rows that are tried again: their stages' bytes are checked.
  Result<std::optional<StagedRows>> take_refused(const TryAgain& again, Cancel& cancel);
  Result<std::optional<StagedRows>> find_rows(Cancel& cancel);
  LoadKey load_key() const;
  // The load's transaction with its rows written: those that `ahead` has, or those of the stage
  // where it is null or the target takes them no more.
  Result<std::unique_ptr<LoadTxn>> write(const StagedTable& good, std::unique_ptr<LoadAhead>& ahead,
                                         Cancel& cancel);
  Result<std::unique_ptr<LoadTxn>> write_ahead(const StagedTable& good, LoadAhead& ahead,
                                               Cancel& cancel);
  void show_not_ahead(RunStep step, const Error& error);
  Status load(const StagedRows& staged, Cancel& cancel);
  // The open refused rows of windows before this one that a newer version may answer for.
  Result<StagedTable> older_refused(Cancel& cancel);
  // The error of a run that waits for a person, after keeping what it refused.
  Error blocked(Error error, const Refined& refined, const StagedRows& staged);
  // The keys that the source has now, where a sweep is due.
  Result<std::optional<Removal>> keys_of_source(const std::string& found_at, Cancel& cancel);
  Status take_out(LoadTxn& txn, const std::optional<Removal>& sweep, const Refined& refined,
                  const std::string& found_at, Cancel& cancel);
  Status commit(LoadTxn& txn, const StagedRows& staged);
  // The truth about a COMMIT whose answer was lost; an Error where it is not in.
  Status resolve(LoadTxn& txn, const LoadRow& row);
  Status step(RunState to, const std::string& message,
              const std::optional<Error>& error = std::nullopt);
  void show(RunStep step, std::int64_t rows, std::int64_t bytes, const std::string& message = {});

  const RunnerParts& parts_;
  const RunId& run_;
  const JobSpec& job_;
  PreparedStream& prepared_;
  Sink& sink_;
  duck::Connection& engine_;
  const Lease& lease_;
  StreamMark mark_;
  const HandOver* const hand_over_;  // nothing: the run stays with who began it
  RunMeter& meter_;
  std::optional<StagedRows> staged_;
  std::unique_ptr<LoadAhead> ahead_;  // has the rows of `staged_`
  StreamCounts counts_;
  std::optional<std::string> stage_dir_;
  std::string aside_;  // what the next step tells behind its message
  SweepNote sweep_;
  bool may_be_in_ = false;  // the load, as the target has it; the store does not know yet
};

}  // namespace tidemark

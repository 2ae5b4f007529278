#include "run/stream_run.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/units.h"
#include "connect/key_read.h"
#include "connect/staged_table.h"
#include "drivers/hash/hash.h"
#include "env/process.h"
#include "observe/log.h"
#include "plan/load_id.h"
#include "plan/planner.h"
#include "run/deletions.h"
#include "run/refine.h"
#include "run/split_reads.h"

namespace tidemark {

namespace {

RunState final_state(const Error& error) {
  if (error.code == "run.cancelled") return RunState::cancelled;
  if (error.code.starts_with("blocked.")) return RunState::blocked;
  return RunState::failed;
}

// While a segment is written or read the engine holds it several times over, once for each thread.
std::int64_t segment_bytes_max(const ProjectSpec& project) {
  constexpr std::int64_t memory_share = 10;
  if (project.memory_bytes == 0) return project.segment_bytes;
  return std::min(project.segment_bytes, project.memory_bytes / memory_share);
}

// Everything that decides which rows a read gives, and how they are staged; in which pieces it is
// read is written down with what is staged.
std::string name_of_read(const StreamPlan& plan, const Source& source) {
  std::string text = window_text(plan.bound.window) + "\n" + source.places_depend_on();
  std::set<std::string> asked;
  for (const Split& split : plan.splits)
    asked.insert(split.text);
  for (const std::string& one : asked)
    text += "\n" + one;
  for (const Column& column : plan.input.columns)
    text += "\n" + column.name + " " + sql_name(column.type);
  return sha256_hex(text);
}

// Where a run may change hands, its events say in whose it was.
std::string by_whom(const ProjectSpec& project) {
  return project.stage.shared ? ", by " + name_of_process(this_process()) : "";
}

Supersedes superseded_by(const StreamPlan& plan) {
  return supersedes(plan.target.strategy, plan.kind, !plan.bound.window.lo);
}

}  // namespace

void StreamRun::show(RunStep step, std::int64_t rows, std::int64_t bytes,
                     const std::string& message) {
  parts_.tell(RunEvent{run_, prepared_.plan.id, step, rows, bytes, message});
}

Status StreamRun::step(RunState to, const std::string& message, const std::optional<Error>& error) {
  TM_CHECK(lease_.held());
  Transition transition;
  transition.run = run_;
  transition.stream = prepared_.plan.id.stream;
  transition.expected = mark_;
  transition.to = to;
  transition.counts = counts_;
  transition.stage_dir = stage_dir_;
  transition.error = error;
  transition.message = message + std::exchange(aside_, {});
  transition.used = meter_.take();
  if (to == RunState::planned) {
    const StreamPlan& plan = prepared_.plan;
    transition.replanned = {plan.id.stream, plan.seq, plan.fence, plan.bound.window,
                            plan.bound.memory};
  }
  TM_TRY(mark_, parts_.store.transition(transition));
  const LogFields told{{"stream", transition.stream.get()},
                       {"rows_read", counts_.rows_read.get()},
                       {"rows_loaded", counts_.rows_loaded.get()},
                       {"rows_rejected", counts_.rows_rejected.get()},
                       {"why", transition.message}};
  if (error) {
    process_log().tell_error(LogLevel::debug, LogComponent::run, to_string(to), *error, told);
  } else {
    process_log().tell(LogLevel::debug, LogComponent::run, to_string(to), told);
  }
  return {};
}

std::optional<Error> StreamRun::execute(Cancel& cancel) {
  if (auto error = extract(cancel)) return error;
  return load(cancel);
}

std::optional<Error> StreamRun::extract(Cancel& cancel) {
  return outcome(take_rows(cancel), cancel);
}

std::optional<Error> StreamRun::load(Cancel& cancel) {
  const bool has_rows = staged_ && !is_final(mark_.state);
  return has_rows ? outcome(load_rows(cancel), cancel) : std::nullopt;
}

std::optional<Error> StreamRun::outcome(Status reached, Cancel& cancel) {
  if (reached.ok()) return std::nullopt;
  Error error = std::move(reached).error();
  ahead_.reset();
  // From here on the run may be another's: nothing more is written.
  if (auto held = lease_.held(); !held.ok()) return std::move(held).error();
  // An interrupted statement may report anything; what the person asked for goes first.
  if (cancel.requested() && mark_.state != RunState::committed) error = cancel.check().error();
  // The load may be in, and the store could not be told: the run stays open, and whoever goes on
  // with it asks the ledger.
  if (may_be_in_) return error;
  // What was written and not committed is not loaded, nor taken out.
  if (mark_.state != RunState::committed) counts_.rows_loaded = counts_.rows_deleted = RowCount(0);
  RunState to = final_state(error);
  const bool is_settled = to == RunState::blocked;
  if (!is_settled && staged_ && hand_over_ != nullptr && hand_over_->tries_again(error))
    to = RunState::retry_wait;
  if (!is_final(mark_.state) && can_follow(mark_.state, to)) {
    auto ended = step(to, error.describe(), error);
    if (!ended.ok()) return std::move(ended).error();
  }
  return error;
}

Status StreamRun::replan() {
  if (mark_.state == RunState::staged)
    TM_CHECK(step(RunState::retry_wait, "its stage is not as it was sealed"));
  return step(RunState::planned, "planned again: its process had died before the stage was sealed");
}

Status StreamRun::take_rows(Cancel& cancel) {
  const bool was_left = mark_.state == RunState::retry_wait || mark_.state == RunState::staged;
  if (was_left && !prepared_.stage) TM_CHECK(replan());
  if (prepared_.plan.bound.nothing_new) return step(RunState::skipped, prepared_.plan.idle_reason);
  TM_TRY(staged_, find_rows(cancel));
  return staged_ ? Status() : step(RunState::skipped, prepared_.plan.idle_reason);
}

Status StreamRun::load_rows(Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  TM_CHECK(load(*staged_, cancel));
  // A lost acknowledge costs a later repeat, never a row, so it does not fail a committed load.
  if (prepared_.source && plan.kind == LoadKind::window && plan.bound.window.hi) {
    auto told = prepared_.source->acknowledge(*plan.bound.window.hi);
    if (!told.ok())
      show(RunStep::commit, 0, 0,
           "the source did not take the acknowledge: " + told.error().describe());
  }
  TM_CHECK(step(RunState::done, "done"));
  show(RunStep::done, counts_.rows_loaded.get(), counts_.bytes_staged);
  return {};
}

Result<std::optional<StagedRows>> StreamRun::find_rows(Cancel& cancel) {
  if (prepared_.again) return take_refused(*prepared_.again, cancel);
  TM_TRY(const std::optional<Stage> stage,
         prepared_.stage ? take_stage(*prepared_.stage, cancel) : read_source(cancel));
  if (!stage) return std::optional<StagedRows>();
  return std::optional(rows_of(*stage));
}

Result<std::optional<Stage>> StreamRun::read_source(Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  TM_CHECK(step(RunState::extracting, "reading the window" + by_whom(parts_.project)));
  StageOptions options;
  TM_TRY(options.root, stage_root(parts_.project));
  // A window's own stage has its place.
  if (plan.kind == LoadKind::backfill) options.root /= backfill_folder;
  options.segment_bytes_max = segment_bytes_max(parts_.project);
  options.replaces = plan.replaces;
  const StageKey key{plan.id, plan.seq, plan.fence, run_};
  Source& source = *prepared_.source;
  if (plan.can_go_on) options.read = name_of_read(plan, source);
  std::unique_ptr<LoadAhead> ahead;
  TM_TRY(auto writer,
         StageWriter::create(options, key, plan.input, plan.splits, parts_.files, cancel));
  const std::int64_t before = writer->rows_staged() + writer->rows_rejected();
  std::mutex shows;
  std::int64_t bytes_shown = 0;
  const auto progress = [&](std::int64_t rows, std::int64_t bytes) {
    const std::lock_guard lock(shows);
    // Fewer than before where a piece is read again, which the source then gives twice.
    if (bytes > bytes_shown) meter_.add_read(bytes - bytes_shown);
    bytes_shown = bytes;
    show(RunStep::extract, rows, bytes);
  };
  const auto read_again = [&](const Error& error) {
    const std::lock_guard lock(shows);
    show(RunStep::extract, writer->rows_staged() + writer->rows_rejected(), 0,
         "reading on behind the last segment after: " + error.describe());
  };
  if (before == 0 && loads_ahead(plan, job_, parts_.project))
    ahead = sink_.load_ahead(load_key(), plan.target, steps_ahead(plan));
  if (ahead) writer->send_ahead(*ahead);
  StagedSplits splits(*writer, progress);
  SplitReads reads(source, splits, parts_.engine, read_again, cancel);
  Status read = reads.read(engine_);
  if (!read.ok()) return std::move(read).error().with_context("reading the source");
  TM_CHECK(source.verify(plan.bound.window, cancel));
  const bool sweeps = plan.deletes && plan.deletes->sweep && plan.deletes->sweep->due;
  if (plan.bound.skip_if_empty && !sweeps && writer->rows_staged() + writer->rows_rejected() == 0)
    return std::optional<Stage>();
  show(RunStep::stage, writer->rows_staged(), 0);
  TM_TRY(Stage stage, writer->seal(plan.bound.window));
  count(stage);
  if (writer->is_ahead()) ahead_ = std::move(ahead);
  if (ahead && ahead->failure()) show_not_ahead(RunStep::stage, *ahead->failure());
  TM_CHECK(
      step(RunState::staged,
           show_count(counts_.rows_read.get()) + " rows read" +
               (before > 0 ? ", " + show_count(before) + " of them by a process that died" : "") +
               ", stage sealed"));
  return std::optional(std::move(stage));
}

Result<std::optional<Stage>> StreamRun::take_stage(const Stage& stage, Cancel& cancel) {
  show(RunStep::stage, stage.manifest().rows_staged, 0);
  if (!prepared_.stage_verified) TM_CHECK(stage.verify(HashDepth::xxh3, cancel));
  count(stage);
  if (mark_.state == RunState::staged) return std::optional(stage);  // it came from another's hands
  TM_CHECK(step(RunState::staged, show_count(counts_.rows_read.get()) +
                                      " rows in the stage of run " +
                                      stage.manifest().key.run_id.get()));
  return std::optional(stage);
}

Result<std::optional<StagedRows>> StreamRun::take_refused(const TryAgain& again, Cancel& cancel) {
  std::string checksums;
  for (const Stage& stage : again.stages) {
    show(RunStep::stage, again.count.get(), 0);
    TM_CHECK(stage.verify(HashDepth::xxh3, cancel));
    checksums += stage.checksum() + "\n";
  }
  for (const std::string& note : prepared_.plan.bound.notes)
    show(RunStep::stage, again.count.get(), 0, note);
  counts_.rows_read = counts_.rows_staged = again.count;
  TM_CHECK(
      step(RunState::staged, show_count(again.count.get()) + " refused rows are tried again" +
                                 (again.left_out.empty() ? "" : "; not tried: " + again.left_out)));
  return std::optional(
      StagedRows{again.rows, {}, again.count, RowCount(0), sha256_hex(checksums), {}});
}

void StreamRun::count(const Stage& stage) {
  const Manifest& manifest = stage.manifest();
  TM_ASSERT(manifest.rows_read == manifest.rows_staged + manifest.rows_rejected);
  counts_.rows_read = RowCount(manifest.rows_read);
  counts_.rows_staged = RowCount(manifest.rows_staged);
  counts_.rows_rejected = RowCount(manifest.rows_rejected);
  counts_.bytes_staged = manifest.bytes();
  stage_dir_ = kept_stage_dir(parts_.project, stage.dir());
}

// After the rows are staged, so that a dimension is not older than the rows that refer to it.
Status StreamRun::refresh_tables_read(Cancel& cancel) {
  for (const TablesRead& read : prepared_.plan.reads) {
    const ConnectionSpec& connection = *parts_.project.find_connection(read.connection);
    TM_TRY(const Connector* connector, parts_.connectors.of(connection));
    const ConnectorContext context{
        parts_.project,
        engine_,
        "tidemark " + job_.name.get() + "/" + prepared_.plan.id.stream.get() + " " + run_.get(),
        false,
        &parts_.guards,
        job_.name.get()};
    TM_CHECK(connector->refresh(connection, read.tables, context, cancel));
  }
  return {};
}

Result<StagedTable> StreamRun::older_refused(Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  if (prepared_.again) return prepared_.again->open;
  const StagedTable none = no_staged_rows(open_refused_schema());
  if (plan.row_key.columns.empty() || superseded_by(plan) == Supersedes::all_windows) return none;
  TM_TRY(StagedTable open, sink_.open_refused(plan.id.job, plan.id.stream, cancel));
  if (open.rows.get() == 0) return none;
  // A repair or a backfill brings rows of windows that are in, the newest among them.
  const bool of_the_past = plan.kind == LoadKind::repair || plan.kind == LoadKind::backfill;
  open.relation = "(SELECT * FROM " + open.relation + " WHERE seq " + (of_the_past ? "<= " : "< ") +
                  std::to_string(plan.seq.get()) + ")";
  return open;
}

void StreamRun::show_not_ahead(RunStep step, const Error& error) {
  const std::string told =
      "the target could not take the rows while they were read: " + error.describe();
  show(step, counts_.rows_read.get(), 0, told);
  aside_ = "; " + told;
}

Result<std::unique_ptr<LoadTxn>> StreamRun::write_ahead(const StagedTable& good, LoadAhead& ahead,
                                                        Cancel& cancel) {
  TM_TRY(std::unique_ptr<LoadTxn> txn, ahead.begin(cancel));
  TM_TRY(counts_.rows_loaded, txn->write(good, prepared_.plan.target, cancel));
  if (counts_.rows_loaded == good.rows) return txn;
  return target_error("target.rows_lost",
                      "of " + show_count(good.rows.get()) +
                          " rows that were sent, the target has " +
                          show_count(counts_.rows_loaded.get()),
                      Retry::never);
}

Result<std::unique_ptr<LoadTxn>> StreamRun::write(const StagedTable& good,
                                                  std::unique_ptr<LoadAhead>& ahead,
                                                  Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  if (ahead) {
    auto written = write_ahead(good, *ahead, cancel);
    if (written.ok() || written.error().code.starts_with("blocked.")) return written;
    TM_CHECK(cancel.check());
    show_not_ahead(RunStep::load, written.error());
    ahead.reset();
  }
  TM_TRY(std::unique_ptr<LoadTxn> txn, sink_.begin(load_key(), cancel));
  if (plan.range) {
    // What takes their place need not be as many: rows that are refused now, or merged, go too.
    TM_TRY(const RowCount taken,
           txn->take_out_range(*plan.range, counts_.rows_read, plan.target, cancel));
    show(RunStep::load, counts_.rows_good.get(), 0,
         show_count(taken.get()) + " rows of the part make place");
  }
  TM_TRY(counts_.rows_loaded, txn->write(good, plan.target, cancel));
  return txn;
}

LoadKey StreamRun::load_key() const {
  const StreamPlan& plan = prepared_.plan;
  return {plan.id, plan.seq, plan.fence, run_, plan.kind, plan.load_id};
}

Status StreamRun::load(const StagedRows& staged, Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  std::unique_ptr<LoadAhead> ahead = std::move(ahead_);
  TM_CHECK(cancel.check());
  show(RunStep::transform, counts_.rows_staged.get(), 0);
  TM_CHECK(refresh_tables_read(cancel));
  TM_TRY(const StagedTable older, older_refused(cancel));
  const std::string found_at = found_now(parts_.clock);
  // What steps refuse is not among the rows that were sent.
  const bool steps_refuse_none = ahead && ahead->rows() == staged.rows.get();
  const RefineInput input{plan, staged,       older,    job_,
                          run_, parts_.clock, found_at, steps_refuse_none};
  TM_TRY(Refined refined, refine(input, engine_, cancel));
  counts_.rows_good = refined.good.rows;
  counts_.rows_rejected = refined.rows_refused;
  counts_.rows_deleted = refined.rows_deleted;
  // Each staged row is good, refused, deleted at the source, or counted by the step that dropped,
  // merged or multiplied it.
  TM_ASSERT(counts_.rows_read.get() + refined.rows_changed ==
            counts_.rows_good.get() + counts_.rows_rejected.get() + counts_.rows_deleted.get());
  show(RunStep::validate, counts_.rows_good.get(), 0, refined.message);
  // What a repair's rules refuse stands in quarantine by the window it came with.
  if (plan.kind == LoadKind::repair) {
    refined.refused = no_staged_rows(quarantine_schema());
    refined.blocked.reset();
    counts_.rows_rejected = RowCount(0);
  }
  // They stand in the stage of no window, and are not looked for there.
  if (plan.kind == LoadKind::backfill && refined.refused.rows.get() > 0)
    refined.refused.relation =
        "(SELECT * REPLACE (0::BIGINT AS seq) FROM " + refined.refused.relation + ")";
  TM_CHECK(step(RunState::checked, refined.message));
  if (refined.blocked) return blocked(*refined.blocked, refined, staged);
  // Rows that rules refused, or that are gone from the source, were sent; then it comes from the
  // stage.
  if (ahead && ahead->rows() != refined.good.rows.get()) ahead.reset();
  TM_CHECK(step(RunState::loading,
                "loading into " + plan.target.table + by_whom(parts_.project) +
                    (ahead ? ", which has the rows since they were read" : std::string())));
  TM_TRY(const std::optional<Removal> sweep, keys_of_source(found_at, cancel));
  show(RunStep::load, counts_.rows_good.get(), 0);
  std::unique_ptr<LoadTxn> txn;
  const auto stopped = [&](Error error) {
    txn.reset();  // rolled back before anything else is asked of the engine
    return error.code.starts_with("blocked.") ? blocked(std::move(error), refined, staged) : error;
  };
  auto written = write(refined.good, ahead, cancel);
  if (!written.ok()) return stopped(std::move(written).error());
  txn = std::move(*written);
  if (counts_.rows_loaded != counts_.rows_good) {
    return internal_error("run.count_mismatch",
                          "the target took " + std::to_string(counts_.rows_loaded.get()) + " of " +
                              std::to_string(counts_.rows_good.get()) +
                              " rows; the load was rolled back");
  }
  if (auto taken = take_out(*txn, sweep, refined, found_at, cancel); !taken.ok())
    return stopped(std::move(taken).error());
  TM_CHECK(txn->quarantine(refined.refused, superseded_by(plan), cancel));
  if (refined.closed.rows.get() > 0) TM_CHECK(txn->close_refused(refined.closed, cancel));
  TM_CHECK(cancel.check());
  show(RunStep::commit, counts_.rows_good.get(), 0);
  return commit(*txn, staged);
}

Result<std::optional<Removal>> StreamRun::keys_of_source(const std::string& found_at,
                                                         Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  sweep_.reads = plan.reads_what;
  // A stage that was sealed before may hold rows that the source has deleted since.
  if (!prepared_.source && plan.target.strategy == LoadStrategy::upsert)
    sweep_.kind = SweepNote::Kind::due;
  // A new table has nothing but what this window has.
  if (prepared_.source && !plan.target.was_there && plan.deletes && plan.deletes->sweep)
    sweep_.kind = SweepNote::Kind::swept;
  if (!prepared_.keys) return std::optional<Removal>();
  prepared_.source->rest();
  show(RunStep::load, counts_.rows_good.get(), 0, "reading the keys of the source");
  const SweepPlan& planned = *plan.deletes->sweep;
  const KeyRead read{planned.columns, Schema{plan.row_key.columns, {}}, plan.deletes->deleted,
                     planned.held};
  auto keys = read_keys(*prepared_.keys, plan.input, read, engine_, cancel);
  if (!keys.ok()) return std::move(keys).error().with_context("reading the keys of the source");
  return std::optional(Removal{Removal::Rows::without_keys, std::move(*keys), found_at,
                               planned.fraction_max, planned.suspicion});
}

Status StreamRun::take_out(LoadTxn& txn, const std::optional<Removal>& sweep,
                           const Refined& refined, const std::string& found_at, Cancel& cancel) {
  const StreamPlan& plan = prepared_.plan;
  if (refined.gone.rows.get() > 0) {
    TM_TRY([[maybe_unused]] const RowCount gone,
           txn.remove({Removal::Rows::with_keys, refined.gone, found_at}, plan.target, cancel));
  }
  if (!sweep) return {};
  TM_TRY(sweep_.gone, txn.remove(*sweep, plan.target, cancel));
  sweep_.kind = SweepNote::Kind::swept;
  counts_.rows_deleted = RowCount(counts_.rows_deleted.get() + sweep_.gone.get());
  show(RunStep::load, counts_.rows_good.get(), 0,
       "swept: " + show_count(sweep->keys.rows.get()) + " keys in the source, " +
           show_count(sweep_.gone.get()) + " rows gone from it");
  return {};
}

Error StreamRun::blocked(Error error, const Refined& refined, const StagedRows& staged) {
  if (refined.refused.rows.get() == 0 || !staged.dir) return error;
  if (refined.good.rows.get() == 0) {
    error.message = "all " + show_count(refined.refused.rows.get()) +
                    " rows read were refused, so " + prepared_.plan.target.table +
                    " was left as it is";
    error.hint = "look at `tidemark quarantine " + job_.name.get() + "`, mend the source or " +
                 job_.file + " and run again";
  }
  auto kept = keep_refused(refined.refused, *staged.dir, engine_, parts_.files);
  return kept.ok() ? error : std::move(kept).error();
}

Status StreamRun::commit(LoadTxn& txn, const StagedRows& staged) {
  const StreamPlan& plan = prepared_.plan;
  const LoadRow row{plan.load_id,
                    plan.kind,
                    plan.seq,
                    run_,
                    plan.bound.window,
                    counts_.rows_loaded,
                    counts_.rows_rejected,
                    staged.checksum,
                    plan.carried,
                    sweep_};
  TM_CHECK(lease_.held());
  meter_.add_written(txn.bytes_sent());
  TM_TRY(const CommitOutcome outcome, txn.commit(row));
  may_be_in_ = true;
  if (outcome == CommitOutcome::unknown) TM_CHECK(resolve(txn, row));
  std::string done =
      outcome == CommitOutcome::committed ? "committed" : std::string("found in the ledger");
  if (prepared_.keys) done += ", swept: " + show_count(sweep_.gone.get()) + " rows were gone";
  Status told = step(RunState::committed, done);
  if (!told.ok()) {
    return std::move(told).error().with_context(
        "the load is in the target, and the store could not be told; the next run finds it there");
  }
  may_be_in_ = false;
  if (plan.kind == LoadKind::window && plan.bound.window.hi) {
    TM_CHECK(parts_.store.set_last_watermark(job_.name, plan.bound.window.hi->text));
  }
  return {};
}

Status StreamRun::resolve(LoadTxn& txn, const LoadRow& row) {
  TM_CHECK(step(RunState::commit_unknown, "the answer to COMMIT was lost; asking the target"));
  Cancel never;
  auto there = txn.resolve(row, never);
  if (!there.ok()) {
    return std::move(there).error().with_context(
        "the answer to COMMIT was lost, and the target cannot be asked what it has: the load may "
        "be in or not");
  }
  if (*there) return {};
  may_be_in_ = false;
  TM_CHECK(step(RunState::loading, "the target does not have the load"));
  return target_error("target.commit_lost",
                      "the connection was lost at COMMIT and the target does not have the load",
                      Retry::backoff, "run the job again: nothing was loaded");
}

}  // namespace tidemark

// Sink: one target connection of a run; LoadTxn: the one transaction in which rows, refused rows
// and the ledger row are committed together.
//
// The ledger in the target is the authority on what is loaded; our store only copies it. Owned by
// one run, used from one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "base/named.h"
#include "base/result.h"
#include "connect/load_ahead.h"
#include "connect/source.h"
#include "model/schema.h"
#include "model/window.h"
#include "spec/job_spec.h"

namespace tidemark {

enum class LoadKind { window, replay, backfill, requarantine, repair };

std::string_view to_string(LoadKind kind);

struct SinkTraits {
  bool transactional = true;  // rows and ledger commit together
  bool creates_tables = true;
  bool takes_out_ranges = false;  // LoadTxn::take_out_range
};

// The head of a stream in the target: tidemark_ledger.
struct LedgerRow {
  StreamId stream;
  Seq seq;
  Fence fence;
  Window window;
  RunId run_id;
  std::string applied_at;  // ISO-8601 UTC, the target's clock
};

// A stream that loads into a table, and its last sweep: tidemark_sweeps.
struct SweepRow {
  StreamId stream;
  std::string reads;                    // stands for what the stream reads
  std::optional<std::string> swept_at;  // ISO-8601 UTC, the target's clock; nothing: a sweep is due
  std::int64_t age_seconds = 0;         // since then, by the target's clock
};

// What a load says of itself there.
struct SweepNote {
  enum class Kind : std::uint8_t {
    none,   // what stands there stays, unless it is of another table
    due,    // the load may have put back rows that are gone from the source
    swept,  // the load took out all of them
  };
  Kind kind = Kind::none;
  std::string reads;
  RowCount gone = {};
};

// One committed load: tidemark_loads.
struct LoadRow {
  std::string load_id;  // deterministic: hash of job, stream, kind and window
  LoadKind kind = LoadKind::window;
  Seq seq;
  RunId run_id;
  Window window;
  RowCount rows;
  RowCount rejected;
  std::string checksum;  // of the stage that was loaded
  // What Sink::carried gives from this load on; nothing: what it gave before.
  std::optional<std::string> carried = {};
  std::optional<SweepNote> sweep = {};
};

// What is wrong where a load closed `closed` refused rows and not as many as it was given.
Status check_closed(std::int64_t closed, RowCount given);

// The table a stream loads into and how.
struct LoadTarget {
  std::string table;  // as the job wrote it: `[schema.]table`
  LoadStrategy strategy = LoadStrategy::append;
  std::vector<std::string> key;
  Schema schema;  // of the rows to load
  std::optional<double>
      shrink_limit;  // full: blocked when fewer rows than (1 - limit) of the present ones
  bool allow_empty = false;
  Replace replace = Replace::rows;  // full
  // The plan saw the table: a load does not make it anew, since what it held would be missing.
  bool was_there = false;
  // The load makes the table; one that is there is `target.table_taken`, and stays as it is.
  bool must_be_new = false;
  // Columns of `schema` that the load adds to the table, as NULL in the rows that are there, where
  // it does not have them yet.
  std::vector<std::string> added = {};
  bool adds(const std::string& column) const;
  // A column of `schema`: when the row was found to be gone from the source, NULL where it is not.
  // A time that stands in the table stays until the row comes back. Empty: rows are taken out.
  std::string mark = {};
};

// A condition of the engine's SQL that a row must hold for the target to take it; NULL passes. Rows
// that break one would stop the load, so they are refused before it.
struct Acceptance {
  std::string column;
  std::string predicate;
  std::string reason;  // for people: why the target cannot hold the value
  // Every value holds it that the same system gave as a source; the load looks all the same.
  bool own_values_hold = false;
};

// `target.table_gone`: a table that windows were loaded into is not there any more.
Error table_gone(const std::string& table);

// `target.table_taken`: a load that was to make its table found one.
Error table_taken(const std::string& table);

// `target.fenced`: the load, or the owner, came too late; `found` is what the ledger says. Nothing
// was written.
Error fenced(const JobName& job, const std::string& found);

// What loading will do to the target, found without touching it.
struct LoadPlan {
  bool table_exists = false;
  std::vector<std::string> ddl;  // run inside the load's transaction
  std::vector<std::string> sql;  // the statements of the strategy, for `plan`
  std::optional<std::int64_t> rows_present;
  std::vector<std::string> notes;
};

struct LoadKey {
  StreamId stream;
  Seq seq;  // of the window: the head moves to it (kind window), else it stands there already
  Fence fence;
  RunId run_id;
  LoadKind kind = LoadKind::window;
  std::string load_id;
};

// Rows that stand in the engine, ready to load: `relation` is a table or view of the run's engine
// connection with exactly the columns of `schema`, in order.
struct StagedTable {
  std::string relation;
  Schema schema;
  RowCount rows;
};

// Rows that are gone from the source: those with `keys`, or all without them.
struct Removal {
  enum class Rows : std::uint8_t { with_keys, without_keys };
  Rows rows = Rows::with_keys;
  StagedTable keys;      // the columns of LoadTarget::key, none NULL
  std::string found_at;  // `2026-01-02 03:04:05.678901`, UTC: what LoadTarget::mark gets
  // without_keys: more than this share of the rows wait for a person; nothing: a person has looked.
  std::optional<double> fraction_max = {};
  std::string suspicion = {};  // why it is a smaller share than the job says; for people
};

// Rows of the target whose `column` lies in [lo, hi), written as CursorShape says.
struct TargetRange {
  std::string column;
  std::string lo;
  std::string hi;
};

// Which open refused rows of the stream this load answers for: they are closed in its transaction,
// so that a row refused again does not stand there twice.
enum class Supersedes { nothing, same_window, all_windows };
// A load of all rows answers for all before it, a replay for its own window, a repair and a
// backfill for none.
// `reads_all` where the window begins at the beginning.
Supersedes supersedes(LoadStrategy strategy, LoadKind kind, bool reads_all);

enum class CommitOutcome { committed, already_committed, unknown };

class LoadTxn {
 public:
  virtual ~LoadTxn() = default;  // rolls back unless committed
  // Creates or checks the table, then moves the rows by the strategy. Returns rows that the target
  // now has from this load; deletes and updates are part of the strategy.
  virtual Result<RowCount> write(const StagedTable& rows, const LoadTarget& target,
                                 Cancel& cancel) = 0;
  // Takes rows out of the table, or marks them, and returns how many; those that are marked already
  // are none. Keys are equal where the target says so, as they are when it merges a row.
  // `blocked.deletes` and `blocked.empty_source` where a person must look. After write().
  virtual Result<RowCount> remove(const Removal& removal, const LoadTarget& target,
                                  Cancel& cancel) = 0;
  // Takes out the rows of a range, whose place `given` rows are about to take, and returns how many
  // those were. `blocked.empty_source` and `blocked.shrunk_source` as for a full load. Before
  // write(); REQUIRES SinkTraits::takes_out_ranges and that the table is there.
  virtual Result<RowCount> take_out_range(const TargetRange& range, RowCount given,
                                          const LoadTarget& target, Cancel& cancel);
  // Refused rows, with the columns of quarantine_schema(), after closing those they supersede.
  virtual Status quarantine(const StagedTable& rows, Supersedes old, Cancel& cancel) = 0;
  // Closes single open refused rows of the stream, those of this load among them, with the columns
  // of closed_schema(). Fails where one is not open. After quarantine().
  virtual Status close_refused(const StagedTable& rows, Cancel& cancel) = 0;
  // Writes the LoadRow, moves the head by compare-and-set and commits. After `unknown` nothing may
  // be done before resolve() has answered.
  virtual Result<CommitOutcome> commit(const LoadRow& load) = 0;
  // So far, to the target's server; nothing where there is none.
  virtual std::int64_t bytes_sent() const { return 0; }
  // After `unknown`: whether the load is in. Waits, up to some seconds, until the target knows. An
  // Error: it cannot be asked now, and the load may be in or not.
  virtual Result<bool> resolve(const LoadRow& load, Cancel& cancel) = 0;
};

// The rows of a table as they stand: a relation of the engine connection, or a source of them.
using TargetRows = std::variant<std::string, std::unique_ptr<Source>>;

class Sink {
 public:
  virtual ~Sink() = default;
  virtual SinkTraits traits() const = 0;
  // The head of a stream; nothing before its first load. Touches nothing.
  virtual Result<std::optional<LedgerRow>> committed(const StreamId& stream, Cancel& cancel) = 0;
  // Raises the fence of the job's streams to `token`, committed when this returns: no load of the
  // job with a smaller token can be committed after. Waits out, or ends, one that is committing
  // now. Returns the heads of its streams as they then stand; none before the first load.
  // `target.fenced` when the ledger knows such a token already: another owner came later.
  virtual Result<std::vector<LedgerRow>> take_over(const JobName& job, Fence token,
                                                   Cancel& cancel) = 0;
  // hi of every committed window, oldest first.
  virtual Result<std::vector<Position>> history(const StreamId& stream, Cancel& cancel) = 0;
  // The columns that the last window of the stream carried, in the words of its plan; nothing where
  // the ledger does not know. Touches nothing.
  virtual Result<std::optional<std::string>> carried(const StreamId&, Cancel&) {
    return std::optional<std::string>{};
  }
  // The streams that the ledger knows to load into a table, of whatever job. Touches nothing.
  virtual Result<std::vector<SweepRow>> sweeps(const std::string& table, Cancel& cancel) = 0;
  // Whether a load of this run is in.
  virtual Result<bool> loaded(const StreamId& stream, const RunId& run, Cancel& cancel) = 0;
  // The checksum of the stage that was loaded as window `seq`; empty where there is none.
  virtual Result<std::string> window_checksum(const StreamId& stream, Seq seq, Cancel& cancel) = 0;
  // The windows that open refused rows of the stream came from: their stages are still wanted.
  // Touches nothing.
  virtual Result<std::vector<Seq>> refused_windows(const StreamId& stream, Cancel& cancel) = 0;
  // The open refused rows of a job, or of one of its streams, with open_refused_schema(): a
  // relation of the run's engine connection, as it stands now, good until the next call. Changes
  // nothing in the target.
  virtual Result<StagedTable> open_refused(const JobName& job,
                                           const std::optional<StreamName>& only,
                                           Cancel& cancel) = 0;
  // The columns of a target table; nothing when it does not exist. Touches nothing.
  virtual Result<std::optional<Schema>> describe(const std::string& table, Cancel& cancel) = 0;
  // The rows of a target table, to compare them with others. REQUIRES that it exists. Touches
  // nothing.
  virtual Result<TargetRows> rows(const std::string& table, Cancel& cancel) = 0;
  // Checks that the rows fit and says what will be done; a misfit is a target or user fault naming
  // column and types. Touches nothing.
  virtual Result<LoadPlan> plan(const LoadTarget& target, Cancel& cancel) = 0;
  // What values of each column the target cannot hold, NULL apart; none for a target that holds all
  // that the engine does. A misfit is an Error as for plan(). Touches nothing.
  virtual Result<std::vector<Acceptance>> acceptance(const LoadTarget&, Cancel&) {
    return std::vector<Acceptance>{};
  }
  virtual Result<std::unique_ptr<LoadTxn>> begin(const LoadKey& key, Cancel& cancel) = 0;
  // For a load of all rows of a table, or the first into one, which the steps give exactly the
  // columns of target.schema; null: this target takes none before its load. Touches nothing before
  // the first rows are sent. Outlived by the sink.
  virtual std::unique_ptr<LoadAhead> load_ahead(const LoadKey&, const LoadTarget&, StepsAhead) {
    return nullptr;
  }
};

// Columns of tidemark_quarantine, in order: job, stream, run_id, seq, rule, column_name, message,
// locator, payload (JSON text of the row as the source gave it, or NULL), raw (its bytes, or NULL),
// refused_at, row_key (of an upsert: the key as a JSON object of texts, where it is known).
Schema quarantine_schema();
// Those by which an open refused row is found again: stream, run_id, seq, rule, locator, row_key.
Schema open_refused_schema();
// run_id and locator, which are a refused row's address in its stream, and resolution, the words
// with which it is closed.
Schema closed_schema();

}  // namespace tidemark

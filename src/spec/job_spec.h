// JobSpec: one job as the user declared it, checked, every default filled in.
//
// Made by spec/project_load.h from `jobs/<name>.yaml`; a plain value, copyable, read-only for
// everybody after. The names and types of columns are not checked here: that needs the schemas, at
// plan.
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/named.h"
#include "env/clock.h"
#include "model/window.h"
#include "spec/location.h"
#include "spec/slo_spec.h"

namespace tidemark {

using Name = Located<std::string>;

// --- from
// ------------------------------------------------------------------------------------------

enum class FileFormat { csv, json, parquet };
// Rows whose cursor is NULL belong to no window: refuse the run, read them in every run, or read
// them in the first run only.
// `left_out` is no word of a job: a comparison reads no such row, since when it came cannot be
// told.
enum class NullCursor { fail, every_run, once, left_out };

struct DeclaredColumn {
  Name name;
  Name type;  // as written; src/model reads type names
};

struct TableInput {
  Name table;
};

// Many tables by pattern (`public.*`), each its own stream.
struct TablesInput {
  std::vector<Name> tables;
  std::vector<Name> except;
};

struct QueryInput {
  SqlText query;
};

struct FilesInput {
  std::vector<Name> patterns;
  FileFormat format = FileFormat::csv;
  std::optional<bool> header;            // unset: found out from the file
  std::optional<std::string> delimiter;  // one character; unset: found out from the file
  std::vector<std::string> nulls;        // texts that mean NULL
};

using JobInput = std::variant<TableInput, TablesInput, QueryInput, FilesInput>;

struct SourceSpec {
  Name connection;
  JobInput input;
  Location input_at;
  std::optional<Name> watermark;
  std::vector<DeclaredColumn> columns;
  std::optional<Located<Guarantee>> min_guarantee;  // a weaker one refuses the plan
  NullCursor null_cursor = NullCursor::fail;
  std::optional<Name> timezone;  // of cursor values without one
  bool allow_seq_scan = false;   // a watermark without an index may read a large table each run
  int readers = 2;               // sessions that read one table at a time, at most
  std::optional<Name> split_by;  // column that large reads are cut by
};

// --- transform
// -------------------------------------------------------------------------------------

struct TableRef {
  Name connection;
  std::string table;  // `table` or `schema.table`
};

struct NamePair {
  Name from;
  Name to;
};

struct DefaultValue {
  Name column;
  std::optional<std::string> text;  // cast to the column's type; nothing means NULL
};

struct NamedSql {
  Name name;
  SqlText sql;
};

enum class MissingKey { keep, quarantine, use_default };

struct LookupStep {
  TableRef from;
  std::vector<NamePair> match;  // column of the rows, column of the dimension
  std::vector<NamePair> add;    // new column, column of the dimension
  MissingKey missing = MissingKey::keep;
  std::vector<DefaultValue> defaults;
};

struct UnitChange {
  Name column;
  Name from;
  Name to;
  std::optional<Name> as;  // unset: the column itself is replaced
};

struct UnitsStep {
  std::vector<UnitChange> changes;
};

struct DeriveStep {
  std::vector<NamedSql> columns;  // in the order written; a later one may read an earlier one
};

struct RenameStep {
  std::vector<NamePair> names;  // from old, to new
};

struct SelectStep {
  std::vector<Name> columns;
};

struct DropStep {
  std::vector<Name> columns;
};

struct CastStep {
  std::vector<DeclaredColumn> columns;
};

struct DedupeStep {
  std::vector<Name> key;
  SqlText order;              // an ORDER BY list; the first row of each key stays
  bool newest_first = false;  // rows that `order` leaves equal: the one read last stays
};

struct SqlStep {
  SqlText query;  // reads the relation `rows`
};

// Made by a plan and never written in a job: refuses rows that have a value in one of the columns,
// which it then leaves out.
struct RefuseStep {
  std::vector<Name> columns;
  std::string reason;  // for people, after `COLUMN = VALUE: `
};

using StepKind = std::variant<LookupStep, UnitsStep, DeriveStep, RenameStep, SelectStep, DropStep,
                              CastStep, DedupeStep, SqlStep, RefuseStep>;

struct TransformStep {
  StepKind kind;
  Location at;
};

// --- rules, quarantine, target
// ---------------------------------------------------------------------

enum class RuleNulls { fail, pass };

struct RuleSpec {
  Name name;
  SqlText check;
  RuleNulls nulls = RuleNulls::fail;
  std::optional<Name> column;
  std::optional<std::string> message;
};

// Shares of the rows read, 0.001 for 0.1%.
struct QuarantineSpec {
  std::optional<double> alert_above;
  std::optional<double> stop_above;
};

enum class LoadStrategy { full, append, upsert };
std::string_view to_string(LoadStrategy strategy);
// Which of several versions of a key in one window is loaded.
enum class OnDuplicate { last, first, fail };

// What becomes of a load when the source's columns are no longer those of the load before.
enum class SchemaDrift { evolve, freeze, ignore, quarantine };
std::string_view to_string(SchemaDrift policy);

// Rows that the source deletes: how they are known, and what becomes of them in the target.
struct DeletesSpec {
  Location at;
  std::optional<Name> column;                      // a row in which it is set is deleted
  std::optional<std::chrono::milliseconds> sweep;  // how often all keys are compared
  double fraction_max = 0;                         // of the target's rows, for one sweep
  std::optional<Name> mark;                        // rows stay, with the time in this column
};

// What a full load puts in the place of the old: the rows of the table, or the table.
enum class Replace { rows, table };

struct TargetSpec {
  Name connection;
  Name table;  // may hold {table} and {schema} when the job reads many tables
  LoadStrategy load = LoadStrategy::full;
  bool load_declared = false;
  Location load_at;
  std::vector<Name> key;  // empty with upsert: the source table's primary key
  OnDuplicate on_duplicate = OnDuplicate::last;
  bool allow_empty = false;
  std::optional<double> shrink_limit;  // unset: the project's
  Replace replace = Replace::rows;
  Location replace_at;  // line 0: not written
};

// What becomes of fires that nobody was there for: after a stop, or a clock that jumped ahead.
enum class Missed {
  skip,  // nothing: the next one is the next
  once,  // one run, for the last of them
  all,   // a run for each
};

// What becomes of a fire while a run of its job goes on or waits.
enum class Overlap {
  skip,    // it is left out
  queue,   // it waits for its turn
  cancel,  // the one that runs is asked to end, and this one takes the place of those that wait
};

// Exponential with full jitter.
struct RetrySpec {
  std::int64_t attempts = 5;  // the first one is one of them
  std::chrono::milliseconds pause{10'000};
  std::chrono::milliseconds pause_max{600'000};
  std::chrono::milliseconds within{std::chrono::hours(24)};  // since the fire; none begins later
};

// A day of the schedule's zone, since 1970, or a moment.
struct DayOrMoment {
  std::optional<std::int64_t> day;
  UtcMicros moment;
};

// Days on which a job does not run by itself.
struct DaysOff {
  std::set<std::int64_t> days;  // since 1970
  std::bitset<7> weekdays;      // Monday first
  bool any() const { return !days.empty() || weekdays.any(); }
  bool has(std::int64_t day) const;
  friend bool operator==(const DaysOff&, const DaysOff&) = default;
};

// What becomes of a fire on one of them.
enum class OnDayOff {
  skip,          // there is none
  next_workday,  // it comes on the next other day, at the same time of the day
};

// Whether a job follows one before it that failed.
enum class AfterFailed { wait, run };
// What becomes of a fire that waited for those before it as long as it may.
enum class AfterLate { skip, run };

// What a job may run for when it has changed.
enum class Watched {
  file,     // the files of a pattern
  table,    // a table of a source
  dataset,  // a table that jobs of the project load
};
std::string_view to_string(Watched kind);

struct WhenSpec {
  Watched kind = Watched::file;
  Name connection;
  std::string what;  // of the connection: a pattern, or `[schema.]table`
  Location at;
  std::chrono::milliseconds check{10'000};
  std::chrono::milliseconds settle{0};
  std::vector<JobName> loaded_by;  // of a dataset, in a loaded project
};
// `file landing.in/*.csv`; the same text for what is the same.
std::string to_text(const WhenSpec& when);

// When and how the job runs by itself, under `serve`.
struct ScheduleSpec {
  std::optional<std::chrono::milliseconds> every;
  std::optional<Name> cron;
  std::optional<Name> timezone;
  std::optional<DayOrMoment> starts;
  std::optional<DayOrMoment> ends;
  std::optional<Name> calendar;
  DaysOff off;  // days of its zone: its own and, of a loaded project, its calendar's
  OnDayOff on_day_off = OnDayOff::skip;
  std::chrono::milliseconds jitter{0};
  Missed missed = Missed::once;
  Overlap overlap = Overlap::skip;
  RetrySpec retries;
  std::optional<Name> pool;
  std::optional<Name> label;  // servers that have it run the job; empty: any
  // The same of the load, where extract and load are claimed apart.
  std::optional<Name> load_pool;
  std::optional<Name> load_label;
  std::int64_t priority = 0;
  std::vector<Name> after;
  bool after_any = false;  // one of them is enough
  AfterFailed after_failed = AfterFailed::wait;
  // Of a job that has times of its own too; nothing: until its next fire.
  std::optional<std::chrono::milliseconds> after_wait;
  AfterLate after_late = AfterLate::skip;
  std::optional<WhenSpec> when;
  std::optional<std::chrono::milliseconds> timeout;
};

// When source and target are compared by themselves, under `serve`.
struct VerifySpec {
  ScheduleSpec schedule;  // of its own; the zone is the job's
  std::chrono::milliseconds budget = std::chrono::minutes(10);
  bool repair = false;
};

// What a job was read from: its file and the SQL files it names, by their paths in the project.
using JobTexts = std::map<std::string, std::string>;

// A stage of job `of`, loaded by `run` into a new table, to look at.
struct Trial {
  JobName of;
  RunId run;
};

struct JobSpec {
  JobName name;
  std::string file;  // relative to the project folder, `jobs/orders.yaml`
  JobTexts texts;
  std::string content_hash;  // of `texts`
  std::optional<Trial> trial;
  std::string description;
  bool enabled = true;
  std::vector<std::string> tags;
  SourceSpec from;
  std::vector<TransformStep> transform;
  std::vector<RuleSpec> rules;
  QuarantineSpec quarantine;
  SchemaDrift schema_drift = SchemaDrift::evolve;
  std::optional<DeletesSpec> deletes;
  TargetSpec to;
  ScheduleSpec schedule;
  std::optional<VerifySpec> verify;
  std::optional<SloSpec> slo;
};

}  // namespace tidemark

// The values that go into the store and come out of it: jobs, runs, their streams and events.
//
// Plain values; no thread rule. Positions (`lo`, `hi`, `top`, watermarks) are opaque text here;
// only the source that made them reads them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/named.h"
#include "env/clock.h"
#include "model/window.h"
#include "store/run_state.h"

namespace tidemark {

using JobId = Named<std::string, struct JobIdTag>;

// The same id for the same name in every store: 16 hex digits of its FNV-1a hash.
JobId job_id_of(const JobName& name);

// `append` is stored as `incremental`.
enum class StoredStrategy { full, incremental, upsert };
std::string_view to_string(StoredStrategy strategy);

// One row of etl_jobs: what the job's file said when it last ran.
struct JobRecord {
  JobName name;
  std::string schedule_cron;  // empty: started by hand
  std::string source_dsn;     // the connection without its secret
  std::string source_query;
  std::string transform_ref;
  std::string target_table;
  StoredStrategy load_strategy = StoredStrategy::full;
  std::string watermark_col;
  bool enabled = true;
  std::string spec_hash;
  // What has that hash: the job's files as they were read. Kept once, given back by
  // Store::spec_text.
  std::string spec_text;
  // Kept by set_last_watermark alone; upsert_job leaves it as it is. A copy for people: the ledger
  // decides.
  std::optional<std::string> last_watermark;
  UtcMicros updated_at;
};

// What `verify` knows of a stream.
struct KeptProof {
  std::string text;  // its own
  std::optional<UtcMicros>
      proved_at;  // when all of it was equal, where nothing else was seen since
};

enum class RunKind { run, replay, full, window, repair, backfill };
std::string_view to_string(RunKind kind);
// Whether such a run opens a window of its own, so that it moves the watermark.
bool moves_watermark(RunKind kind);

// Totals so far, not differences.
struct StreamCounts {
  RowCount rows_read;
  RowCount rows_staged;
  RowCount rows_good;
  RowCount rows_rejected;
  RowCount rows_loaded;
  std::int64_t bytes_staged = 0;
  // Rows that are gone from the source: of the window, and not loaded; and of the target, taken out
  // or marked because their key was not in the source.
  RowCount rows_deleted = {};
  friend bool operator==(const StreamCounts&, const StreamCounts&) = default;
};

// What a run used. The processor's time is its share of its processes', see run/run_meter.h; the
// bytes are those of the values that came from the source, and those sent to the target's server.
struct RunUse {
  std::int64_t cpu_us = 0;
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;

  RunUse& operator+=(const RunUse& more) {
    cpu_us += more.cpu_us;
    bytes_read += more.bytes_read;
    bytes_written += more.bytes_written;
    return *this;
  }
  friend bool operator==(const RunUse&, const RunUse&) = default;
};

// What a worker believes about its stream; a transition is made only while the store agrees.
struct StreamMark {
  RunState state = RunState::planned;
  std::int64_t version = 1;
  Fence fence;
  friend bool operator==(const StreamMark&, const StreamMark&) = default;
};

// The right to run a job, as one run holds it. Its token is the fence of everything the run writes.
struct LeaseRecord {
  JobName job;
  Fence token;  // grows with each claim
  RunId run;
  std::string holder;                   // this_process() of who holds it, or held it last
  std::optional<UtcMicros> expires_at;  // nothing: given back
  // A run was turned away for it a moment ago, and may come again: work that can wait leaves the
  // job to it.
  bool wanted = false;
};

struct LeaseClaim {
  JobName job;
  RunId run;
  std::string holder;
  std::chrono::milliseconds ttl{};
  Fence above;  // the token will be larger: what the target's ledger knows
  // Work that can wait: where it is turned away the lease does not count as wanted.
  bool yields = false;
};

// `run.lease_lost`: a run stops, because it may not be the only one of its job any more.
Error lease_lost(const JobName& job, const std::string& why);

// A stream's window, stored before its first row is read; the stream begins as `planned`,
// version 1.
struct PlannedStream {
  StreamName stream;
  Seq seq;
  Fence fence;
  Window window;
  std::string memory;  // of the source, for the next run; empty: what is there stays
};

// What of a plan is worth knowing of the job when its run has ended.
struct PlanSigns {
  bool is_held = false;                 // something in the source holds its watermark
  std::optional<UtcMicros> data_until;  // as RunEnd::data_until, where the run ends well
  std::string drift;                    // how the source's columns differ; empty: they do not
};

struct RunStart {
  RunId run;
  JobName job;
  RunKind kind = RunKind::run;
  std::string spec_hash;  // of the job as this run uses it
  std::int64_t pid = 0;
  std::optional<UtcMicros> started_at;  // before planning; empty: now
  std::optional<Guarantee> guarantee;   // empty: the run ended before it was known
  std::string plan_json;
  std::vector<PlannedStream> streams;
  PlanSigns signs = {};
  std::string request = {};  // of the API that asked for it; empty: none
};

// One step of one stream.
struct Transition {
  RunId run;
  StreamName stream;
  StreamMark expected;
  RunState to = RunState::done;
  std::optional<StreamCounts> counts;
  std::optional<std::string> stage_dir;
  std::optional<Error> error;
  // A stream that is planned anew, from `retry_wait`: what was stored of its window before is
  // forgotten, and its counts begin at nothing.
  std::optional<PlannedStream> replanned;
  RunUse used;  // by the run, since it was told last
  // For the event: what was done, for people, and a JSON document for programs.
  std::string message;
  std::string detail_json;
};

// The end of a run. `outcome` is final and at least as bad as the worst stream.
struct RunFinish {
  RunId run;
  RunState outcome = RunState::done;
  std::optional<Error> error;
  std::optional<std::string> watermark_snapshot;
  // Last steps of streams, made in the same transaction.
  std::vector<Transition> last_steps;
  std::string message;
  RunUse used;  // since it was told last
};

// An Error as the store keeps it: `message` is its description with context.
struct StoredError {
  std::string code;
  std::string fault;
  std::string message;
  std::string hint;
  Retry retry = Retry::never;  // of runs; of streams it is not kept
};
Error error_of(const StoredError& stored);

struct StreamRecord {
  StreamName stream;
  Seq seq;
  StreamMark mark;
  Window window;
  StreamCounts counts;
  std::optional<std::string> stage_dir;
  std::optional<StoredError> error;
  std::int64_t attempt = 1;
  UtcMicros started_at;
  std::optional<UtcMicros> ended_at;
};

struct RunRecord {
  RunId run;
  JobName job;
  RunKind kind = RunKind::run;
  std::string spec_hash;  // empty: a version of before that kept none
  UtcMicros started_at;
  std::optional<UtcMicros> ended_at;  // empty: running, or its process died
  // The sums of the streams'.
  RowCount rows_read;
  RowCount rows_loaded;
  RowCount rows_rejected;
  RowCount rows_deleted;
  std::int64_t bytes_staged = 0;
  RunState state = RunState::claimed;
  std::optional<StoredError> error;
  std::optional<std::string> watermark_snapshot;
  std::optional<Guarantee> guarantee;  // empty: the run ended before it was known
  std::int64_t attempt = 1;
  std::int64_t pid = 0;
  std::string plan_json;
  std::optional<RunUse> use;            // so far; nothing: a version of before kept none
  std::optional<UtcMicros> data_until;  // as RunEnd::data_until, of a run that ended well
  std::vector<StreamRecord> streams;

  // `running` until the run ended, whatever single streams came to.
  RunStatus status() const;
};
// Whether the run is open, and all that is left of it stands in sealed stages.
bool waits_for_load(const RunRecord& run);

// A window of a stream, and the run that read it.
struct RunWindow {
  RunId run;
  StreamName stream;
  Seq seq;
  friend bool operator==(const RunWindow&, const RunWindow&) = default;
};

// One row of run_events; `number` counts from 1 in each run. `stream` is empty for the run as a
// whole.
struct EventRecord {
  std::int64_t number = 0;
  UtcMicros at;
  StreamName stream;
  std::optional<RunState> state_from;
  std::optional<RunState> state_to;
  std::string step;
  std::string message;
  std::string detail_json;
};

struct RunHistory {
  RunRecord run;
  std::vector<EventRecord> events;
};

// What has become of a fire: a time at which a job's schedule says that it runs.
enum class FireState {
  waiting,     // for its turn
  running,     // `run` goes on
  retry_wait,  // `run` failed; the next attempt begins at `next_at`
  done,        // `run` ended well, or found nothing to do
  skipped,     // by the job's `overlap` or `missed`, or a full queue: `reason`
  failed,
  blocked,  // waits for a person
  cancelled,
};
std::string_view to_string(FireState state);
std::optional<FireState> fire_state(std::string_view text);
// Nothing becomes of it any more.
bool has_ended(FireState state);

// What a job does at a fire.
enum class FireTask {
  run,
  verify,    // its source and its target are compared
  backfill,  // a part of one; it has no fires, and takes places that these leave
};
std::string_view to_string(FireTask task);
std::optional<FireTask> fire_task(std::string_view text);

// Which half of its run a fire is at, where all servers reach the stage.
enum class FireHalf {
  extract,  // or the run as a whole
  load,     // `run` has sealed its stages, and goes on from them
};
std::string_view to_string(FireHalf half);
std::optional<FireHalf> fire_half(std::string_view text);

// What has a schedule: a job, and what it does then.
struct Task {
  Task() = default;
  Task(JobName name, FireTask task = FireTask::run) : job(std::move(name)), what(task) {}
  JobName job;
  FireTask what = FireTask::run;
  friend auto operator<=>(const Task&, const Task&) = default;
  friend bool operator==(const Task&, const Task&) = default;
};

struct FireRecord {
  Task task;
  UtcMicros fire;
  FireState state = FireState::waiting;
  std::int64_t attempts = 0;
  RunId run;  // of the newest attempt; empty before the first
  FireHalf half = FireHalf::extract;
  std::optional<UtcMicros> next_at;
  std::string reason;
  std::string owner;   // this_process() of who has it; empty: whoever claims it first
  std::string inputs;  // of a job that follows others: their fires that it follows
  // Of its job's half when it was taken or came to it, for whoever claims it.
  std::int64_t priority = 0;  // the higher first
  std::string pool;           // empty: none of its own
  std::string label;          // a server that has it runs the job; empty: any
  friend bool operator==(const FireRecord&, const FireRecord&) = default;
};

// As it is taken: `waiting` or, with a reason, `skipped`.
FireRecord new_fire(Task task, UtcMicros fire, std::string owner, std::string skipped = {});

// Why a fire ended without a run, for people.
inline constexpr const char* before_has_not_ended = "the one before it had not ended";
inline constexpr const char* place_was_taken = "a later one took its place";

// What a fire does about those of its task before it that have not ended.
enum class OnOpen {
  skip,     // it is left out where one waits for its turn or runs
  instead,  // it is left out where one runs, and takes the place of what waits
  queue,    // it waits for them
  replace,  // what waits is left out, what runs is to stop
};

struct FireOffer {
  FireRecord fire;
  OnOpen on_open = OnOpen::skip;
};

struct FireAnswer {
  bool taken = false;              // false: it was taken before, by whomever
  FireRecord fire;                 // as it is stored, where it was taken
  std::vector<FireRecord> aside;   // those that ended because it came
  std::optional<FireRecord> stop;  // one that runs, and is to
};

// What a job watches, as it looked when the job followed it last.
struct SeenChange {
  JobName job;
  std::string watched;  // what that was
  std::string sign;
  UtcMicros seen_at;  // by the store's clock
};

// Which fires a server has places for.
struct FireClaim {
  std::string owner;
  int places = 0;                    // at most so many
  std::set<std::string> labels;      // beside those that any server may run
  std::map<std::string, int> pools;  // of all servers together, by name; others have no limit
  // Others are left to others; from any thread.
  std::function<bool(const FireRecord&)> takes;
};

// A server of a store that several share.
struct ServerRecord {
  std::string owner;  // this_process()
  std::string role;   // `all`, `scheduler` or `worker`
  std::set<std::string> labels;
  int places = 0;  // runs at a time
  bool leaves = false;
  UtcMicros started_at;  // by the store's clock, like the next
  UtcMicros seen_at;
};

// What a server learns when it says that it lives.
struct ServerView {
  UtcMicros now;                 // the store's clock
  std::int64_t waiting = 0;      // fires that nobody has
  std::int64_t freed = 0;        // of servers that were silent too long, just now
  std::vector<FireRecord> stop;  // its own that run and are to stop, with the reason
};
// Windows of the past that are run again, cut into parts of which each is a run of its own.
using BackfillId = Named<std::string, struct BackfillIdTag>;

enum class BackfillState {
  running,  // or left by a process that died
  paused,
  cancelled,
  done,
  failed,  // some of its parts, or why none could be run
};
std::string_view to_string(BackfillState state);

enum class PartOrder { oldest, newest };
std::string_view to_string(PartOrder order);

// Where the rows of a part come from.
enum class FromStage {
  when_kept,  // from the stage where it has all of them, else from the source
  only,
  never,
};
std::string_view to_string(FromStage from);

struct BackfillRecord {
  BackfillId id;
  JobName job;
  // The ends as values of the job's watermark, as Source::cursor_shape() says they are written.
  std::string from;
  std::string to;
  std::string step;
  PartOrder order = PartOrder::oldest;
  FromStage from_stage = FromStage::when_kept;
  double rate_share = 1;  // of the rate of the source's guard
  bool allow_empty = false;
  BackfillState state = BackfillState::running;
  std::string note;  // why it is in that state, for people
  UtcMicros created_at;
  std::optional<UtcMicros> ended_at;  // also while it is paused
  bool in_quiet_hours = false;        // a person says that the source may be read then
  bool downstream = false;            // the jobs that follow its job run once when it is done
  bool detached = false;              // services run its parts, not the command that began it
  std::string owner;                  // the service that runs a part of it now; empty: nobody
};

// What a person wants when one goes on.
struct BackfillResume {
  bool with_failed = false;  // its parts that failed too
  bool detached = false;
  bool in_quiet_hours = false;     // true: from now on
  std::optional<bool> downstream;  // nothing: as it was begun
};

// Who asks for the next part of a job's backfills.
struct BackfillClaim {
  JobName job;
  std::string owner;
  int places = 1;       // backfills that services run at a time, all together
  bool shared = false;  // others may run parts too: those that say that they live
};

enum class PartState {
  waiting,
  running,
  done,
  failed,
  skipped,  // the backfill was cancelled before its turn
};
std::string_view to_string(PartState state);

// One window of a backfill. It is done when `run` is.
struct BackfillPart {
  std::int64_t number = 0;  // from 1, oldest first
  std::string lo;
  std::string hi;
  PartState state = PartState::waiting;
  RunId run;  // of the newest attempt; empty before the first
  std::int64_t rows = 0;
  std::int64_t ms = 0;
  std::string from;  // `source` or `stage`; empty before it is read
  std::string error;
  friend bool operator==(const BackfillPart&, const BackfillPart&) = default;
};

struct RunFilter {
  std::optional<JobName> job;
  int limit = 20;  // 1 to 1000
  // Only runs started before that one: the last of the page before.
  std::optional<RunId> before;
};

}  // namespace tidemark

template <>
struct std::hash<tidemark::Task> {
  std::size_t operator()(const tidemark::Task& task) const noexcept {
    return std::hash<tidemark::JobName>()(task.job) * 31 + static_cast<std::size_t>(task.what);
  }
};

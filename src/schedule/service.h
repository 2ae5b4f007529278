// Service: runs the jobs of a project at their times, until it is asked to stop.
//
// One thread (the caller of serve()) looks what is due, as many as may run at a time do the runs.
// Each fire is taken in the store before anything comes of it, so it is run once whatever dies, and
// goes on from there after a start: what waited waits again, what ran is looked up, what nobody was
// there for is the job's `missed`. set_jobs() may be called from any thread at any time.
//
// Alone, a service has every fire that it takes. Where several share a store, a fire is nobody's
// until one of them claims it (docs/adr/0017-several-servers.md), and times are by the store's
// clock.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/cancel.h"
#include "env/randomness.h"
#include "observe/log.h"
#include "run/backfill.h"
#include "run/hand_over.h"
#include "schedule/breaker.h"
#include "schedule/delays.h"
#include "schedule/due_queue.h"
#include "schedule/looks.h"
#include "schedule/run_queue.h"
#include "schedule/triggers.h"
#include "schedule/watches.h"
#include "schedule/windows.h"
#include "spec/job_spec.h"
#include "store/store.h"

namespace tidemark {

struct ServiceNote {
  Task task;
  UtcMicros fire;
  FireState state;
  std::string text;                 // for people; empty where the state says it all
  std::optional<RunRecord> record;  // of a run that ended
};

// When a job may begin that may not now.
struct PutOff {
  UtcMicros until;
  std::string why;
};

// What a run is at, where servers claim its halves apart.
struct HalfRun {
  FireHalf half = FireHalf::extract;
  RunId run;     // of an extract: the one to begin
  RunId before;  // of an extract: of the attempt before, which may have been left; empty: none
};

struct ServiceParts {
  Store& store;
  const Clock& clock;
  Randomness& randomness;
  // One run; blocks. From several threads, for different jobs.
  std::function<Result<RunRecord>(const JobSpec&, const RunId&, Cancel&)> run;
  // One comparison of a job's source and target; blocks. An Error where they differ.
  std::function<Status(const JobSpec&, Cancel&)> verify;
  std::function<void(const ServiceNote&)> tell;  // from any thread, one call at a time
  Log& log = process_log();                      // of the service as a whole
  // The next part of a backfill, which this service has meanwhile; blocks. Nothing: none waits.
  // From several threads, for different jobs.
  std::function<Result<std::optional<PartEnd>>(const JobSpec&, const BackfillRecord&, Cancel&)>
      backfill = {};
  // Whether a job is not to begin at a moment, as in the quiet hours of its source; any thread,
  // does not block.
  std::function<std::optional<PutOff>(const JobSpec&, UtcMicros)> put_off = {};
  // A half of a run, or both where HandOver says so; the record may be of the run before. Given
  // where all servers reach the stage: `run` is for nobody then.
  std::function<Result<RunRecord>(const JobSpec&, const HalfRun&, const HandOver&, Cancel&)>
      run_half = {};
  // Is told how late a fire began; from any thread, quick.
  std::function<void(std::chrono::milliseconds)> delayed = {};
  Looks::Ask change_sign = {};  // needed for jobs that watch files and tables
  // The connections that a job's steps and rules read; any thread.
  std::function<std::set<std::string>(const JobSpec&)> reads = {};
  // Whether a connection answers; blocks. Asked of those that steps and rules read, where a run
  // failed for the sake of a system. Any thread.
  std::function<bool(const std::string&, Cancel&)> answers = {};
};

// Parts of backfills have a pool of their own: one at a time, unless `pools` says how many.
inline constexpr const char* backfill_pool = "backfill";

struct ServiceOptions {
  QueueLimits limits;
  BreakerOptions breaker;
  std::string owner;  // this_process()
  // A fire that is later than this was missed: its job's `missed` says what becomes of it.
  std::chrono::milliseconds late{60'000};
  std::chrono::milliseconds drain{30'000};  // for runs under way, when it is to stop
  // Fires that ended so long ago are forgotten, but the newest of each job.
  std::chrono::hours keep = std::chrono::hours(24) * 30;
  // As `history` and `stage: {keep}` of tidemark.yaml; nothing: forever.
  std::optional<std::chrono::milliseconds> keep_runs = std::nullopt;
  std::optional<std::chrono::milliseconds> keep_stages = std::nullopt;
  // Whether other servers use this store, and what this one does of the work.
  bool shared = false;
  bool schedules = true;         // takes fires at their times
  bool works = true;             // runs them
  std::set<std::string> labels;  // of jobs that it runs beside those without one
  std::chrono::milliseconds lives_every{2'000};
  std::chrono::milliseconds dead_after{10'000};  // a server that was silent for so long
};

// A connection whose jobs wait, because it did not answer.
struct RestingConnection {
  std::string connection;
  UtcMicros until;
  std::string why;
};

// What only the service knows of itself.
struct ServiceNow {
  std::optional<UtcMicros> since;  // nothing: it does not serve yet
  Delays::Summary delays;
  std::vector<RestingConnection> resting;
  // Jobs that watch what cannot be looked at, and why.
  std::vector<std::pair<JobName, std::string>> unseen;
  // Jobs that come after others, have no fire of their own yet, and for whom they wait: others of
  // them have run, or that one goes on, is tried again or failed.
  std::vector<std::pair<JobName, std::string>> followers;
};

class Service {
 public:
  using Jobs = std::vector<std::shared_ptr<const JobSpec>>;
  Service(const ServiceParts& parts, ServiceOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // In the place of those before. Those that go on do so as they were begun; what waits of a job
  // that is gone, or does not run by itself any more, is cancelled. The jobs are in the store.
  Status set_jobs(const Jobs& jobs);
  // Until `stop`; then what runs may end within `drain`, and is cancelled after. An Error only
  // where the store cannot be used any more.
  Status serve(const Cancel& stop);
  // From any thread.
  ServiceNow now();
  // The run is to end, for that reason, and is not tried again; false: it does not go on here. From
  // any thread.
  bool cancel(const RunId& run, const std::string& why);
  // When its loop made its last step, on the clock that only goes forward; nothing: it does not
  // serve. From any thread; waits for nothing, whatever the loop does.
  std::optional<std::chrono::nanoseconds> stepped_at() const;
  // Runs at a time.
  int places() const { return options_.limits.running_max; }

 private:
  struct Job {
    std::shared_ptr<const JobSpec> spec;
    std::map<FireTask, JobTimes> times;  // of what it does by itself
    std::set<std::string> reads;         // the connections of its steps and rules
    bool does(FireTask what) const;
  };
  struct Running {
    Cancel* cancel;
    std::optional<std::chrono::nanoseconds> deadline;
    std::string why;  // it was cancelled
  };
  using FireKey = std::pair<Task, UtcMicros>;

  // With mutex_ held: the job, where this service does that of it by itself; else nothing.
  const Job* doer_of(const Task& task) const;
  Result<Job> job_of(std::shared_ptr<const JobSpec> spec) const;
  Status take_up(const Job& job, FireTask what);
  void let_go(std::vector<FireRecord>& dropped);
  void let_go_of(FireRecord fire);
  Status take_open_fires();
  void adopt(FireRecord fire);
  Status find_own();
  Status forget_old();
  Status look();
  // Whether a fire of the past is made up for; `inputs`: what it follows, where it is not due by a
  // time.
  enum class Owed { no, yes };
  struct Taking {
    DueFire due;
    Owed owed;
    FireInputs inputs;
  };
  Status take_due(UtcMicros at);
  Status take(const std::vector<Taking>& fires);
  std::optional<FireOffer> offer_of(const Taking& one) const;
  Status taken(const FireRecord& offered, FireAnswer answer);
  void let_aside(const Task& task, const std::vector<FireRecord>& aside);
  void stop_for(const FireRecord& fire);
  void enter_again(const FireKey& key);
  Status store_again();
  Status take_up_triggers();
  Status follow();
  Status follow_as_stored();
  Status take_followers();
  std::vector<DueFire> without_missed(std::vector<DueFire> due, UtcMicros at) const;
  void retry_now(UtcMicros at);
  void stop_overdue();
  void set_windows();
  bool hold(FireRecord& fire);
  bool waits_for_others(FireRecord& fire);
  void look_at_held();
  // Of what jobs watch; see service_watches.cc.
  void set_watches(const Jobs& jobs);
  Status take_up_watches(const std::vector<JobName>& jobs);
  Status watch();
  Status ask(const Look& look);
  Status answered(Looks::Answer answer);
  Status follow_change(const JobSpec& job, const SeenChange* known, const std::string& sign,
                       UtcMicros asked_at);
  bool enter(FireRecord fire);
  // Of several servers; see service_sharing.cc.
  ServerRecord self(bool leaves) const;
  Status say_that_it_lives(bool leaves);
  Status claim();
  void give_away(FireRecord fire);
  bool may_run(const FireRecord& fire);
  bool is_reachable(const JobSpec& job, FireHalf half, std::chrono::nanoseconds at) const;
  Status forget_unknown();
  Result<bool> end_staged(const FireRecord& fire);
  Status describe_anew(const Jobs& jobs);
  Status learn_what_ended();
  Result<bool> know_last(const JobName& job);
  Result<std::optional<Triggered>> for_all(const JobName& job);
  void wait_for_runs(std::unique_lock<std::mutex>& lock,
                     std::optional<std::chrono::nanoseconds> end);
  UtcMicros time() const;
  std::string awaited_by(const JobName& follower) const;
  const FireRecord* open_fire_of(const JobName& job) const;
  // Of backfills; see service_backfills.cc.
  Status offer_backfills();
  void offer(const BackfillRecord& backfill, std::chrono::nanoseconds at);
  void begin_part(const JobName& name);
  Result<std::chrono::nanoseconds> run_part_of(const JobSpec& job, Cancel& cancel);
  Result<std::chrono::nanoseconds> run_part_of(const JobSpec& job, const BackfillRecord& backfill,
                                               Cancel& cancel);
  Status end(const BackfillRecord& backfill);
  int places_of_backfills() const;
  std::chrono::nanoseconds until_it_may_begin(const JobSpec& job);
  void say_of(LogLevel level, const BackfillRecord& backfill, const std::string& text);
  void work();
  void begin(const QueuedRun& next);
  void not_begun(FireRecord fire, Error error);
  void put_back(const FireRecord& fire);
  std::optional<std::string> held_back(const JobSpec& job, FireRecord& fire);
  struct Outcome {
    std::optional<RunRecord> record;  // of a run that was begun
    std::optional<Error> error;
  };
  void note_delay(const Job& job, const FireRecord& fire);
  Outcome perform(const JobSpec& job, FireRecord& fire, const RunId& before, Cancel& cancel);
  // Of runs in halves; see service_halves.cc.
  bool is_in_halves(const Task& task) const;
  Outcome perform_half(const JobSpec& job, FireRecord& fire, const RunId& before, Cancel& cancel);
  Result<bool> loads_here(const JobSpec& job, FireRecord& fire, const RunId& run);
  bool tries_load_again(const JobSpec& job, const FireRecord& fire, const Error& error,
                        const Cancel& cancel);
  bool comes_to_other_half(const JobSpec& job, FireRecord& fire, const Outcome& outcome) const;
  void settle(const JobSpec& job, FireRecord fire, Outcome outcome, const std::string& why);
  std::set<std::string> asked_by(const JobSpec& job, FireHalf half) const;
  std::string who_failed(const JobSpec& job, const std::optional<Error>& error);
  void judge_connections(const JobSpec& job, FireHalf half, const std::optional<Error>& error,
                         const std::string& whose);
  void tell(const FireRecord& fire, std::optional<RunRecord> record);
  Status store(const FireRecord& fire);
  // The same, later where the store does not answer.
  void keep(const FireRecord& fire);
  void store_and_tell(const FireRecord& fire, std::optional<RunRecord> record);
  void fail(Error error);
  std::chrono::nanoseconds until_next();

  const ServiceParts parts_;
  const ServiceOptions options_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::unordered_map<JobName, Job> jobs_;
  DueQueue due_;
  RunQueue queue_;
  Triggers triggers_;
  Windows windows_;
  std::set<Task> untaken_;       // tasks and
  std::set<JobName> unwatched_;  // watching jobs that are new here, and not taken up yet
  Watches watches_;
  std::map<FireKey, FireRecord> open_;            // taken and not ended
  std::multimap<UtcMicros, FireKey> retries_;     // when they are tried again
  std::map<FireKey, std::vector<Awaited>> held_;  // of open_: they follow these, and wait
  std::unordered_map<JobName, Running> running_;
  std::map<std::string, Breaker> breakers_;  // by connection
  struct BackfillRest {
    std::chrono::nanoseconds until;
    bool is_quiet;  // for the quiet hours of its source
  };
  std::unordered_map<JobName, BackfillRest> backfill_rests_;
  std::unordered_map<BackfillId, PartTries> part_tries_;
  std::optional<UtcMicros> serves_since_;
  Delays delays_;
  bool leaving_ = false;
  std::optional<std::chrono::nanoseconds> forgot_;  // serve()'s thread: when it did last
  std::optional<Error> error_;
  std::deque<FireRecord> unstored_;  // what the store could not be told yet
  bool store_is_away_ = false;
  std::int64_t waiting_ = 0;           // fires that nobody has, of several servers
  std::deque<DueFire> to_take_;        // serve()'s thread
  UtcMicros ended_until_{0};           // serve()'s thread: what ended elsewhere is known so far
  std::chrono::nanoseconds asked_{0};  // serve()'s thread: for it, last
  std::optional<std::chrono::nanoseconds> backfills_asked_;  // serve()'s thread: for them, last
  std::atomic<bool> parts_left_ = false;    // one that ended may have others behind it
  std::atomic<bool> unsure_ = false;        // of which fires are its own
  std::atomic<bool> follow_anew_ = false;   // what jobs follow is to be asked of the store
  std::atomic<std::int64_t> ahead_us_ = 0;  // of the store's clock
  std::atomic<std::int64_t> in_touch_since_ = 0;
  std::atomic<std::int64_t> stepped_ = -1;  // in nanoseconds; -1: it does not serve
  std::atomic<std::int64_t> lived_ = -1;    // when it said so last, in nanoseconds; -1: never yet

  std::mutex tell_mutex_;
  Looks looks_;  // serve()'s thread
  std::vector<std::thread> workers_;
};

}  // namespace tidemark

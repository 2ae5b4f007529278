// What the store costs a run: the whole life of an empty run and of one with rows, each with its
// syncs.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "env/randomness.h"
#include "store/sql_store.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    // Beside the build rather than in /tmp, which may be memory and then syncs for nothing.
    std::string name = (fs::current_path() / "store-bench-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  fs::path store() const { return path_ / "store.db"; }

 private:
  fs::path path_;
};

JobRecord job() {
  JobRecord job;
  job.name = JobName("orders");
  job.spec_hash = "h1";
  return job;
}

RunStart start(const RunId& run) {
  PlannedStream plan{StreamName("orders"), Seq(3), Fence(7),
                     Window{std::nullopt, Position{"b"}, Position{"c"}}};
  return {run, JobName("orders"), RunKind::run,           "h1",  42,
          {},  Guarantee::exact,  std::string(2000, 'x'), {plan}};
}

Transition step(const RunId& run, StreamMark from, RunState to) {
  Transition step;
  step.run = run;
  step.stream = StreamName("orders");
  step.expected = from;
  step.to = to;
  return step;
}

StreamMark planned() {
  return {RunState::planned, 1, Fence(7)};
}

void must(bool ok) {
  if (!ok) std::abort();
}

// A process of its own each time: open, one transaction, close.
void open_and_idle_run(benchmark::State& state) {
  Folder folder;
  SystemClock clock;
  SystemRandomness randomness;
  for (auto _ : state) {
    auto store = SqlStore::open_sqlite(folder.store(), clock);
    must(store.ok());
    RunId run = new_run_id(clock, randomness);
    RunFinish finish{
        run, RunState::skipped, std::nullopt, "c", {step(run, planned(), RunState::skipped)}, ""};
    must((*store)->record_idle_run(job(), start(run), finish).ok());
  }
}

// The same without knowing at first that it is empty: begin, then finish.
void open_begin_and_finish(benchmark::State& state) {
  Folder folder;
  SystemClock clock;
  SystemRandomness randomness;
  for (auto _ : state) {
    auto store = SqlStore::open_sqlite(folder.store(), clock);
    must(store.ok() && (*store)->upsert_job(job()).ok());
    RunId run = new_run_id(clock, randomness);
    must((*store)->begin_run(start(run)).ok());
    RunFinish finish{
        run, RunState::skipped, std::nullopt, "c", {step(run, planned(), RunState::skipped)}, ""};
    must((*store)->finish_run(finish).ok());
  }
}

// Every state of the straight line, each durable: eight syncs.
void whole_run(benchmark::State& state) {
  Folder folder;
  SystemClock clock;
  SystemRandomness randomness;
  auto store = SqlStore::open_sqlite(folder.store(), clock);
  must(store.ok() && (*store)->upsert_job(job()).ok());
  for (auto _ : state) {
    RunId run = new_run_id(clock, randomness);
    must((*store)->begin_run(start(run)).ok());
    StreamMark mark = planned();
    for (RunState next : {RunState::extracting, RunState::staged, RunState::checked,
                          RunState::loading, RunState::committed}) {
      auto moved = (*store)->transition(step(run, mark, next));
      must(moved.ok());
      mark = *moved;
    }
    RunFinish finish{run, RunState::done, std::nullopt, "c", {step(run, mark, RunState::done)}, ""};
    must((*store)->finish_run(finish).ok());
  }
}

// In PostgreSQL where TIDEMARK_STORE names an empty database of one.
std::unique_ptr<SqlStore> open_given(const fs::path& path, const Clock& clock) {
  const char* conninfo = std::getenv("TIDEMARK_STORE");
  if (conninfo == nullptr) return SqlStore::open_sqlite(path, clock).value();
  PostgresStoreOptions options;
  options.conninfo = conninfo;
  return SqlStore::open_postgres(options, clock).value();
}

// Empty runs of as many jobs at a time: what waits for the disk together shares its sync.
void idle_runs_together(benchmark::State& state) {
  static std::unique_ptr<Folder> folder;
  static std::unique_ptr<SqlStore> store;
  SystemClock clock;
  SystemRandomness randomness;
  static SystemClock store_clock;
  if (state.thread_index() == 0) {
    folder = std::make_unique<Folder>();
    store = open_given(folder->store(), store_clock);
  }
  JobRecord own = job();
  own.name = JobName("orders" + std::to_string(state.thread_index()));
  for (auto _ : state) {
    RunId run = new_run_id(clock, randomness);
    RunStart begun = start(run);
    begun.job = own.name;
    RunFinish finish{
        run, RunState::skipped, std::nullopt, "c", {step(run, planned(), RunState::skipped)}, ""};
    must(store->record_idle_run(own, begun, finish).ok());
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    store.reset();
    folder.reset();
  }
}

BENCHMARK(open_and_idle_run)->Unit(benchmark::kMillisecond)->Iterations(500)->UseRealTime();
BENCHMARK(open_begin_and_finish)->Unit(benchmark::kMillisecond)->Iterations(500)->UseRealTime();
BENCHMARK(idle_runs_together)->Iterations(500)->UseRealTime()->Threads(1)->Threads(4)->Threads(16);
BENCHMARK(whole_run)->Unit(benchmark::kMillisecond)->Iterations(200)->UseRealTime();

}  // namespace
}  // namespace tidemark

// What looking on costs with a cache beside the store and without: many readers of the list of jobs
// and of the newest runs, while nobody writes and while somebody does. `bench/run cache` starts the
// servers and says where they are.
#include "store/read_cache.h"

#include <benchmark/benchmark.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "drivers/json/json.h"
#include "store/cached_reads.h"
#include "store/noted_database.h"
#include "store/redis_cache.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds measured{2'000};
constexpr int runs_shown = 100;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Of a process and its children, in seconds.
double cpu_of(const std::string& pid) {
  if (pid.empty()) return 0;
  double ticks = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    std::ifstream in(entry.path() / "stat");
    std::stringstream whole;
    whole << in.rdbuf();
    const std::string text = whole.str();
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream fields(text.substr(name_end + 2));
    std::vector<std::string> words;
    for (std::string word; words.size() < 15 && fields >> word;)
      words.push_back(word);
    if (words.size() < 15) continue;
    // State, parent, ...; of itself, and of those children that have ended.
    if (entry.path().filename() == pid)
      for (const std::size_t at : {11U, 12U, 13U, 14U})
        ticks += std::stod(words[at]);
    if (words[1] == pid)
      for (const std::size_t at : {11U, 12U})
        ticks += std::stod(words[at]);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_here() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

JobRecord job(int number) {
  JobRecord job;
  job.name = JobName("job_" + std::to_string(100'000 + number));
  job.schedule_cron = "every 1h";
  job.source_dsn = "host=db.example dbname=shop user=etl";
  job.source_query = "public.orders_" + std::to_string(number);
  job.target_table = "warehouse.mart.orders_" + std::to_string(number);
  job.load_strategy = StoredStrategy::upsert;
  job.watermark_col = "updated_at";
  job.spec_hash = "0123456789abcdef0123456789abcdef";
  job.last_watermark = "2026-11-23T07:00:00.000000Z";
  return job;
}

RunStart start_of(int number) {
  RunStart start;
  start.run = RunId("run" + std::to_string(1'000'000 + number));
  start.job = job(number % 100).name;
  start.streams.push_back({StreamName("main"), Seq(number + 1), Fence(number + 1),
                           Window{Position{"a"}, Position{"b"}, std::nullopt}, ""});
  return start;
}

template <class T>
T must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().describe().c_str());
    std::_Exit(1);
  }
  return std::move(result).value();
}
void must(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().describe().c_str());
  std::_Exit(1);
}

// As an API gives it.
std::string document(const std::vector<JobRecord>& jobs) {
  std::string text;
  JsonWriter writer(text, JsonLayout::compact);
  writer.begin_array();
  for (const JobRecord& job : jobs) {
    writer.begin_object().key("job").string(job.name.get());
    writer.key("schedule").string(job.schedule_cron).key("source").string(job.source_query);
    writer.key("target").string(job.target_table).key("load").string(to_string(job.load_strategy));
    writer.key("enabled").boolean(job.enabled);
    writer.key("watermark").string(job.last_watermark.value_or(""));
    writer.key("updated_at").string(to_text(job.updated_at)).end_object();
  }
  writer.end_array();
  return text;
}

// A store with jobs and runs; kept for all benchmarks, since it takes a while to fill.
class World {
 public:
  World(bool is_postgres, int jobs) : is_postgres_(is_postgres), jobs_(jobs) {
    if (!is_postgres) {
      std::string name = (fs::current_path() / "cache-bench-XXXXXX").string();
      folder_ = ::mkdtemp(name.data());
    }
    auto store = must(SqlStore::open(database()));
    std::vector<JobRecord> records;
    for (int number = 0; number < jobs; ++number)
      records.push_back(job(number));
    must(store->upsert_jobs(records));
    for (int number = 0; number < runs_shown; ++number)
      must(store->begin_run(start_of(number)));
  }
  ~World() {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  static World& of(bool is_postgres, int jobs) {
    static std::vector<std::unique_ptr<World>> worlds;
    for (const auto& world : worlds) {
      if (world->is_postgres_ == is_postgres && world->jobs_ == jobs) return *world;
    }
    worlds.push_back(std::make_unique<World>(is_postgres, jobs));
    return *worlds.back();
  }

  std::unique_ptr<SqlDatabase> database() const {
    if (!is_postgres_) return must(open_sqlite_database(folder_ / "store.db", clock_));
    PostgresStoreOptions options;
    options.conninfo = from_environment("TIDEMARK_BENCH_POSTGRES");
    options.schema = "jobs_" + std::to_string(jobs_);
    return must(open_postgres_database(options, clock_));
  }
  std::string name() const { return std::to_string(::getpid()) + folder_.string(); }
  int next_run() { return runs_shown + runs_++; }

 private:
  const bool is_postgres_;
  const int jobs_;
  fs::path folder_;
  SystemClock clock_;
  int runs_ = 0;
};

struct Servers {
  double here = cpu_here();
  double postgres = cpu_of(from_environment("TIDEMARK_BENCH_POSTGRES_PID"));
  double redis = cpu_of(from_environment("TIDEMARK_BENCH_REDIS_PID"));
};

// `state.range`: is it PostgreSQL, jobs, readers, has it a cache, writes a second.
template <class Read>
void look_on(benchmark::State& state, Read read) {
  signal(SIGPIPE, SIG_IGN);
  const bool is_postgres = state.range(0) != 0;
  if (is_postgres && from_environment("TIDEMARK_BENCH_POSTGRES").empty())
    return state.SkipWithError("say by TIDEMARK_BENCH_POSTGRES where it is");
  World& world = World::of(is_postgres, static_cast<int>(state.range(1)));
  SystemClock clock;
  SystemRandomness randomness;
  std::unique_ptr<ReadCache> cache;
  std::unique_ptr<SqlDatabase> database = world.database();
  if (state.range(3) != 0) {
    redis::ConnectOptions options;
    options.address = must(redis::parse_address(from_environment("TIDEMARK_BENCH_REDIS")));
    cache = std::make_unique<ReadCache>(make_redis_cache(options), world.name(), clock, randomness);
    database = note_writes(std::move(database), *cache);
  }
  const auto store = must(SqlStore::open(std::move(database)));
  std::vector<double> all_us;
  double seconds = 0;
  Servers spent{0, 0, 0};
  for ([[maybe_unused]] auto one : state) {
    std::atomic<bool> stops{false};
    std::vector<std::vector<double>> took(static_cast<std::size_t>(state.range(2)));
    const Servers before;
    const auto begun = SteadyClock::now();
    std::vector<std::thread> threads;
    for (std::vector<double>& mine : took) {
      threads.emplace_back([&] {
        while (!stops) {
          const auto from = SteadyClock::now();
          read(cache.get(), *store);
          mine.push_back(
              std::chrono::duration<double, std::micro>(SteadyClock::now() - from).count());
        }
      });
    }
    if (const auto writes = state.range(4)) {
      threads.emplace_back([&] {
        while (!stops) {
          must(store->begin_run(start_of(world.next_run())));
          std::this_thread::sleep_for(std::chrono::milliseconds(1'000 / writes));
        }
      });
    }
    std::this_thread::sleep_for(measured);
    stops = true;
    for (std::thread& thread : threads)
      thread.join();
    seconds += std::chrono::duration<double>(SteadyClock::now() - begun).count();
    const Servers after;
    spent.here += after.here - before.here;
    spent.postgres += after.postgres - before.postgres;
    spent.redis += after.redis - before.redis;
    for (const std::vector<double>& mine : took)
      all_us.insert(all_us.end(), mine.begin(), mine.end());
  }
  std::sort(all_us.begin(), all_us.end());
  const auto reads = static_cast<double>(all_us.size());
  state.counters["reads/s"] = reads / seconds;
  state.counters["p50_us"] = all_us[all_us.size() / 2];
  state.counters["p99_us"] = all_us[all_us.size() * 99 / 100];
  state.counters["cpu_here_us"] = spent.here / reads * 1e6;
  state.counters["cpu_postgres_us"] = spent.postgres / reads * 1e6;
  state.counters["cpu_redis_us"] = spent.redis / reads * 1e6;
  state.counters["asked"] = cache == nullptr ? reads : static_cast<double>(cache->state().asked);
}

void list_of_jobs(benchmark::State& state) {
  look_on(state, [](ReadCache* cache, Store& store) {
    const auto make = [&]() -> Result<std::string> { return document(must(store.list_jobs())); };
    if (cache == nullptr) {
      benchmark::DoNotOptimize(must(make()));
    } else {
      benchmark::DoNotOptimize(
          must(cache->text("jobs document", store_kinds({StoreKind::jobs}), make)));
    }
  });
}

void newest_runs(benchmark::State& state) {
  look_on(state, [](ReadCache* cache, Store& store) {
    RunFilter filter;
    filter.limit = runs_shown;
    benchmark::DoNotOptimize(must(cached_runs(cache, store, filter)));
  });
}

const std::vector<std::string> names{"postgres", "jobs", "readers", "cache", "writes"};
BENCHMARK(list_of_jobs)
    ->ArgNames(names)
    ->ArgsProduct({{0, 1}, {100, 10'000}, {1, 8, 64}, {0, 1}, {0}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(newest_runs)
    ->ArgNames(names)
    ->ArgsProduct({{0, 1}, {100}, {1, 8, 64}, {0, 1}, {0, 20}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tidemark

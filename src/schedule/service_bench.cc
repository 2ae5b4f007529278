// What the scheduler itself costs, with runs that do nothing and a store on disk: how late runs
// begin, what idle jobs cost, what a long queue holds, how long a claim takes. The label says
// whether it is within its limit; where one is over, the program ends with exit 1.
//
// Where TIDEMARK_BENCH_POSTGRES says how to reach a database that may be written (`host=... dbname=
// ...`), the same over a store there, in schemas that are made and dropped.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "drivers/postgres/connection.h"
#include "env/process.h"
#include "schedule/service.h"
#include "store/postgres_database.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double delay_p99_limit_ms = 250;
constexpr double idle_cpu_limit_percent = 2;
constexpr double queue_limit_mb = 200;
constexpr double claim_limit_ms = 100;
constexpr seconds measured{60};
constexpr int writers = 32;  // of what is stored before: those that write together share a sync

bool any_is_over = false;

void must(bool ok) {
  if (!ok) std::abort();
}

// Counts what the store is asked.
class CountedDatabase final : public SqlDatabase {
 public:
  struct Counts {
    std::atomic<std::int64_t> reads = 0;
    std::atomic<std::int64_t> writes = 0;
  };
  CountedDatabase(std::unique_ptr<SqlDatabase> database, Counts& counts)
      : database_(std::move(database)), counts_(counts) {}
  Status read(const Work& work) override {
    ++counts_.reads;
    return database_->read(work);
  }
  Status write(const Work& work, std::optional<milliseconds> patience) override {
    ++counts_.writes;
    return database_->write(work, patience);
  }
  Status write_behind(const Work& work) override {
    ++counts_.writes;
    return database_->write_behind(work);
  }
  Status migrate(const Work& work) override { return database_->migrate(work); }
  std::string name() const override { return database_->name(); }

 private:
  std::unique_ptr<SqlDatabase> database_;
  Counts& counts_;
};

enum class System { sqlite, postgres };

const char* postgres_to_use() {
  return std::getenv("TIDEMARK_BENCH_POSTGRES");
}

// A store in a folder beside the build (/tmp may be memory, which syncs for nothing), or in a
// schema of the server.
class World {
 public:
  explicit World(System system = System::sqlite) : system_(system) {
    auto database = open();
    must(database.ok());
    store_ =
        SqlStore::open(std::make_unique<CountedDatabase>(std::move(*database), counts_)).value();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    store_.reset();
    if (system_ == System::sqlite) fs::remove_all(path_);
    if (system_ == System::postgres) drop_schema();
  }
  bool is_shared() const { return system_ == System::postgres; }

  void keep(const Service::Jobs& jobs) {
    together(jobs.size(), [&](std::size_t at) {
      JobRecord record;
      record.name = jobs[at]->name;
      must(store_->upsert_job(record).ok());
    });
  }
  template <class Work>
  static void together(std::size_t count, Work work) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < writers; ++number) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < count; at = next++)
          work(at);
      });
    }
    for (std::thread& thread : threads)
      thread.join();
  }

  Store& store() { return *store_; }
  const SystemClock& clock() const { return clock_; }
  Randomness& randomness() { return randomness_; }
  const CountedDatabase::Counts& counts() const { return counts_; }

 private:
  Result<std::unique_ptr<SqlDatabase>> open() {
    if (system_ == System::sqlite) {
      std::string name = (fs::current_path() / "schedule-bench-XXXXXX").string();
      path_ = ::mkdtemp(name.data());
      return open_sqlite_database(path_ / "store.db", clock_);
    }
    drop_schema();
    PostgresStoreOptions options;
    options.conninfo = postgres_to_use();
    options.schema = schema;
    return open_postgres_database(options, clock_);
  }
  static void drop_schema() {
    Cancel never;
    postgres::ConnectOptions options;
    options.conninfo = postgres_to_use();
    auto session = postgres::Connection::connect(options, never);
    must(session.ok());
    must((*session)
             ->execute(std::string("drop schema if exists ") + schema + " cascade", never)
             .ok());
  }

  static constexpr const char* schema = "tidemark_bench";
  const System system_;
  SystemClock clock_;
  SystemRandomness randomness_;
  CountedDatabase::Counts counts_;
  fs::path path_;
  std::unique_ptr<SqlStore> store_;
};

std::shared_ptr<JobSpec> a_job(std::size_t number) {
  auto job = std::make_shared<JobSpec>();
  job->name = JobName(fmt::format("job_{:05}", number));
  job->content_hash = job->name.get();
  job->from.connection.value = "shop";
  job->to.connection.value = "warehouse";
  return job;
}

Service::Jobs idle_jobs(std::size_t count, std::size_t first = 0) {
  Service::Jobs jobs;
  for (std::size_t number = 0; number < count; ++number) {
    auto job = a_job(first + number);
    job->schedule.starts = DayOrMoment{std::nullopt, UtcMicros(4'000'000'000'000'000)};
    job->schedule.every = std::chrono::hours(1);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

// 6,000 jobs once a minute, each at a second of its own: 100 fires at each second.
Service::Jobs busy_jobs() {
  Service::Jobs jobs;
  for (std::size_t number = 0; number < 6'000; ++number) {
    auto job = a_job(number);
    job->schedule.cron = Name{fmt::format("{} * * * * *", number % 60), {}};
    jobs.push_back(std::move(job));
  }
  return jobs;
}

RunRecord nothing_done() {
  RunRecord record;
  record.state = RunState::done;
  record.ended_at = UtcMicros(1);
  return record;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double resident_mb() {
  std::ifstream pages("/proc/self/statm");
  double total = 0;
  double resident = 0;
  pages >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double quantile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

void judge(benchmark::State& state, bool within, const char* limit) {
  any_is_over = any_is_over || !within;
  state.SetLabel(std::string(within ? "within: " : "OVER: ") + limit);
}

// A service in a thread of its own, as long as this lives.
class Served {
 public:
  using Tell = std::function<void(const ServiceNote&)>;
  Served(World& world, const Service::Jobs& jobs, Tell tell)
      : service_({world.store(), world.clock(), world.randomness(),
                  [](const JobSpec&, const RunId&, Cancel&) -> Result<RunRecord> {
                    return nothing_done();
                  },
                  [](const JobSpec&, Cancel&) { return Status(); }, std::move(tell)},
                 options(world)) {
    must(service_.set_jobs(jobs).ok());
    thread_ = std::thread([this] { must(service_.serve(stop_).ok()); });
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  ~Served() {
    stop_.request();
    thread_.join();
  }

 private:
  static ServiceOptions options(const World& world) {
    ServiceOptions options;
    options.owner = world.is_shared() ? this_process() : "bench";
    options.shared = world.is_shared();
    return options;
  }
  Service service_;
  Cancel stop_;
  std::thread thread_;
};

void hundred_fires_a_second(benchmark::State& state, System system) {
  World world(system);
  Service::Jobs jobs = busy_jobs();
  for (auto& job : idle_jobs(4'000, jobs.size()))
    jobs.push_back(std::move(job));
  world.keep(jobs);
  for (auto _ : state) {
    std::atomic<bool> counts = false;
    std::vector<double> delays;
    std::int64_t skipped = 0;
    const auto note = [&](const ServiceNote& told) {
      if (!counts) return;
      if (told.state == FireState::skipped) ++skipped;
      if (told.state == FireState::running)
        delays.push_back(static_cast<double>(world.clock().now_utc().get() - told.fire.get()) /
                         1000);
    };
    const Served served(world, jobs, note);
    std::this_thread::sleep_for(seconds(3));
    const double cpu = cpu_seconds();
    const std::int64_t writes = world.counts().writes;
    counts = true;
    std::this_thread::sleep_for(measured);
    counts = false;
    std::this_thread::sleep_for(milliseconds(100));
    const auto fires = static_cast<double>(delays.size());
    state.counters["fires"] = fires;
    state.counters["skipped"] = static_cast<double>(skipped);
    state.counters["p50_ms"] = quantile(delays, 0.5);
    state.counters["p99_ms"] = quantile(delays, 0.99);
    state.counters["max_ms"] = quantile(delays, 1);
    state.counters["cpu_ms_per_fire"] = (cpu_seconds() - cpu) * 1000 / fires;
    state.counters["writes_per_fire"] = static_cast<double>(world.counts().writes - writes) / fires;
    const bool kept_up = skipped == 0 && fires >= 100.0 * (measured.count() - 1);
    judge(state, kept_up && quantile(delays, 0.99) <= delay_p99_limit_ms,
          "all fires, 250 ms at p99");
  }
}

void idle(benchmark::State& state, System system) {
  World world(system);
  const Service::Jobs jobs = idle_jobs(static_cast<std::size_t>(state.range(0)));
  world.keep(jobs);
  for (auto _ : state) {
    const Served served(world, jobs, [](const ServiceNote&) {});
    std::this_thread::sleep_for(seconds(2));
    const double cpu = cpu_seconds();
    const std::int64_t reads = world.counts().reads;
    const std::int64_t writes = world.counts().writes;
    std::this_thread::sleep_for(measured);
    const double percent = (cpu_seconds() - cpu) * 100 / static_cast<double>(measured.count());
    state.counters["cpu_percent"] = percent;
    state.counters["reads"] = static_cast<double>(world.counts().reads - reads);
    state.counters["writes"] = static_cast<double>(world.counts().writes - writes);
    judge(state, percent <= idle_cpu_limit_percent, "2 % of a core");
  }
}

constexpr std::size_t jobs_count = 1'000;  // of those that wait
constexpr std::size_t fires_each = 100;

Service::Jobs jobs_that_wait(World& world) {
  Service::Jobs jobs;
  for (std::size_t number = 0; number < jobs_count; ++number) {
    auto job = a_job(number);
    job->schedule.every = std::chrono::hours(1);
    job->schedule.overlap = Overlap::queue;
    job->schedule.missed = Missed::skip;
    jobs.push_back(std::move(job));
  }
  world.keep(jobs);
  const std::int64_t hour = 3'600'000'000;
  const std::int64_t first = (world.clock().now_utc().get() / hour - 200) * hour;
  const std::string owner = world.is_shared() ? "" : "bench";
  World::together(jobs_count * fires_each, [&](std::size_t at) {
    FireRecord fire;
    fire.task = Task(jobs[at % jobs_count]->name);
    fire.fire = UtcMicros(first + static_cast<std::int64_t>(at / jobs_count) * hour);
    fire.owner = owner;
    must(world.store().take_fire(fire, OnOpen::queue)->taken);
  });
  return jobs;
}

// 1,000 jobs with 100 fires each that wait since before the start. How many turns a job may be
// ahead of another: each of them waits for its turn once a round.
void hundred_thousand_wait(benchmark::State& state) {
  constexpr std::int64_t looked_at = 10'000;
  World world;
  const Service::Jobs jobs = jobs_that_wait(world);
  for (auto _ : state) {
    const double before = resident_mb();
    std::atomic<std::int64_t> began = 0;
    std::unordered_map<JobName, std::int64_t> turns;
    const auto note = [&](const ServiceNote& told) {
      if (told.state != FireState::running || began >= looked_at) return;
      ++turns[told.task.job];
      ++began;
    };
    double peak = before;
    {
      const Served served(world, jobs, note);
      while (began < looked_at) {
        std::this_thread::sleep_for(milliseconds(10));
        peak = std::max(peak, resident_mb());
      }
    }
    std::int64_t most = 0;
    std::int64_t least = looked_at;
    for (const auto& job : jobs) {
      most = std::max(most, turns[job->name]);
      least = std::min(least, turns[job->name]);
    }
    state.counters["peak_mb"] = peak - before;
    state.counters["most_turns"] = static_cast<double>(most);
    state.counters["least_turns"] = static_cast<double>(least);
    judge(state, peak - before <= queue_limit_mb && most - least <= 2, "200 MB, two turns ahead");
  }
}

// The next four of the same fires, by a server that shares them with others.
void a_claim_of_hundred_thousand(benchmark::State& state) {
  constexpr int claims = 50;
  World world(System::postgres);
  jobs_that_wait(world);
  for (auto _ : state) {
    std::vector<double> took;
    for (int number = 0; number < claims; ++number) {
      const auto begun = std::chrono::steady_clock::now();
      auto claimed = world.store().claim_fires({"bench", 4, {}, {}, {}});
      took.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
              .count());
      must(claimed.ok() && claimed->size() == 4);
      for (FireRecord& fire : *claimed) {
        fire.state = FireState::done;
        must(world.store().update_fire(fire).ok());
      }
    }
    state.counters["p50_ms"] = quantile(took, 0.5);
    state.counters["max_ms"] = quantile(took, 1);
    judge(state, quantile(took, 0.5) <= claim_limit_ms, "100 ms");
  }
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& measure,
         std::int64_t argument = -1) {
  auto* one = benchmark::RegisterBenchmark(name.c_str(), measure);
  one->Unit(benchmark::kSecond)->Iterations(1)->UseRealTime();
  if (argument >= 0) one->Arg(argument);
}

void add_all() {
  std::vector<std::pair<System, std::string>> systems{{System::sqlite, ""}};
  if (postgres_to_use() != nullptr) systems.emplace_back(System::postgres, "_in_postgres");
  for (const auto& [system, where] : systems) {
    add("hundred_fires_a_second" + where,
        [system](benchmark::State& state) { hundred_fires_a_second(state, system); });
    for (const int jobs : {100, 10'000}) {
      add("idle" + where, [system](benchmark::State& state) { idle(state, system); }, jobs);
    }
  }
  add("hundred_thousand_wait", hundred_thousand_wait);
  if (postgres_to_use() != nullptr)
    add("a_claim_of_hundred_thousand_in_postgres", a_claim_of_hundred_thousand);
}

}  // namespace
}  // namespace tidemark

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  tidemark::add_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return tidemark::any_is_over ? 1 : 0;
}

// Writers whose transactions commit late, and readers that must not lose a row for it.
//
// Sixteen sessions insert and update for a while, each transaction up to 2.5 s long, with
// savepoints, rollbacks and prepared transactions, beside one that stands idle in its transaction.
// Readers follow the table by each kind of watermark all the while. In the end a target that merges
// by key must equal the table, and one that appends must have been given no version twice. A naive
// reader, which takes what is above the largest value it has seen, runs beside them and must lose
// rows, or the test shows nothing. The seed is printed, and TIDEMARK_LATE_SEED plays one again;
// TIDEMARK_LATE_SECONDS says how long.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "connectors/postgres/source_fixture_test.h"
#include "connectors/postgres/transaction_watermark.h"

namespace tidemark::postgres {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int writers = 16;
constexpr milliseconds transaction_max{2500};
constexpr milliseconds idle_in_transaction{25'000};
constexpr milliseconds pace{150};
constexpr std::chrono::seconds patience{20};  // with a server that has other things to do

unsigned the_seed() {
  const char* said = std::getenv("TIDEMARK_LATE_SEED");
  return said == nullptr ? std::random_device()() : static_cast<unsigned>(std::atoll(said));
}

std::chrono::seconds how_long() {
  const char* wanted = std::getenv("TIDEMARK_LATE_SECONDS");
  return std::chrono::seconds(wanted == nullptr ? 60 : std::atoi(wanted));
}

// A version of a row: versions count up, so the largest is the last.
struct Version {
  std::int64_t id;
  std::int64_t version;
  friend auto operator<=>(const Version&, const Version&) = default;
};

// When each version was committed, as its writer knows it.
class Commits {
 public:
  void add(const std::vector<Version>& written) {
    const std::lock_guard lock(mutex_);
    for (const Version& one : written)
      at_[one] = Clock::now();
  }
  std::map<Version, Clock::time_point> all() {
    const std::lock_guard lock(mutex_);
    return at_;
  }

 private:
  std::mutex mutex_;
  std::map<Version, Clock::time_point> at_;
};

class Writer {
 public:
  Writer(const ConnectOptions& options, int number, unsigned seed, Commits& commits)
      : options_(options),
        number_(number),
        dice_(seed + static_cast<unsigned>(number)),
        commits_(commits) {}

  void write_until(Clock::time_point end) {
    auto connected = Connection::connect(options_, cancel_);
    ASSERT_TRUE(connected.ok()) << connected.error().describe();
    connection_ = std::move(*connected);
    while (Clock::now() < end)
      one_transaction();
  }

  // Writes a row and commits it long after.
  void stand_idle(Clock::time_point end) {
    auto connected = Connection::connect(options_, cancel_);
    ASSERT_TRUE(connected.ok()) << connected.error().describe();
    connection_ = std::move(*connected);
    run("begin");
    write_row();
    std::this_thread::sleep_until(std::min(end, Clock::now() + idle_in_transaction));
    run("commit");
    commits_.add(written_);
  }

 private:
  int roll(int below) { return std::uniform_int_distribution<int>(0, below - 1)(dice_); }

  void run(const std::string& sql) {
    const auto done = connection_->execute(sql, cancel_);
    ASSERT_TRUE(done.ok()) << sql << ": " << done.error().describe();
  }

  // Each writer has rows of its own, so that they do not wait for each other.
  void write_row() {
    const bool fresh = rows_.empty() || roll(3) > 0;
    const std::int64_t id = fresh ? number_ * 1'000'000 + static_cast<int>(rows_.size())
                                  : std::next(rows_.begin(), roll(int(rows_.size())))->first;
    const std::int64_t version = ++rows_[id];
    run(fresh ? "insert into late (id, version) values (" + std::to_string(id) + ", " +
                    std::to_string(version) + ")"
              : "update late set version = " + std::to_string(version) +
                    ", updated_at = now() where id = " + std::to_string(id));
    written_.push_back({id, version});
  }

  void pause() { std::this_thread::sleep_for(milliseconds(roll(200))); }

  void one_transaction() {
    const auto before = rows_;
    written_.clear();
    run("begin");
    const auto end = Clock::now() + milliseconds(roll(int(transaction_max.count())) / 4 * roll(5));
    do {
      write_row();
      if (roll(4) == 0) in_savepoint();
      pause();
    } while (Clock::now() < end);
    const int how = roll(100);
    if (how < 10) {
      run("rollback");
      rows_ = before;
      written_.clear();
      return;
    }
    if (how < 13) {
      const std::string gid =
          quote_text("late_" + std::to_string(number_) + "_" + std::to_string(++prepared_));
      run("prepare transaction " + gid);
      std::this_thread::sleep_for(milliseconds(roll(2000)));
      run("commit prepared " + gid);
    } else {
      run("commit");
    }
    commits_.add(written_);
  }

  void in_savepoint() {
    const auto rows = rows_;
    const std::size_t written = written_.size();
    run("savepoint s");
    write_row();
    if (roll(2) == 0) return run("release savepoint s");
    run("rollback to savepoint s");
    rows_ = rows;
    written_.resize(written);
  }

  ConnectOptions options_;
  int number_;
  std::mt19937 dice_;
  Commits& commits_;
  Cancel cancel_;
  std::unique_ptr<Connection> connection_;
  std::map<std::int64_t, std::int64_t> rows_;  // id to its last version, of what is committed
  std::vector<Version> written_;
  int prepared_ = 0;
};

// A target as far as the rows go: what it was given, and when first.
struct Target {
  std::string name;
  std::string watermark;
  LoadStrategy strategy;
  std::string user = "postgres";
  bool sees_changes = true;  // else rows are compared by their ids
  std::optional<Position> lo = {};
  std::string memory = {};
  std::map<Version, Clock::time_point> given = {};
  int doubled = 0;
  int runs = 0;
  Guarantee guarantee = Guarantee::best_effort;

  // Of what is in the table in the end and was never given.
  std::vector<Version> lost(const std::vector<Version>& table) const {
    std::set<std::int64_t> ids;
    for (const auto& [version, when] : given)
      ids.insert(version.id);
    std::vector<Version> missing;
    for (const Version& row : table) {
      if (sees_changes ? !given.contains(row) : !ids.contains(row.id)) missing.push_back(row);
    }
    return missing;
  }

  // More than once the same version, or the same row where changes are not seen.
  int given_again() const {
    if (sees_changes) return doubled;
    std::set<std::int64_t> ids;
    for (const auto& [version, when] : given)
      ids.insert(version.id);
    return doubled + static_cast<int>(given.size() - ids.size());
  }

  bool merges() const { return strategy == LoadStrategy::upsert && watermark != "written_by"; }
};

class LateRowsTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    server_ = testing::PostgresServer::start({{"max_prepared_transactions=64"}});
    database_ = server_->new_database();
    sql("create table late (id bigint primary key, version bigint not null, updated_at timestamptz "
        "not null default now(), number bigint generated always as identity);"
        "create role stranger login; grant select on late, late_number_seq to stranger");
  }

  std::string sql(const std::string& text) { return server_->psql(database_, text); }

  ConnectOptions here(const std::string& user = "postgres") const {
    ConnectOptions made;
    made.conninfo = server_->conninfo(database_, user);
    made.application_name = "late";
    return made;
  }

  void prepare() {
    auto session = Connection::connect(here(), cancel_);
    ASSERT_TRUE(session.ok()) << session.error().describe();
    auto wanted = source_preparation(**session, {"public", "late"}, "written_by", cancel_);
    ASSERT_TRUE(wanted.ok()) << wanted.error().describe();
    const Status done = apply_preparation(**session, *wanted, cancel_);
    ASSERT_TRUE(done.ok()) << done.error().describe();
    auto rest = source_preparation(**session, {"public", "late"}, "written_by", cancel_);
    ASSERT_TRUE(rest.ok() && rest->together.empty() && rest->index.empty());
  }

  void follow(Target& target, duck::Connection& duck) {
    PostgresSource source(here(target.user), table("late", target.watermark), target.strategy);
    Progress progress;
    progress.lo = target.lo;
    progress.memory = target.memory;
    auto rows = read_with(duck, source, progress, "id, version");
    ASSERT_TRUE(rows.ok()) << target.name << ": " << rows.error().describe();
    ++target.runs;
    target.memory = rows->bound.memory;
    target.guarantee = rows->bound.guarantee;
    if (rows->bound.nothing_new) return;
    give(target, rows->rows);
    target.lo = rows->bound.window.hi;
  }

  // Until nobody writes any more, and after that until all has come: a watermark also waits for
  // what else the server does, such as a vacuum. What it has passed never comes.
  void follow_all(std::vector<Target>& targets, const std::atomic<int>& writing) {
    auto duck = std::move(engine_->connect()).value();
    const auto once = [&] {
      for (Target& target : targets)
        follow(target, *duck);
    };
    while (writing > 0) {
      const auto next = Clock::now() + pace;
      once();
      std::this_thread::sleep_until(next);
    }
    // Timestamps stay a margin behind the clock.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    once();
    once();
    const std::vector<Version> table = rows_now();
    const auto misses = [&](const Target& target) { return !target.lost(table).empty(); };
    const auto end = Clock::now() + patience;
    while (std::any_of(targets.begin(), targets.end(), misses) && Clock::now() < end)
      once();
  }

  // Sling's and others' way, as measured in many places: what is above the largest value seen.
  void follow_naively(Target& target, duck::Connection& duck) {
    PostgresSource source(
        here(),
        query("select id, version, updated_at::text as seen from late" +
              (target.lo ? " where updated_at > " + quote_text(target.lo->text) : "")),
        LoadStrategy::full);
    auto rows = read_with(duck, source, {}, "id, version, seen");
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    for (const auto& row : rows->rows) {
      if (!target.lo || *row[2] > target.lo->text) target.lo = Position{*row[2]};
    }
    give(target, rows->rows);
  }

  static void give(Target& target,
                   const std::vector<std::vector<std::optional<std::string>>>& rows) {
    for (const auto& row : rows) {
      const Version version{std::atoll(row[0]->c_str()), std::atoll(row[1]->c_str())};
      if (!target.given.emplace(version, Clock::now()).second) ++target.doubled;
    }
  }

  std::vector<Version> rows_now() {
    std::vector<Version> rows;
    auto session = Connection::connect(here(), cancel_);
    auto answer = (*session)->query("select id, version from late order by id", cancel_);
    for (std::size_t row = 0; row < answer->rows(); ++row)
      rows.push_back({answer->integer(row, 0), answer->integer(row, 1)});
    return rows;
  }

  std::unique_ptr<testing::PostgresServer> server_;
};

double median_delay(const Target& target, const std::map<Version, Clock::time_point>& commits) {
  std::vector<double> delays;
  for (const auto& [version, committed] : commits) {
    const auto given = target.given.find(version);
    if (given != target.given.end())
      delays.push_back(std::chrono::duration<double>(given->second - committed).count());
  }
  std::sort(delays.begin(), delays.end());
  return delays.empty() ? 0 : delays[delays.size() / 2];
}

TEST_F(LateRowsTest, NoKindOfWatermarkLosesARowThatCommitsLate) {
  prepare();
  const unsigned seed = the_seed();
  std::printf("seed %u, %lld s\n", seed, static_cast<long long>(how_long().count()));
  std::vector<Target> targets{
      {"xid8, upsert", "written_by", LoadStrategy::upsert},
      {"xid8, append", "written_by", LoadStrategy::append},
      {"now(), upsert", "updated_at", LoadStrategy::upsert},
      {"now(), append", "updated_at", LoadStrategy::append},
      {"xmin, upsert", "xmin", LoadStrategy::upsert},
  };
  // These wait for transactions in each run, so they go beside the others.
  std::vector<Target> ringed{
      {"now(), upsert, sees no sessions", "updated_at", LoadStrategy::upsert, "stranger"},
      {"now(), append, sees no sessions", "updated_at", LoadStrategy::append, "stranger"},
      {"serial, append", "number", LoadStrategy::append, "stranger", false},
  };
  // The first window of an append needs a moment without a prepared transaction.
  for (std::vector<Target>* all : {&targets, &ringed}) {
    for (Target& target : *all)
      follow(target, *duck_);
  }
  Commits commits;
  const Clock::time_point end = Clock::now() + how_long();
  std::vector<std::thread> threads;
  std::atomic<int> writing = writers + 1;
  for (int number = 0; number <= writers; ++number) {
    threads.emplace_back([&, number] {
      Writer writer(here(), number + 1, seed, commits);
      if (number == writers)
        writer.stand_idle(end);
      else
        writer.write_until(end);
      --writing;
    });
  }
  std::thread beside([&] { follow_all(ringed, writing); });
  Target naive{"naive", "", LoadStrategy::append};
  std::thread naively([&] {
    auto duck = std::move(engine_->connect()).value();
    while (writing > 0) {
      follow_naively(naive, *duck);
      std::this_thread::sleep_for(pace);
    }
    follow_naively(naive, *duck);
  });
  follow_all(targets, writing);
  beside.join();
  naively.join();
  for (std::thread& thread : threads)
    thread.join();
  targets.insert(targets.end(), ringed.begin(), ringed.end());

  const std::vector<Version> table = rows_now();
  const auto committed = commits.all();
  ASSERT_GT(table.size(), 50U);
  std::printf("%zu rows, %zu versions\n%-32s %-13s %6s %6s %8s %10s\n", table.size(),
              committed.size(), "watermark", "guarantee", "runs", "lost", "again", "delay p50");
  for (const Target& target : targets) {
    const double delay = median_delay(target, committed);
    std::printf("%-32s %-13s %6d %6zu %8d %8.2f s\n", target.name.c_str(),
                std::string(to_string(target.guarantee)).c_str(), target.runs,
                target.lost(table).size(), target.given_again(), delay);
    // Each waits for those beside it, and for whatever else the machine does.
    EXPECT_GT(target.runs, how_long().count() / 4) << target.name;
    if (target.watermark == "written_by") {
      EXPECT_LE(delay, 0.25) << target.name;
    }
    EXPECT_EQ(target.lost(table), std::vector<Version>()) << target.name;
    if (!target.merges()) {
      EXPECT_EQ(target.given_again(), 0) << target.name;
    }
  }
  std::printf("%-32s %-13s %6zu\n", "naive", "none", naive.lost(table).size());
  EXPECT_GT(naive.lost(table).size(), 0U) << "the control lost nothing, so nothing was shown";
  for (const Target& target : targets) {
    const bool exact = target.watermark == "written_by" || target.watermark == "xmin";
    EXPECT_EQ(target.guarantee, exact ? Guarantee::exact_upsert : Guarantee::bounded)
        << target.name;
  }
}

}  // namespace
}  // namespace tidemark::postgres

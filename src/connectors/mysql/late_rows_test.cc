// Writers whose transactions commit late, and readers that must not lose a row for it.
//
// Sixteen sessions insert and update for a while, each transaction up to 2.5 s long, with
// savepoints, rollbacks and prepared XA transactions, some of which outlive their session, beside
// one that stands idle in its transaction. Readers follow the table all the while, each run by a
// source of its own that knows only what the last one left. In the end a target that merges by key
// must equal the table, and one that appends must have been given no version twice. A naive reader,
// which takes what is above the largest value it has seen, runs beside them and must lose rows, or
// the test shows nothing. The seed is printed; TIDEMARK_LATE_SECONDS says how long.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "connectors/mysql/source_fixture_test.h"

namespace tidemark::mysql {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int writers = 16;
constexpr milliseconds transaction_max{2500};
constexpr milliseconds idle_in_transaction{8'000};
constexpr milliseconds pace{100};

std::chrono::seconds how_long() {
  const char* wanted = std::getenv("TIDEMARK_LATE_SECONDS");
  return std::chrono::seconds(wanted == nullptr ? 20 : std::atoi(wanted));
}

// A version of a row: versions count up, so the largest is the last.
struct Version {
  std::int64_t id;
  std::int64_t version;
  friend auto operator<=>(const Version&, const Version&) = default;
};

class Writer {
 public:
  Writer(ConnectOptions options, int number, unsigned seed)
      : options_(std::move(options)),
        number_(number),
        dice_(seed + static_cast<unsigned>(number)) {}

  void write_until(Clock::time_point end) {
    connect();
    while (Clock::now() < end)
      one_transaction();
  }

  // Writes a row and commits it long after.
  void stand_idle(Clock::time_point end) {
    connect();
    run("begin");
    write_row();
    std::this_thread::sleep_until(std::min(end, Clock::now() + idle_in_transaction));
    run("commit");
  }

 private:
  int roll(int below) { return std::uniform_int_distribution<int>(0, below - 1)(dice_); }

  void connect() {
    auto connected = Connection::connect(options_, cancel_);
    ASSERT_TRUE(connected.ok()) << connected.error().describe();
    connection_ = std::move(*connected);
  }

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
                    " where id = " + std::to_string(id));
  }

  void pause() { std::this_thread::sleep_for(milliseconds(roll(200))); }

  void one_transaction() {
    const auto before = rows_;
    const bool prepares = roll(100) < 6;
    const std::string xid =
        quote_text("late_" + std::to_string(number_) + "_" + std::to_string(++transactions_));
    run(prepares ? "xa start " + xid : "begin");
    const auto end = Clock::now() + milliseconds(roll(int(transaction_max.count())) / 4 * roll(5));
    do {
      write_row();
      if (!prepares && roll(4) == 0) in_savepoint();
      pause();
    } while (Clock::now() < end);
    if (prepares) return commit_prepared(xid);
    if (roll(100) < 10) {
      run("rollback");
      rows_ = before;
      return;
    }
    run("commit");
  }

  void commit_prepared(const std::string& xid) {
    run("xa end " + xid);
    run("xa prepare " + xid);
    if (roll(2) == 0) connect();
    std::this_thread::sleep_for(milliseconds(roll(2000)));
    // The old session may not have let go of it yet.
    for (int left = 50; left > 0; --left) {
      if (connection_->execute("xa commit " + xid, cancel_).ok()) return;
      std::this_thread::sleep_for(milliseconds(20));
    }
    run("xa commit " + xid);
  }

  void in_savepoint() {
    const auto rows = rows_;
    run("savepoint s");
    write_row();
    if (roll(2) == 0) return run("release savepoint s");
    run("rollback to savepoint s");
    rows_ = rows;
  }

  ConnectOptions options_;
  int number_;
  std::mt19937 dice_;
  Cancel cancel_;
  std::unique_ptr<Connection> connection_;
  std::map<std::int64_t, std::int64_t> rows_;  // id to its last version, of what is committed
  int transactions_ = 0;
};

// A target as far as the rows go.
struct Target {
  std::string name;
  LoadStrategy strategy;
  Progress progress = {};
  std::set<Version> given = {};
  int doubled = 0;
  int runs = 0;
  Guarantee guarantee = Guarantee::best_effort;

  void give(const std::vector<std::vector<std::optional<std::string>>>& rows) {
    ++runs;
    for (const auto& row : rows) {
      if (!given.insert({std::atoll(row[0]->c_str()), std::atoll(row[1]->c_str())}).second)
        ++doubled;
    }
  }
  // Of what is in the table in the end and was never given.
  std::vector<Version> lost(const std::vector<Version>& table) const {
    std::vector<Version> missing;
    for (const Version& row : table) {
      if (!given.contains(row)) missing.push_back(row);
    }
    return missing;
  }
};

class LateRowsTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    server_ = testing::MariadbServer::start();
    database_ = server_->new_database();
    sql("create table late (id bigint primary key, version bigint not null, updated_at "
        "timestamp(6) not null default current_timestamp(6) on update current_timestamp(6))");
  }
  testing::MariadbServer& server() override {
    return server_ ? *server_ : testing::MariadbServer::shared();
  }

  void follow(Target& target) {
    MysqlSource source(options(), table("late", "updated_at"), target.strategy);
    auto rows = read(source, target.progress, "id, version");
    ASSERT_TRUE(rows.ok()) << target.name << ": " << rows.error().describe();
    target.give(rows->rows);
    target.guarantee = rows->bound.guarantee;
    target.progress.lo = rows->bound.window.hi;
    target.progress.memory = rows->bound.memory;
  }

  void follow_naively(Target& target) {
    const auto& lo = target.progress.lo;
    MysqlSource source(options(),
                       query("select id, version, cast(updated_at as char) as seen from late" +
                             (lo ? " where updated_at > " + quote_text(lo->text) : std::string())),
                       LoadStrategy::full);
    auto rows = read(source, {}, "id, version, seen");
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    std::string newest = lo ? lo->text : std::string();
    for (const auto& row : rows->rows)
      newest = std::max(newest, *row[2]);
    if (!newest.empty()) target.progress.lo = Position{newest};
    target.give(rows->rows);
  }

  std::vector<Version> rows_now() {
    std::vector<Version> rows;
    const auto session = Connection::connect(options(), cancel_).value();
    const auto answer = session->query("select id, version from late order by id", cancel_);
    for (std::size_t row = 0; row < answer->rows(); ++row)
      rows.push_back({answer->integer(row, 0), answer->integer(row, 1)});
    return rows;
  }

  std::unique_ptr<testing::MariadbServer> server_;
};

TEST_F(LateRowsTest, NoRowThatCommitsLateIsLost) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u, %lld s\n", seed, static_cast<long long>(how_long().count()));
  Target upsert{"upsert", LoadStrategy::upsert};
  Target append{"append", LoadStrategy::append};
  Target naive{"naive", LoadStrategy::append};
  sql("insert into late (id, version) values (1, 1)");
  std::this_thread::sleep_for(milliseconds(1500));
  follow(upsert);
  follow(append);
  const Clock::time_point end = Clock::now() + how_long();
  std::vector<std::thread> threads;
  std::atomic<int> writing = writers + 1;
  for (int number = 0; number <= writers; ++number) {
    threads.emplace_back([&, number] {
      Writer writer(options(), number + 1, seed);
      if (number == writers)
        writer.stand_idle(end);
      else
        writer.write_until(end);
      --writing;
    });
  }
  while (writing > 0) {
    follow(upsert);
    follow_naively(naive);
    follow(append);
    follow_naively(naive);
    std::this_thread::sleep_for(pace);
  }
  for (std::thread& thread : threads)
    thread.join();
  // Times stay a margin behind the clock.
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::vector<Version> table = rows_now();
  // A watermark also waits for what else the server does; what it has passed never comes.
  const Clock::time_point patience = Clock::now() + std::chrono::seconds(20);
  do {
    follow(upsert);
    follow(append);
  } while ((!upsert.lost(table).empty() || !append.lost(table).empty()) && Clock::now() < patience);
  follow_naively(naive);

  ASSERT_GT(table.size(), 50U);
  std::printf("%zu rows\n", table.size());
  for (const Target* target : {&upsert, &append, &naive}) {
    std::printf("%-8s %4d runs, %zu lost, %d again\n", target->name.c_str(), target->runs,
                target->lost(table).size(), target->doubled);
  }
  EXPECT_EQ(upsert.lost(table), std::vector<Version>());
  EXPECT_EQ(append.lost(table), std::vector<Version>());
  EXPECT_EQ(append.doubled, 0);
  EXPECT_GT(append.runs, 3) << "the watermark hardly moved";
  EXPECT_EQ(upsert.guarantee, Guarantee::bounded);
  EXPECT_EQ(append.guarantee, Guarantee::bounded);
  EXPECT_GT(naive.lost(table).size(), 0U) << "the control lost nothing, so nothing was shown";
}

}  // namespace
}  // namespace tidemark::mysql

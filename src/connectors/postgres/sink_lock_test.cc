// `load: full` among other sessions: what readers see, what writers wait for, and what becomes of a
// load that does not get its lock.
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "connectors/postgres/sink_fixture_test.h"
#include "env/failpoints.h"

namespace tidemark::postgres {
namespace {

using Clock = std::chrono::steady_clock;

class PostgresLockTest : public PostgresSinkTest {
 protected:
  void SetUp() override {
    PostgresSinkTest::SetUp();
    ConnectOptions other = options_;
    other.application_name = "the other one";
    other_ = Connection::connect(other, cancel_).value();
  }
  // A session that has written, and not committed.
  void write_and_wait() {
    ASSERT_TRUE(other_->begin("", cancel_).ok());
    ASSERT_TRUE(other_->execute("insert into orders values (100, 'x')", cancel_).ok());
  }
  void patience(int tries, int try_ms) {
    sink_ = std::make_unique<PostgresSink>(*db_, options_, LockPatience{tries, try_ms, 10, 50});
  }
  Result<CommitOutcome> replace(const std::string& select, Cancel& cancel) {
    const StagedTable good = rows(select);
    TM_TRY(auto txn, sink_->begin(key(1), cancel));
    TM_TRY(const RowCount loaded, txn->write(good, target(good, LoadStrategy::full), cancel));
    return txn->commit(row(key(1), loaded.get()));
  }
  // Runs `act` when a session waits for a lock.
  std::thread when_it_waits(std::function<void()> act) {
    return std::thread([this, act = std::move(act)] {
      Cancel cancel;
      auto watch = Connection::connect(options_, cancel).value();
      const auto end = Clock::now() + std::chrono::seconds(20);
      while (Clock::now() < end) {
        const auto waiting = watch->query(
            "select count(*) from pg_locks where not granted and relation = 'orders'::regclass",
            cancel);
        if (waiting.ok() && waiting->integer(0, 0) > 0) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      act();
    });
  }

  std::unique_ptr<Connection> other_;
};

constexpr const char* two_rows = "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) r(id, name)";

TEST_F(PostgresLockTest, ReadersSeeTheOldRowsOrTheNewOnesAlways) {
  for (const char* key_of_table : {"", ", primary key (id)"}) {
    SCOPED_TRACE(key_of_table);
    run("drop table if exists orders, tidemark_ledger, tidemark_loads, tidemark_quarantine; "
        "create table orders (id int not null, version int" +
        std::string(key_of_table) +
        "); insert into orders select i, 1 from generate_series(0, 999) i");
    // A snapshot from before the loads that touches the table only after them.
    ASSERT_TRUE(admin_->begin("isolation level repeatable read", cancel_).ok());
    ASSERT_EQ(ask("select 1"), "1");
    SteadyReader reader(
        options_,
        "select count(*) || '/' || count(distinct version) || '/' || sum(id % 1000) "
        "from orders",
        "1000/1/499500");
    // Half of the keys are other ones each time, and all versions.
    for (int seq = 1; seq < 7; ++seq) {
      const auto next = rows("SELECT (i + CASE WHEN i >= 500 THEN 1000 * " + std::to_string(seq) +
                             " ELSE 0 END)::INTEGER AS id, " + std::to_string(seq + 1) +
                             " AS version FROM range(1000) r(i)");
      EXPECT_TRUE(
          is(load(next, target(next, LoadStrategy::full), key(seq)), CommitOutcome::committed));
    }
    reader.expect_steady();
    EXPECT_EQ(ask("select count(*) || '/' || max(version) || '/' || max(id) from orders"),
              "1000/1/999");
    admin_->rollback();
    EXPECT_EQ(ask("select count(*) || '/' || max(version) || '/' || max(id) from orders"),
              "1000/7/6999");
  }
}

TEST_F(PostgresLockTest, TheTableIsFreeWhileTheRowsAreSent) {
  run("create table orders (id int primary key, name text)");
  std::string held;
  failpoints::arm(Failpoint::postgres_copy_end, 1, [&]() -> std::optional<std::string> {
    held = ask("select count(*) from pg_locks where relation = 'orders'::regclass");
    return std::nullopt;
  });
  EXPECT_TRUE(is(replace(two_rows, cancel_), CommitOutcome::committed));
  failpoints::disarm();
  EXPECT_EQ(held, "0");
}

TEST_F(PostgresLockTest, ALoadWaitsForWritersAndKeepsWhatItSent) {
  run("create table orders (id int primary key, name text)");
  patience(1000, 50);
  write_and_wait();
  // The rows are sent once, however often the lock is tried.
  bool sent_again = false;
  failpoints::arm(Failpoint::postgres_copy_end, 2, [&]() -> std::optional<std::string> {
    sent_again = true;
    return std::nullopt;
  });
  std::string read_meanwhile;
  auto let_go = when_it_waits([&] {
    // Readers do not queue behind the lock that waits.
    read_meanwhile = ask("select count(*) from orders");
    EXPECT_TRUE(other_->commit(cancel_).ok());
  });
  EXPECT_TRUE(is(replace(two_rows, cancel_), CommitOutcome::committed));
  let_go.join();
  failpoints::disarm();
  EXPECT_FALSE(sent_again);
  EXPECT_EQ(read_meanwhile, "0");
  EXPECT_EQ(ask("select string_agg(orders::text, ' ' order by id) from orders"), "(1,a) (2,b)");
}

TEST_F(PostgresLockTest, ALoadThatDoesNotGetItsLockNamesWhoHoldsIt) {
  run("create table orders (id int primary key, name text)");
  patience(3, 30);
  write_and_wait();
  const auto refused = replace(two_rows, cancel_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "target.lock_timeout");
  EXPECT_EQ(refused.error().retry, Retry::backoff);
  const std::string who = "session " + std::to_string(other_->backend_pid()) +
                          " (the other one) of user postgres, idle";
  EXPECT_NE(refused.error().message.find(who), std::string::npos) << refused.error().message;
  ASSERT_TRUE(other_->commit(cancel_).ok());
  EXPECT_EQ(ask("select string_agg(orders::text, ' ') from orders"), "(100,x)");
  EXPECT_TRUE(is(replace(two_rows, cancel_), CommitOutcome::committed));
}

TEST_F(PostgresLockTest, FaultsOfTheRowsAreFoundBeforeAnybodyWaits) {
  run("create table orders (id int primary key, name text not null)");
  write_and_wait();
  const auto begun = Clock::now();
  EXPECT_EQ(replace("SELECT 1 AS id, 'a' AS name FROM range(2)", cancel_).error().code,
            "target.duplicate_key");
  EXPECT_EQ(replace("SELECT 1 AS id, NULL::VARCHAR AS name", cancel_).error().code,
            "postgres.not_null_violation");
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(PostgresLockTest, CancelIsHeardWhileTheLockIsWaitedFor) {
  run("create table orders (id int primary key, name text)");
  write_and_wait();
  Cancel cancel;
  Clock::time_point asked;
  auto stopper = when_it_waits([&] {
    asked = Clock::now();
    cancel.request();
  });
  const auto stopped = replace(two_rows, cancel);
  stopper.join();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, "run.cancelled");
  EXPECT_LT(Clock::now() - asked, std::chrono::seconds(2));
}

TEST_F(PostgresLockTest, ATableThatIsAlteredMeanwhileIsLookedAtAgain) {
  run("create table orders (id int primary key, name text)");
  patience(1000, 50);
  write_and_wait();
  auto alter = when_it_waits([&] {
    EXPECT_TRUE(other_->execute("alter table orders alter name type varchar(1)", cancel_).ok());
    EXPECT_TRUE(other_->commit(cancel_).ok());
  });
  const auto altered = replace(two_rows, cancel_);
  alter.join();
  ASSERT_FALSE(altered.ok());
  EXPECT_EQ(altered.error().code, "target.table_altered");
  EXPECT_EQ(altered.error().retry, Retry::backoff);
  EXPECT_EQ(ask("select string_agg(orders::text, ' ') from orders"), "(100,x)");
}

}  // namespace
}  // namespace tidemark::postgres

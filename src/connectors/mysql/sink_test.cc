// What this target does in its own way: tables that CREATE commits, other unique keys, loose
// collations, answers to COMMIT that are lost.
#include <fixtures/mariadb_server.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "connectors/mysql/ledger.h"
#include "connectors/mysql/load_session.h"
#include "connectors/mysql/sink.h"
#include "connectors/mysql/sink_table.h"
#include "drivers/duckdb/engine.h"
#include "env/failpoints.h"

namespace tidemark::mysql {
namespace {

const StreamId stream{JobName("orders"), StreamName("orders")};

class MysqlSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& server = testing::MariadbServer::shared();
    options_.address = parse_address(server.address(server.new_database())).value();
    engine_ = duck::Engine::open({}).value();
    db_ = engine_->connect().value();
    admin_ = Connection::connect(options_, cancel_).value();
    sink_ = std::make_unique<MysqlSink>(*db_, options_);
  }
  void TearDown() override { failpoints::disarm(); }

  StagedTable rows(const std::string& select) {
    EXPECT_TRUE(db_->execute("CREATE OR REPLACE TEMP TABLE good AS " + select).ok());
    return {"good", db_->describe("FROM good").value(),
            RowCount(*db_->count("SELECT count(*) FROM good"))};
  }
  static LoadTarget target(const StagedTable& good, LoadStrategy strategy,
                           std::vector<std::string> key = {}) {
    LoadTarget made;
    made.table = "orders";
    made.strategy = strategy;
    made.key = std::move(key);
    made.schema = good.schema;
    return made;
  }
  static LoadKey key(std::int64_t seq, std::int64_t fence = 1) {
    return {stream, Seq(seq), Fence(fence), RunId("r" + std::to_string(seq)), LoadKind::window, ""};
  }
  static LoadRow row(const LoadKey& key, RowCount count) {
    LoadRow made;
    made.load_id = "load" + std::to_string(key.seq.get());
    made.seq = key.seq;
    made.run_id = key.run_id;
    made.rows = count;
    made.checksum = "sum";
    return made;
  }
  std::string load(const StagedTable& good, const LoadTarget& into, const LoadKey& at) {
    auto txn = sink_->begin(at, cancel_);
    if (!txn.ok()) return txn.error().code;
    const auto written = (*txn)->write(good, into, cancel_);
    if (!written.ok()) return written.error().code;
    const auto done = (*txn)->commit(row(at, good.rows));
    if (!done.ok()) return done.error().code;
    return *done == CommitOutcome::committed ? "committed" : "another outcome";
  }
  void run(const std::string& sql) {
    const auto done = admin_->execute(sql, cancel_);
    ASSERT_TRUE(done.ok()) << done.error().describe();
  }
  std::string ask(const std::string& sql) {
    const auto found = admin_->query(sql, cancel_);
    if (!found.ok()) return found.error().describe();
    std::string all;
    for (std::size_t at = 0; at < found->rows(); ++at) {
      for (std::size_t column = 0; column < found->columns(); ++column)
        all += (column > 0 ? "|" : "") + found->string(at, column);
      all += " ";
    }
    return all;
  }

  Cancel cancel_;
  ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> db_;
  std::unique_ptr<Connection> admin_;
  std::unique_ptr<MysqlSink> sink_;
};

TEST_F(MysqlSinkTest, ARowThatAnotherUniqueKeyCallsTheSameIsAnErrorAndNotAnUpdate) {
  run("create table orders (id int primary key, mail varchar(50) unique, name varchar(50))");
  run("insert into orders values (1, 'a@x', 'old')");
  const auto good = rows("SELECT 2 AS id, 'a@x' AS mail, 'new' AS name");
  EXPECT_EQ(load(good, target(good, LoadStrategy::upsert, {"id"}), key(1)),
            "mysql.unique_violation");
  EXPECT_EQ(ask("select * from orders"), "1|a@x|old ");
  EXPECT_EQ(ask("select count(*) from tidemark_loads"), "0 ");
}

TEST_F(MysqlSinkTest, AKeyThatIsEqualInALooseCollationTakesTheNewLetters) {
  run("create table orders (id varchar(20) collate utf8mb4_general_ci primary key, n int)");
  run("insert into orders values ('Abc', 1), ('x', 2)");
  const auto good = rows("SELECT 'aBC' AS id, 5 AS n");
  EXPECT_EQ(load(good, target(good, LoadStrategy::upsert, {"id"}), key(1)), "committed");
  EXPECT_EQ(ask("select * from orders order by id"), "aBC|5 x|2 ");
  const auto twice = rows("SELECT 'q' AS id, 1 AS n UNION ALL SELECT 'Q', 2");
  EXPECT_EQ(load(twice, target(twice, LoadStrategy::upsert, {"id"}), key(2)),
            "target.duplicate_key");
}

TEST_F(MysqlSinkTest, ATableOfItsOwnTellsTextsApartToTheLastBlank) {
  const auto good = rows("SELECT unnest(['a', 'A', 'a ', 'ä', '']) AS id, 1 AS n");
  EXPECT_EQ(load(good, target(good, LoadStrategy::upsert, {"id"}), key(1)), "committed");
  EXPECT_EQ(load(good, target(good, LoadStrategy::upsert, {"id"}), key(2)), "committed");
  EXPECT_EQ(ask("select count(*) from orders"), "5 ");
}

TEST_F(MysqlSinkTest, AutoIncrementTakesTheValuesAsTheyAre) {
  run("create table orders (id int auto_increment primary key, name varchar(9))");
  const auto good = rows("SELECT 0 AS id, 'zero' AS name UNION ALL SELECT 7, 'seven'");
  EXPECT_EQ(load(good, target(good, LoadStrategy::append), key(1)), "committed");
  EXPECT_EQ(ask("select * from orders order by id"), "0|zero 7|seven ");
}

TEST_F(MysqlSinkTest, AFullLoadDoesNotDeleteWhatHangsOnTheTable) {
  run("create table orders (id int primary key)");
  run("create table items (id int primary key, order_id int references orders (id) on delete "
      "cascade)");
  run("insert into orders values (1)");
  run("insert into items values (5, 1)");
  const auto good = rows("SELECT 1 AS id");
  EXPECT_EQ(load(good, target(good, LoadStrategy::full), key(1)), "target.delete_has_effects");
  EXPECT_EQ(ask("select count(*) from items"), "1 ");
}

TEST_F(MysqlSinkTest, TablesWithoutTransactionsAndViewsAreRefused) {
  const auto good = rows("SELECT 1 AS id");
  run("create table orders (id int) engine = MyISAM");
  EXPECT_EQ(sink_->plan(target(good, LoadStrategy::append), cancel_).error().code,
            "target.no_transactions");
  run("drop table orders");
  run("create view orders as select 1 as id");
  EXPECT_EQ(sink_->plan(target(good, LoadStrategy::append), cancel_).error().code,
            "target.not_a_table");
}

TEST_F(MysqlSinkTest, ColumnsThatWouldAlterAValueAreMisfits) {
  run("create table orders (a time(3), b datetime, c char(5), d float(7,2), e decimal(5,2) "
      "unsigned, f int unsigned, g binary(4), h timestamp(6) null, i varchar(3) character set "
      "latin1)");
  const auto code = [&](const std::string& select) {
    const auto good = rows(select);
    const auto plan = sink_->plan(target(good, LoadStrategy::append), cancel_);
    return plan.ok() ? "ok" : plan.error().code;
  };
  for (const char* select :
       {"TIME '12:00:00' AS a", "TIMESTAMP '2024-01-01' AS b", "'x' AS c", "1::FLOAT AS d",
        "1::DECIMAL(3,2) AS e", "1::INTEGER AS f", "'x'::BLOB AS g", "TIMESTAMP '2024-01-01' AS h",
        "1 AS i", "DATE '2024-01-01' AS b"}) {
    EXPECT_EQ(code(std::string("SELECT ") + select), "target.schema_misfit") << select;
  }
  EXPECT_EQ(code("SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' AS h, 'x' AS i, 1::UINTEGER AS f"),
            "ok");
  const auto wide = rows("SELECT 'äöü€' AS i");
  EXPECT_NE(load(wide, target(wide, LoadStrategy::append), key(1)), "committed");
}

TEST_F(MysqlSinkTest, ATableThatATryMadeAndCouldNotFillIsAsGoodAsNone) {
  const auto good = rows("SELECT 1 AS id");
  LoadTarget into = target(good, LoadStrategy::append);
  into.must_be_new = true;
  failpoints::arm(Failpoint::mysql_commit, 1, [] { return std::optional<std::string>("reset"); });
  {
    auto txn = sink_->begin(key(1), cancel_);
    ASSERT_TRUE(txn.ok() && (*txn)->write(good, into, cancel_).ok());
    const auto done = (*txn)->commit(row(key(1), good.rows));
    ASSERT_TRUE(done.ok()) << done.error().describe();
    EXPECT_EQ(*done, CommitOutcome::unknown);
    const auto there = (*txn)->resolve(row(key(1), good.rows), cancel_);
    ASSERT_TRUE(there.ok()) << there.error().describe();
    EXPECT_FALSE(*there);
  }
  failpoints::disarm();
  EXPECT_EQ(ask("select count(*) from orders"), "0 ");
  EXPECT_EQ(load(good, into, key(1)), "committed");
  EXPECT_EQ(load(good, into, key(2)), "target.table_taken");
  EXPECT_EQ(ask("select count(*) from orders"), "1 ");
}

TEST_F(MysqlSinkTest, ALostAnswerToCommitIsResolvedToTheTruth) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_EQ(load(good, append, key(1)), "committed");
  std::int64_t seq = 1;
  int in = 0;
  int out = 0;
  for (int turn = 0; turn < 100; ++turn) {
    const bool after = turn % 2 == 0;
    failpoints::arm(after ? Failpoint::mysql_committed : Failpoint::mysql_commit, 1,
                    [] { return std::optional<std::string>("reset"); });
    const LoadKey at = key(seq + 1);
    LoadRow told = row(at, good.rows);
    told.load_id += "try" + std::to_string(turn);
    auto txn = sink_->begin(at, cancel_);
    ASSERT_TRUE(txn.ok() && (*txn)->write(good, append, cancel_).ok());
    const auto done = (*txn)->commit(told);
    ASSERT_TRUE(done.ok()) << done.error().describe();
    ASSERT_EQ(*done, CommitOutcome::unknown);
    failpoints::disarm();
    const auto there = (*txn)->resolve(told, cancel_);
    ASSERT_TRUE(there.ok()) << there.error().describe();
    EXPECT_EQ(*there, after);
    EXPECT_EQ(ask("select count(*) from tidemark_loads where load_id = '" + told.load_id + "'"),
              *there ? "1 " : "0 ");
    (*there ? in : out)++;
    seq += *there ? 1 : 0;
  }
  EXPECT_EQ(in, 50);
  EXPECT_EQ(out, 50);
  EXPECT_EQ(ask("select count(*) from orders"), std::to_string(seq) + " ");
}

TEST_F(MysqlSinkTest, WhoTakesOverEndsASessionThatStandsStillInItsTransaction) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_EQ(load(good, append, key(1)), "committed");
  // It holds the job's fence and the head, and does not go on.
  const auto stalled = Connection::connect(options_, cancel_).value();
  ASSERT_TRUE(register_session(*stalled, stream.job, Fence(1), cancel_).ok());
  ASSERT_TRUE(stalled->begin("", cancel_).ok());
  ASSERT_TRUE(*ledger::hold_fence(*stalled, key(2), cancel_));
  ASSERT_TRUE(*ledger::move_head(*stalled, key(2), Window{}, cancel_));
  const auto heads = sink_->take_over(stream.job, Fence(2), cancel_);
  ASSERT_TRUE(heads.ok()) << heads.error().describe();
  EXPECT_EQ(heads->front().seq, Seq(1));
  EXPECT_FALSE(stalled->commit(cancel_).ok());
  EXPECT_EQ(ask("select seq, fence from tidemark_ledger"), "1|2 ");
  EXPECT_EQ(ask("select count(*) from tidemark_sessions"), "0 ");
}

TEST_F(MysqlSinkTest, AFirstLoadOfAnOwnerWhoWasTakenOverIsFencedToo) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_TRUE(sink_->take_over(stream.job, Fence(5), cancel_).ok());
  EXPECT_EQ(load(good, append, key(1, 4)), "target.fenced");
  EXPECT_FALSE(sink_->describe("orders", cancel_)->has_value());
  EXPECT_EQ(load(good, append, key(1, 5)), "committed");
}

TEST_F(MysqlSinkTest, RowsLargerThanAStatementComeInStatementsOfTheirOwn) {
  const auto good = rows(
      "SELECT i AS id, repeat('x', CASE i % 3 WHEN 0 THEN 1500000 ELSE 600000 END) AS s, "
      "repeat('\\\\''', 1000) AS q FROM range(9) r(i)");
  ASSERT_EQ(load(good, target(good, LoadStrategy::upsert, {"id"}), key(1)), "committed");
  EXPECT_EQ(ask("select count(*), sum(length(s)), sum(length(q)) from orders"), "9|8100000|27000 ");
}

TEST_F(MysqlSinkTest, EveryByteArrives) {
  std::string list;
  for (int c = 0; c < 256; ++c) {
    char text[8];
    std::snprintf(text, sizeof(text), "\\x%02X", c);
    list += text;
  }
  const auto good = rows("SELECT '" + list + "'::BLOB AS b, chr(0) || '''\\%_' || chr(26) AS t");
  ASSERT_EQ(load(good, target(good, LoadStrategy::append), key(1)), "committed");
  std::string hex;
  for (int c = 0; c < 256; ++c) {
    char text[8];
    std::snprintf(text, sizeof(text), "%02X", c);
    hex += text;
  }
  EXPECT_EQ(ask("select hex(b), hex(t) from orders"), hex + "|00275C255F1A ");
}

}  // namespace
}  // namespace tidemark::mysql

// What the ring of samples must not be fooled by, on a real server; see late_rows_test.cc for many
// writers at once.
#include <chrono>
#include <thread>

#include "connect/placed_position.h"
#include "connectors/mysql/source_fixture_test.h"

namespace tidemark::mysql {
namespace {

using std::chrono::milliseconds;

class WatermarkTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    server_ = testing::MariadbServer::start();
    database_ = server_->new_database();
    sql("create table t (id int primary key, at timestamp(3) not null default "
        "current_timestamp(3) on update current_timestamp(3)); insert into t (id) values (1)");
    pause();
  }
  testing::MariadbServer& server() override {
    return server_ ? *server_ : testing::MariadbServer::shared();
  }
  // Until what was written before is below the margin.
  static void pause() { std::this_thread::sleep_for(milliseconds(1300)); }

  std::unique_ptr<Connection> connect() {
    auto made = Connection::connect(options(), cancel_);
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return std::move(*made);
  }
  void run(Connection& connection, const std::string& text) {
    const auto done = connection.query(text, cancel_);
    EXPECT_TRUE(done.ok()) << text << ": " << done.error().describe();
  }

  // Until there is one row of `what`. The server gives an old list of transactions to those who ask
  // for it often.
  void wait_until_one(const std::string& what) {
    const auto looking = connect();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      const auto found = looking->query("select count(*) from " + what, cancel_);
      ASSERT_TRUE(found.ok()) << found.error().describe();
      if (found->string(0, 0) == "1") return;
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "there is none of " << what;
      std::this_thread::sleep_for(milliseconds(300));
    }
  }

  // A window of a target that appends; the process ends after it.
  std::vector<std::string> window(LoadStrategy strategy = LoadStrategy::append) {
    const auto rows = read(table("t", "at"), strategy, progress_);
    EXPECT_TRUE(rows.ok()) << rows.error().describe();
    if (!rows.ok()) return {};
    bound_ = rows->bound;
    progress_.lo = bound_.window.hi;
    progress_.memory = bound_.memory;
    std::vector<std::string> ids;
    for (const auto& row : rows->rows)
      ids.push_back(*row[0]);
    return ids;
  }

  using Ids = std::vector<std::string>;
  std::unique_ptr<testing::MariadbServer> server_;
  Progress progress_;
  WindowBound bound_;
};

TEST_F(WatermarkTest, EachRowOnceAndBounded) {
  EXPECT_EQ(window(), (Ids{"1"}));
  EXPECT_EQ(bound_.guarantee, Guarantee::bounded) << bound_.reason;
  EXPECT_EQ(window(), Ids{});
  sql("insert into t (id) values (2)");
  EXPECT_EQ(window(), Ids{});
  pause();
  EXPECT_EQ(window(), (Ids{"2"}));
}

TEST_F(WatermarkTest, AnOpenTransactionHoldsAppendAndIsReadByUpsert) {
  EXPECT_EQ(window(), (Ids{"1"}));
  const auto writer = connect();
  run(*writer, "begin");
  run(*writer, "insert into t (id) values (2)");
  pause();
  sql("insert into t (id) values (3)");
  pause();
  // 3 is younger than 2, so it waits for it.
  EXPECT_EQ(window(), Ids{});
  ASSERT_FALSE(bound_.notes.empty());
  EXPECT_NE(bound_.notes[0].find("the watermark waits for transaction"), std::string::npos)
      << bound_.notes[0];
  EXPECT_EQ(window(LoadStrategy::upsert), (Ids{"3"}));
  run(*writer, "commit");
  EXPECT_EQ(window(), (Ids{"2", "3"}));
  EXPECT_EQ(window(), Ids{});
}

TEST_F(WatermarkTest, AnInsertThatWaitedForAMetadataLockIsNotLost) {
  EXPECT_EQ(window(), (Ids{"1"}));
  // A reader queues behind the ALTER as well, so what looks at the server has seen the table
  // before.
  MysqlSource early(options(), table("t", "at"), LoadStrategy::append);
  ASSERT_TRUE(early.discover(cancel_).ok());
  const auto reader = connect();
  run(*reader, "begin");
  run(*reader, "select * from t");
  const auto altering = connect();
  std::thread alter([&] { run(*altering, "alter table t add column more int"); });
  wait_until_one("information_schema.processlist where state like '%metadata lock%' and id = " +
                 std::to_string(altering->session_id()));
  const auto writer = connect();
  const std::string before = writer->query("select now(6)", cancel_)->string(0, 0);
  std::thread insert([&] {
    run(*writer, "begin");
    run(*writer, "insert into t (id) values (2)");
  });
  wait_until_one("information_schema.processlist where state like '%metadata lock%' and id = " +
                 std::to_string(writer->session_id()));
  pause();
  pause();
  const auto looked = early.upper(progress_, cancel_);
  ASSERT_TRUE(looked.ok()) << looked.error().describe();
  progress_.lo = looked->window.hi;
  progress_.memory = looked->memory;
  run(*reader, "commit");
  alter.join();
  insert.join();
  // The session sleeps now, and its transaction says that it is younger than its row: without that
  // the trap was not set.
  wait_until_one("information_schema.innodb_trx where trx_mysql_thread_id = " +
                 std::to_string(writer->session_id()) + " and trx_started > timestamp'" + before +
                 "' + interval 1 second");
  pause();
  EXPECT_EQ(window(), Ids{});
  run(*writer, "commit");
  pause();
  EXPECT_EQ(window(), (Ids{"2"}));
}

TEST_F(WatermarkTest, APreparedTransactionWithoutASessionHoldsTheWindow) {
  EXPECT_EQ(window(), (Ids{"1"}));
  {
    const auto writer = connect();
    run(*writer, "xa start 'one'");
    run(*writer, "insert into t (id) values (2)");
    run(*writer, "xa end 'one'");
    pause();
    EXPECT_EQ(window(), Ids{});
    run(*writer, "xa prepare 'one'");
  }
  pause();
  EXPECT_EQ(window(), Ids{});
  sql("insert into t (id) values (3)");
  pause();
  EXPECT_EQ(window(), Ids{});
  // A look by a process that forgot everything: it is held all the same.
  progress_.memory.clear();
  EXPECT_EQ(window(), Ids{});
  run(*connect(), "xa commit 'one'");
  EXPECT_EQ(window(), (Ids{"2", "3"}));
}

TEST_F(WatermarkTest, LongReadersHoldNothing) {
  EXPECT_EQ(window(), (Ids{"1"}));
  const auto reader = connect();
  std::thread slow([&] { run(*reader, "select count(*), sleep(4) from t"); });
  const auto idle = connect();
  run(*idle, "start transaction with consistent snapshot");
  run(*idle, "select * from t");
  sql("insert into t (id) values (2)");
  pause();
  EXPECT_EQ(window(), (Ids{"2"}));
  slow.join();
}

TEST_F(WatermarkTest, ATransactionOpenAtTheFirstWindowIsWaitedFor) {
  const auto writer = connect();
  run(*writer, "begin");
  run(*writer, "insert into t (id) values (2)");
  const auto held = read(table("t", "at"), LoadStrategy::append);
  ASSERT_FALSE(held.ok());
  EXPECT_EQ(held.error().code, "source.watermark_held");
  EXPECT_EQ(held.error().retry, Retry::backoff);
  // A target with a key reads what there is, and from the beginning again.
  EXPECT_EQ(window(LoadStrategy::upsert), (Ids{"1"}));
  EXPECT_FALSE(bound_.window.hi);
  run(*writer, "commit");
  EXPECT_EQ(window(LoadStrategy::upsert), (Ids{"1", "2"}));
  EXPECT_TRUE(bound_.window.hi);
}

TEST_F(WatermarkTest, AUserWhoSeesNobodyGetsABestEffortAndTheGrantToAskFor) {
  sql("create user clerk@localhost; grant select on " + database_ + ".* to clerk@localhost");
  const auto read_as_clerk = [&] {
    MysqlSource source(options("clerk"), table("t", "at"), LoadStrategy::append);
    return source.upper({}, cancel_);
  };
  const auto blind = read_as_clerk();
  ASSERT_TRUE(blind.ok()) << blind.error().describe();
  EXPECT_EQ(blind->guarantee, Guarantee::best_effort);
  EXPECT_NE(blind->reason.find("GRANT PROCESS ON *.* TO 'clerk'@'localhost'"), std::string::npos)
      << blind->reason;
  sql("grant process on *.* to clerk@localhost");
  const auto seeing = read_as_clerk();
  ASSERT_TRUE(seeing.ok()) << seeing.error().describe();
  EXPECT_EQ(seeing->guarantee, Guarantee::bounded) << seeing->reason;
}

TEST_F(WatermarkTest, AReadOnlyServerIsTakenForAReplica) {
  sql("set global read_only = 1");
  MysqlSource source(options(), table("t", "at"), LoadStrategy::append);
  const auto bound = source.upper({}, cancel_);
  ASSERT_TRUE(bound.ok()) << bound.error().describe();
  EXPECT_EQ(bound->guarantee, Guarantee::best_effort);
  EXPECT_NE(bound->reason.find("read_only"), std::string::npos);
}

TEST_F(WatermarkTest, ADatetimeNeedsItsZone) {
  sql("create table d (id int, at datetime not null default utc_timestamp()); insert into d (id) "
      "values (1)");
  pause();
  SourceSpec spec = table("d", "at");
  const auto without = read(spec, LoadStrategy::append);
  ASSERT_TRUE(without.ok()) << without.error().describe();
  EXPECT_EQ(without->bound.guarantee, Guarantee::best_effort);
  EXPECT_NE(without->bound.reason.find("timezone"), std::string::npos);
  spec.timezone = Name{"UTC", {}};
  pause();
  const auto utc = read(spec, LoadStrategy::append);
  ASSERT_TRUE(utc.ok()) << utc.error().describe();
  EXPECT_EQ(utc->bound.guarantee, Guarantee::bounded);
  EXPECT_EQ(utc->rows.size(), 1U);
  // An hour to the east it is later already.
  spec.timezone = Name{"+01:00", {}};
  const auto east = read(spec, LoadStrategy::append);
  ASSERT_TRUE(east.ok()) << east.error().describe();
  EXPECT_GT(east->bound.window.hi->text, utc->bound.window.hi->text);
  EXPECT_EQ(parse_placed(*east->bound.window.hi).value.size(),
            std::string("2024-01-01 00:00:00").size());
  spec.timezone = Name{"Europe/Berlin", {}};
  const auto unknown = read(spec, LoadStrategy::append);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, "source.unknown_zone");
}

TEST_F(WatermarkTest, AnExpressionMayBeTheCursor) {
  sql("create table e (id int primary key, made timestamp(3) not null default "
      "current_timestamp(3), changed timestamp(3) null); insert into e values (1, now(3) - "
      "interval 2 hour, null), (2, now(3) - interval 3 hour, now(3) - interval 1 hour)");
  SourceSpec spec = table("e", "coalesce(changed, made) -- the latest");
  spec.timezone = Name{"UTC", {}};  // in case the server makes a datetime of two timestamps
  auto first = read(spec, LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(Guarantee::bounded, first->bound.guarantee) << first->bound.reason;
  EXPECT_EQ(2U, first->rows.size());
  Progress progress;
  progress.lo = first->bound.window.hi;
  progress.memory = first->bound.memory;
  sql("update e set changed = now(3) where id = 1");
  pause();
  auto second = read(spec, LoadStrategy::append, progress);
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_EQ(1U, second->rows.size());
  auto numbers = read(table("e", "greatest(id, 0)"), LoadStrategy::append);
  ASSERT_TRUE(numbers.ok()) << numbers.error().describe();
  EXPECT_EQ(1U, numbers->rows.size());
  EXPECT_EQ("source.null_cursor",
            read(table("e", "nullif(id, 2)"), LoadStrategy::append).error().code);
  for (const char* wrong :
       {"coalesce(changd, made)", "coalesce(changed", "lower('a')", "sleep(0) union select (1)"}) {
    auto refused = read(table("e", wrong), LoadStrategy::append);
    ASSERT_FALSE(refused.ok()) << wrong;
    EXPECT_NE(Fault::internal, refused.error().fault) << refused.error().describe();
  }
}

TEST_F(WatermarkTest, AnExpressionWithoutAnIndexLooksThroughTheTable) {
  sql("insert into t (id) select seq from seq_10_to_5000; analyze table t");
  const auto session = connect();
  const TableName name = TableName::parse("t");
  auto cursor = expression_cursor(*session, "t", "greatest(id, 0)", std::nullopt, cancel_);
  ASSERT_TRUE(cursor.ok()) << cursor.error().describe();
  auto scanned = bytes_scanned(*session, name, *cursor, cancel_);
  ASSERT_TRUE(scanned.ok()) << scanned.error().describe();
  EXPECT_GT(*scanned, 0);
  auto column = expression_cursor(*session, "t", "(id)", std::nullopt, cancel_);
  ASSERT_TRUE(column.ok()) << column.error().describe();
  EXPECT_EQ(0, *bytes_scanned(*session, name, *column, cancel_));
}

}  // namespace
}  // namespace tidemark::mysql

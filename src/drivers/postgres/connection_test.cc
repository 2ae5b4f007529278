#include "drivers/postgres/connection.h"

#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

namespace tidemark::postgres {
namespace {

using testing::PostgresServer;

std::unique_ptr<Connection> open(Cancel& cancel, Side side = Side::source) {
  ConnectOptions options;
  options.conninfo = PostgresServer::shared().conninfo();
  options.application_name = "connection_test";
  options.side = side;
  auto connection = Connection::connect(options, cancel);
  EXPECT_TRUE(connection.ok()) << (connection.ok() ? "" : connection.error().describe());
  return std::move(connection).value();
}

TEST(ConnectionTest, QueriesWithParametersAndNull) {
  Cancel cancel;
  auto db = open(cancel);
  auto rows = db->query("select $1::int + 1, $2::text, current_setting('TimeZone')",
                        {"41", std::nullopt}, cancel);
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  EXPECT_EQ(42, rows->integer(0, 0));
  EXPECT_EQ(std::nullopt, rows->text(0, 1));
  EXPECT_EQ("UTC", rows->string(0, 2));
  EXPECT_EQ(23u, rows->type_oid(0));
}

std::string prepared_in(Connection& db, Cancel& cancel) {
  return db.query("select count(*) from pg_prepared_statements where name like 'tidemark%'", cancel)
      .value()
      .string(0, 0);
}

TEST(ConnectionTest, WhatIsAskedAgainStaysPreparedAndNothingElseDoes) {
  Cancel cancel;
  auto db = open(cancel);
  const std::string pid = std::to_string(db->backend_pid());
  EXPECT_EQ(db->ask("select $1::int + 1", {"41"}, cancel)->integer(0, 0), 42);
  EXPECT_EQ(prepared_in(*db, cancel), "0") << "it may not be asked again";
  EXPECT_EQ(db->ask("select $1::int + 1", {"41"}, cancel)->integer(0, 0), 42);
  ASSERT_TRUE(db->execute("create temp table things (id serial); insert into things default "
                          "values; select pg_advisory_lock(7); listen news; "
                          "set search_path = pg_catalog; set work_mem = '1MB'; "
                          "set role pg_monitor; select set_config('my.own', 'x', false)",
                          cancel)
                  .ok());
  ASSERT_TRUE(db->begin("", cancel).ok());
  ASSERT_TRUE(db->execute("declare c cursor with hold for select 1", cancel).ok());
  ASSERT_TRUE(db->commit(cancel).ok());
  ASSERT_TRUE(db->clean());
  auto left = db->query(
      "select (select count(*) from pg_class where relname = 'things' and relpersistence = 't' and "
      "pg_table_is_visible(oid)), (select count(*) from pg_locks where locktype = 'advisory' and "
      "pid = pg_backend_pid()), (select count(*) from pg_listening_channels()), "
      "current_setting('search_path'), current_setting('work_mem'), current_user = session_user, "
      "current_setting('my.own', true), (select count(*) from pg_cursors where name = 'c')",
      cancel);
  ASSERT_TRUE(left.ok()) << left.error().describe();
  EXPECT_EQ(left->string(0, 0), "0");
  EXPECT_EQ(left->string(0, 1), "0");
  EXPECT_EQ(left->string(0, 2), "0");
  EXPECT_EQ(left->string(0, 3), "\"$user\", public");
  EXPECT_NE(left->string(0, 4), "1MB");
  EXPECT_EQ(left->string(0, 5), "t");
  EXPECT_EQ(left->string(0, 6), "");
  EXPECT_EQ(left->string(0, 7), "0");
  EXPECT_FALSE(db->query("select lastval()", cancel).ok()) << "sequences too";
  EXPECT_EQ(prepared_in(*db, cancel), "1");
  EXPECT_EQ(db->ask("select $1::int + 1", {"1"}, cancel)->integer(0, 0), 2);
  EXPECT_EQ(prepared_in(*db, cancel), "1");
  EXPECT_EQ(std::to_string(db->backend_pid()), pid);
}

TEST(ConnectionTest, WhatTheServerForgotOrCannotUseIsAskedAnew) {
  Cancel cancel;
  auto db = open(cancel);
  for (int times = 0; times < 2; ++times)
    EXPECT_EQ(db->ask("select $1::int + 1", {"41"}, cancel)->integer(0, 0), 42);
  ASSERT_TRUE(db->execute("deallocate all", cancel).ok());
  auto again = db->ask("select $1::int + 1", {"1"}, cancel);
  ASSERT_TRUE(again.ok()) << again.error().describe();
  EXPECT_EQ(again->integer(0, 0), 2);
  EXPECT_FALSE(db->clean()) << "something stands between, so it is not kept";

  auto other = open(cancel);
  ASSERT_TRUE(
      other->execute("create temp table things (a int); insert into things values (1)", cancel)
          .ok());
  for (int times = 0; times < 2; ++times)
    EXPECT_EQ(other->ask("select * from things", {}, cancel)->columns(), 1u);
  ASSERT_TRUE(other->execute("alter table things add column b text", cancel).ok());
  auto altered = other->ask("select * from things", {}, cancel);
  ASSERT_TRUE(altered.ok()) << altered.error().describe();
  EXPECT_EQ(altered->columns(), 2u);
}

TEST(ConnectionTest, InATransactionWhatIsAskedCanFailAsAnyOther) {
  Cancel cancel;
  auto db = open(cancel);
  ASSERT_TRUE(db->begin("", cancel).ok());
  for (int times = 0; times < 2; ++times)
    EXPECT_EQ(db->ask("select 1", {}, cancel)->integer(0, 0), 1);
  EXPECT_EQ(prepared_in(*db, cancel), "0");
  EXPECT_EQ(db->ask("select * from nowhere", {}, cancel).error().code, "postgres.table_missing");
  db->rollback();
  EXPECT_EQ(db->ask("select * from nowhere", {}, cancel).error().code, "postgres.table_missing");
  EXPECT_EQ(db->ask("select 1", {}, cancel)->integer(0, 0), 1);
}

TEST(ConnectionTest, DescribesWithoutRunning) {
  Cancel cancel;
  auto db = open(cancel);
  auto rows = db->describe("select 1/0 as a, 1.5::numeric(10,2) as b", cancel);
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  EXPECT_EQ("b", rows->name(1));
  EXPECT_EQ(1700u, rows->type_oid(1));
}

TEST(ConnectionTest, ErrorsAreClassifiedByState) {
  Cancel cancel;
  auto db = open(cancel, Side::target);
  auto missing = db->query("select * from nowhere", cancel);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ("postgres.table_missing", missing.error().code);
  EXPECT_EQ(Fault::target, missing.error().fault);
  EXPECT_EQ(Retry::never, missing.error().retry);
  EXPECT_NE("", missing.error().hint);
  EXPECT_TRUE(db->query("select 1", cancel).ok());
}

// TCP_USER_TIMEOUT of this process's one connection to `port`, in ms; -1 where there is none.
int user_timeout_of(int port) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family != AF_INET || ntohs(peer.sin_port) != port) continue;
    int value = -1;
    socklen_t length = sizeof(value);
    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length);
    return value;
  }
  return -1;
}

TEST(ConnectionTest, ANetworkThatWentSilentIsGivenUpAfterMinutes) {
  Cancel cancel;
  ConnectOptions options;
  options.conninfo = PostgresServer::shared().tcp_conninfo();
  options.password = Secret(PostgresServer::password());
  auto db = Connection::connect(options, cancel);
  ASSERT_TRUE(db.ok()) << db.error().describe();
  const int port = std::stoi((*db)->query("show port", cancel)->string(0, 0));
  EXPECT_EQ(300000, user_timeout_of(port));
  db->reset();
  options.conninfo += " tcp_user_timeout=7000";
  db = Connection::connect(options, cancel);
  ASSERT_TRUE(db.ok()) << db.error().describe();
  EXPECT_EQ(7000, user_timeout_of(port));
}

TEST(ConnectionTest, WrongPasswordAndDatabaseAndPort) {
  Cancel cancel;
  ConnectOptions options;
  options.conninfo = PostgresServer::shared().tcp_conninfo();
  options.password = Secret("hunter2");
  auto wrong = Connection::connect(options, cancel);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ("postgres.wrong_password", wrong.error().code);
  EXPECT_EQ(std::string::npos, wrong.error().describe().find("hunter2"));
  EXPECT_EQ(std::string::npos, wrong.error().describe().find("auth.c"));

  options.password = Secret(PostgresServer::password());
  EXPECT_TRUE(Connection::connect(options, cancel).ok());

  options.conninfo = PostgresServer::shared().conninfo("nowhere");
  auto database = Connection::connect(options, cancel);
  ASSERT_FALSE(database.ok());
  EXPECT_EQ("postgres.database_missing", database.error().code);

  options.conninfo = "host=127.0.0.1 port=1 dbname=x user=y";
  auto port = Connection::connect(options, cancel);
  ASSERT_FALSE(port.ok());
  EXPECT_EQ("postgres.cannot_connect", port.error().code);
  EXPECT_EQ(Retry::reconnect, port.error().retry);
}

TEST(ConnectionTest, RefusesSecretsAndUnknownKeywordsInTheText) {
  for (const char* text : {"host=a password=hunter2", "postgres://me:hunter2@host/db"}) {
    const Status status = check_conninfo(text);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ("postgres.password_in_conninfo", status.error().code);
    EXPECT_EQ(std::string::npos, status.error().describe().find("hunter2"));
  }
  EXPECT_EQ("postgres.unknown_keyword", check_conninfo("host=a options=-cx=y").error().code);
  EXPECT_EQ("postgres.bad_conninfo", check_conninfo("hunter2 is it").error().code);
  EXPECT_EQ(std::string::npos, check_conninfo("hunter2 is it").error().describe().find("hunter2"));
  EXPECT_TRUE(check_conninfo("postgres://me@host:5432/db?sslmode=require").ok());
}

TEST(ConnectionTest, CopyOutAndIn) {
  Cancel cancel;
  auto db = open(cancel);
  ASSERT_TRUE(db->execute("create temp table t (a int, b text)", cancel).ok());
  {
    auto in = db->copy_in("copy t from stdin", cancel);
    ASSERT_TRUE(in.ok()) << in.error().describe();
    ASSERT_TRUE(in->put("1\tx\n2\t\\N\n", cancel).ok());
    auto rows = in->finish(cancel);
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    EXPECT_EQ(2, *rows);
  }
  {
    auto gone = db->copy_in("copy t from stdin", cancel);
    ASSERT_TRUE(gone.ok() && gone->put("3\ty\n", cancel).ok());
  }
  {
    auto bad = db->copy_in("copy t from stdin", cancel);
    ASSERT_TRUE(bad.ok() && bad->put("three\ty\n", cancel).ok());
    auto rows = bad->finish(cancel);
    ASSERT_FALSE(rows.ok());
    EXPECT_EQ("postgres.data_exception", rows.error().code);
  }
  auto out = db->copy_out("copy (select * from t order by a) to stdout", cancel);
  ASSERT_TRUE(out.ok()) << out.error().describe();
  std::string all;
  while (true) {
    auto piece = out->next(cancel);
    ASSERT_TRUE(piece.ok()) << piece.error().describe();
    if (!*piece) break;
    all += **piece;
  }
  EXPECT_EQ("1\tx\n2\t\\N\n", all);
  EXPECT_EQ(2, out->rows());
  EXPECT_EQ(2, db->query("select count(*) from t", cancel)->integer(0, 0));
}

TEST(ConnectionTest, CopyOutLeftEarlyLeavesAUsableSession) {
  Cancel cancel;
  auto db = open(cancel);
  {
    auto out = db->copy_out("copy (select generate_series(1, 10000000)) to stdout", cancel);
    ASSERT_TRUE(out.ok() && out->next(cancel).ok());
  }
  EXPECT_EQ(1, db->query("select 1", cancel)->integer(0, 0));
}

TEST(ConnectionTest, CancelAndInterruptStopAStatement) {
  Cancel cancel;
  auto db = open(cancel);
  const auto start = std::chrono::steady_clock::now();
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.request();
  });
  auto slept = db->query("select pg_sleep(20)", cancel);
  stopper.join();
  ASSERT_FALSE(slept.ok());
  EXPECT_EQ("run.cancelled", slept.error().code);
  Cancel again;
  std::thread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    db->interrupt();
  });
  auto interrupted = db->query("select pg_sleep(20)", again);
  interrupter.join();
  ASSERT_FALSE(interrupted.ok());
  EXPECT_EQ("run.cancelled", interrupted.error().code);
  EXPECT_TRUE(db->query("select 1", again).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(ConnectionTest, TransactionsRollBackAndTellAbortedCommits) {
  Cancel cancel;
  auto db = open(cancel);
  ASSERT_TRUE(db->execute("create temp table t (a int)", cancel).ok());
  {
    auto work = Transaction::begin(*db, "", cancel);
    ASSERT_TRUE(work.ok() && db->execute("insert into t values (1)", cancel).ok());
  }
  EXPECT_FALSE(db->in_transaction());
  EXPECT_EQ(0, db->query("select count(*) from t", cancel)->integer(0, 0));
  auto work = Transaction::begin(*db, "", cancel);
  ASSERT_TRUE(work.ok());
  EXPECT_FALSE(db->execute("select 1/0", cancel).ok());
  const Status committed = work->commit(cancel);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ("postgres.transaction_aborted", committed.error().code);
}

TEST(ConnectionTest, ASessionThatIsEndedSaysSo) {
  Cancel cancel;
  auto db = open(cancel);
  auto other = open(cancel);
  ASSERT_TRUE(other
                  ->query("select pg_terminate_backend($1::int)",
                          {std::to_string(db->backend_pid())}, cancel)
                  .ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  auto rows = db->query("select 1", cancel);
  ASSERT_FALSE(rows.ok());
  EXPECT_TRUE(is_connection_loss(rows.error())) << rows.error().describe();
  EXPECT_TRUE(db->lost());
}

TEST(NamesTest, QuotesAndParses) {
  EXPECT_EQ("\"a\"\"b\"", quote_name("a\"b"));
  EXPECT_EQ("'it''s'", quote_text("it's"));
  EXPECT_EQ(" E'a\\\\b'", quote_text("a\\b"));
  EXPECT_EQ((TableName{"public", "Orders"}), TableName::parse("public.Orders"));
  EXPECT_EQ((TableName{"a.b", "c\"d"}), TableName::parse("\"a.b\".\"c\"\"d\""));
  EXPECT_EQ("\"a\".\"b\"", TableName::parse("a.b").sql());
}

}  // namespace
}  // namespace tidemark::postgres

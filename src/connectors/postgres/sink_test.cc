#include "connectors/postgres/sink.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "connectors/postgres/sink_fixture_test.h"
#include "env/failpoints.h"

namespace tidemark::postgres {
namespace {

TEST_F(PostgresSinkTest, NothingIsThereBeforeTheFirstLoadAndReadingMakesNothing) {
  EXPECT_FALSE(sink_->committed(stream, cancel_)->has_value());
  EXPECT_TRUE(sink_->history(stream, cancel_)->empty());
  EXPECT_FALSE(*sink_->loaded(stream, RunId("x"), cancel_));
  EXPECT_FALSE(sink_->describe("orders", cancel_)->has_value());
  const auto plan = sink_->plan(
      target(rows("SELECT 1 AS id"), LoadStrategy::upsert, {"id"}, "new.orders"), cancel_);
  ASSERT_TRUE(plan.ok()) << plan.error().describe();
  EXPECT_FALSE(plan->table_exists);
  ASSERT_EQ(plan->ddl.size(), 7U);
  EXPECT_EQ(plan->ddl[5], "create schema if not exists \"new\"");
  EXPECT_EQ(plan->ddl[6], "create table \"new\".\"orders\" (\"id\" integer)");
  EXPECT_EQ(ask("select count(*) from pg_class where relnamespace = 'public'::regnamespace"), "0");
}

TEST_F(PostgresSinkTest, FirstLoadsAtTheSameTimeMakeOneLedger) {
  std::atomic<int> begun = 0;
  std::vector<std::thread> owners;
  for (int owner = 0; owner < 6; ++owner) {
    owners.emplace_back([&] {
      Cancel cancel;
      PostgresSink sink(*db_, options_);
      if (sink.begin(key(1), cancel).ok()) ++begun;
    });
  }
  for (auto& owner : owners)
    owner.join();
  EXPECT_EQ(begun, 6);
  EXPECT_EQ(ask("select count(*) from tidemark_ledger"), "0");
}

TEST_F(PostgresSinkTest, UpsertNeedsAUniqueIndexAndSingleKeysWithoutNull) {
  run("create table orders (id int, name text)");
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  const auto upsert = target(good, LoadStrategy::upsert, {"id"});
  const auto plan = sink_->plan(upsert, cancel_);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().hint, "run: CREATE UNIQUE INDEX ON \"public\".\"orders\" (\"id\")");
  run("create unique index on orders (id)");
  EXPECT_TRUE(is(load(good, upsert, key(1)), CommitOutcome::committed));
  EXPECT_EQ(load(rows("SELECT NULL::INTEGER AS id, 'a' AS name"), upsert, key(2)).error().code,
            "target.null_key");
  const auto twice = rows("SELECT 1 AS id, 'a' AS name FROM range(2)");
  EXPECT_EQ(load(twice, upsert, key(2)).error().code, "target.duplicate_key");
  run("drop table orders");
  EXPECT_EQ(load(twice, upsert, key(2)).error().code, "target.duplicate_key");
  EXPECT_EQ(ask("select to_regclass('orders') is null"), "t");
  // One that a load makes has it.
  EXPECT_TRUE(
      is(load(rows("SELECT 1 AS id, 'a' AS name"), upsert, key(2)), CommitOutcome::committed));
  EXPECT_EQ((*sink_->describe("orders", cancel_))->key, std::vector<std::string>{"id"});
}

TEST_F(PostgresSinkTest, TwoOwnersAtOnceLoadAWindowOnce) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  ASSERT_TRUE(is(load(good, append, key(1)), CommitOutcome::committed));
  auto slow = sink_->begin(key(2, 1), cancel_);
  ASSERT_TRUE(slow.ok() && (*slow)->write(good, append, cancel_).ok());
  auto quick = sink_->begin(key(2, 2), cancel_);
  ASSERT_TRUE(quick.ok() && (*quick)->write(good, append, cancel_).ok());
  EXPECT_TRUE(is((*quick)->commit(row(key(2, 2), 1)), CommitOutcome::committed));
  EXPECT_TRUE(is((*slow)->commit(row(key(2, 1), 1)), CommitOutcome::already_committed));
  EXPECT_EQ(ask("select count(*) from orders"), "2");
}

TEST_F(PostgresSinkTest, AFailedOrAbandonedLoadLeavesNothing) {
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  const auto append = target(good, LoadStrategy::append, {}, "mart.orders");
  {
    auto txn = sink_->begin(key(1), cancel_);
    ASSERT_TRUE(txn.ok() && (*txn)->write(good, append, cancel_).ok());
  }
  EXPECT_FALSE(sink_->describe("mart.orders", cancel_)->has_value());
  auto txn = sink_->begin(key(1), cancel_);
  ASSERT_TRUE(txn.ok());
  const auto refused =
      (*txn)->write(rows("SELECT 1 AS id, 'a' || chr(0) AS name"), append, cancel_);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("column `name`, row 1"), std::string::npos)
      << refused.error().describe();
  EXPECT_EQ((*txn)->commit(row(key(1), 1)).error().code, "target.load_failed");
  EXPECT_EQ(ask("select to_regclass('mart.orders') is null and (select count(*) from "
                "tidemark_loads) = 0"),
            "t");
}

TEST_F(PostgresSinkTest, WhoTakesAJobOverEndsItsOldLoadsAndFencesThem) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  // Before the first load there is no head to fence, but the old load's session is ended.
  auto first = sink_->begin(key(1, 1), cancel_);
  ASSERT_TRUE(first.ok() && (*first)->write(good, append, cancel_).ok());
  EXPECT_TRUE(sink_->take_over(stream.job, Fence(2), cancel_)->empty());
  EXPECT_FALSE((*first)->commit(row(key(1, 1), 1)).ok());
  ASSERT_TRUE(is(load(good, append, key(1, 2)), CommitOutcome::committed));

  auto second = sink_->begin(key(2, 2), cancel_);
  ASSERT_TRUE(second.ok() && (*second)->write(good, append, cancel_).ok());
  const auto heads = sink_->take_over(stream.job, Fence(3), cancel_);
  ASSERT_TRUE(heads.ok()) << heads.error().describe();
  ASSERT_EQ(heads->size(), 1U);
  EXPECT_EQ(heads->front().seq, Seq(1));
  EXPECT_EQ(heads->front().fence, Fence(3));
  EXPECT_FALSE((*second)->commit(row(key(2, 2), 1)).ok());
  EXPECT_EQ(load(good, append, key(2, 2)).error().code, "target.fenced");
  EXPECT_TRUE(is(load(good, append, key(2, 3)), CommitOutcome::committed));
  EXPECT_EQ(ask("select count(*) from orders"), "2");

  EXPECT_EQ(sink_->take_over(stream.job, Fence(3), cancel_).error().code, "target.fenced");
  // Other jobs are left alone.
  auto other = sink_->begin(key(3, 3), cancel_);
  ASSERT_TRUE(other.ok() && (*other)->write(good, append, cancel_).ok());
  EXPECT_TRUE(sink_->take_over(JobName("payments"), Fence(9), cancel_)->empty());
  EXPECT_TRUE(is((*other)->commit(row(key(3, 3), 1)), CommitOutcome::committed));
}

TEST_F(PostgresSinkTest, WhoHasTakenAJobOverFindsNoOlderSessionAnyMore) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  for (int fence = 1; fence <= 30; ++fence) {
    auto older = sink_->begin(key(1, fence), cancel_);
    ASSERT_TRUE(older.ok() && (*older)->write(good, append, cancel_).ok());
    ASSERT_TRUE(sink_->take_over(stream.job, Fence(fence + 1), cancel_).ok());
    EXPECT_EQ(ask("select count(*) from pg_stat_activity where application_name like "
                  "'tidemark job=% fence=%'"),
              "0");
  }
}

TEST_F(PostgresSinkTest, AnOlderSessionOfAnotherUserIsNamedWithWhatToDo) {
  const auto good = rows("SELECT 1 AS id");
  auto older = sink_->begin(key(1, 1), cancel_);
  ASSERT_TRUE(older.ok());
  run("create role stranger_" + std::to_string(::getpid()) + " login");
  ConnectOptions options = options_;
  options.conninfo += " user=stranger_" + std::to_string(::getpid());
  PostgresSink stranger(*db_, options);
  const auto taken = stranger.take_over(stream.job, Fence(2), cancel_);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, "target.older_session");
  EXPECT_NE(taken.error().hint.find("pg_signal_backend"), std::string::npos);
  EXPECT_TRUE((*older)->write(good, target(good, LoadStrategy::append), cancel_).ok());
}

TEST_F(PostgresSinkTest, ABackendKilledBeforeCommitIsAnErrorAndNotUnknown) {
  const auto good = rows("SELECT 1 AS id");
  auto txn = sink_->begin(key(1, 7), cancel_);
  ASSERT_TRUE(txn.ok() && (*txn)->write(good, target(good, LoadStrategy::append), cancel_).ok());
  EXPECT_EQ(ask("select pg_terminate_backend(pid, 5000) from pg_stat_activity where "
                "application_name like "
                "'tidemark job=% fence=7 %'"),
            "t");
  const auto outcome = (*txn)->commit(row(key(1, 7), 1));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().retry, Retry::reconnect);
  EXPECT_FALSE(sink_->committed(stream, cancel_)->has_value());
}

TEST_F(PostgresSinkTest, AnAnswerToCommitThatIsLostIsUnknownUntilTheLedgerIsAsked) {
  run("create table orders (id int); create function die() returns trigger language plpgsql as "
      "'begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; "
      "end'; "
      "create constraint trigger dies after insert on orders deferrable initially deferred "
      "for each row execute function die()");
  const auto good = rows("SELECT 1 AS id");
  auto txn = sink_->begin(key(1), cancel_);
  ASSERT_TRUE(txn.ok() && (*txn)->write(good, target(good, LoadStrategy::append), cancel_).ok());
  EXPECT_TRUE(is((*txn)->commit(row(key(1), 1)), CommitOutcome::unknown));
  const auto there = (*txn)->resolve(row(key(1), 1), cancel_);
  ASSERT_TRUE(there.ok()) << there.error().describe();
  EXPECT_FALSE(*there);
  EXPECT_FALSE(sink_->committed(stream, cancel_)->has_value());
}

TEST_F(PostgresSinkTest, AnAnswerThatIsLostAfterTheCommitIsFoundToBeOne) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  auto txn = sink_->begin(key(1), cancel_);
  ASSERT_TRUE(txn.ok() && (*txn)->write(good, append, cancel_).ok());
  failpoints::arm(Failpoint::postgres_committed, 1, [] { return std::optional("reset"); });
  EXPECT_TRUE(is((*txn)->commit(row(key(1), 1)), CommitOutcome::unknown));
  const auto there = (*txn)->resolve(row(key(1), 1), cancel_);
  ASSERT_TRUE(there.ok()) << there.error().describe();
  EXPECT_TRUE(*there);
}

TEST_F(PostgresSinkTest, ATargetThatTakesNoWritesSaysSoAndCanStillBePlanned) {
  run("alter database " + quote_name(ask("select current_database()")) +
      " set default_transaction_read_only = on");
  const auto good = rows("SELECT 1 AS id");
  const auto begun = sink_->begin(key(1), cancel_);
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code, "postgres.read_only");
  EXPECT_EQ(begun.error().fault, Fault::target);
  const auto plan = sink_->plan(target(good, LoadStrategy::append), cancel_);
  ASSERT_TRUE(plan.ok());
  EXPECT_NE(plan->notes.back().find("read-only"), std::string::npos);
}

TEST_F(PostgresSinkTest, APlanNamesAllMisfitsWithBothTypes) {
  run("create table orders (id smallint, tag text not null)");
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  const auto plan = sink_->plan(target(good, LoadStrategy::append), cancel_);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, "target.schema_misfit");
  EXPECT_NE(plan.error().message.find("`id` is smallint in the table and INTEGER in the rows"),
            std::string::npos);
  EXPECT_NE(plan.error().message.find("`name` (VARCHAR) is not in the table"), std::string::npos);
  EXPECT_NE(plan.error().message.find("`tag` (text) of the table is NOT NULL"), std::string::npos);
  run("create view seen as select 1 as id");
  EXPECT_EQ(sink_->plan(target(good, LoadStrategy::append, {}, "seen"), cancel_).error().code,
            "target.not_a_table");
}

TEST_F(PostgresSinkTest, DomainsEnumsAndWiderColumnsTakeTheRows) {
  run("create domain code as varchar(3); create type mood as enum ('ok', 'bad'); create table "
      "orders "
      "(id bigint generated always as identity primary key, c code, m mood, n numeric, js jsonb, f "
      "float8)");
  const auto good = rows(
      "SELECT 1 AS id, 'abc' AS c, 'bad' AS m, 1.50::DECIMAL(4,2) AS n, '{\"a\":1}'::JSON AS js, "
      "0.5::FLOAT AS f");
  const auto upsert = target(good, LoadStrategy::upsert, {"id"});
  EXPECT_TRUE(is(load(good, upsert, key(1)), CommitOutcome::committed));
  EXPECT_EQ(ask("select orders::text from orders"), "(1,abc,bad,1.50,\"{\"\"a\"\": 1}\",0.5)");
  const auto long_code = rows(
      "SELECT 2 AS id, 'abcd' AS c, 'bad' AS m, 1.50::DECIMAL(4,2) AS n, '1'::JSON AS js, "
      "0.5::FLOAT AS f");
  EXPECT_EQ(load(long_code, upsert, key(2)).error().code, "target.value_refused");
}

TEST_F(PostgresSinkTest, AcceptanceFindsTheRowsThatWouldStopALoad) {
  run("create type mood as enum ('ok', 'it''s \\ bad')");
  run("create table orders (short varchar(2), plain text, js jsonb, tags text[], day date, moment "
      "timestamp, m mood, moods mood[])");
  const auto mixed = rows(
      "SELECT * FROM (VALUES "
      "('äb', 'a', '\"\\\\u0000 \\ud83d\\ude00 \\\\ud800\"'::JSON, ['a'], DATE '2024-01-01', "
      "TIMESTAMP_NS '2024-01-01 00:00:00.000001', 'it''s \\ bad', ['ok']), "
      "('abc', chr(0), '\"\\u0000\"'::JSON, ['a', chr(0)], DATE '5874898-01-01', "
      "TIMESTAMP_NS '2024-01-01 00:00:00.000000001', 'new', ['ok', 'new']), "
      "(chr(0), 'a' || chr(0), '\"\\\\\\u0000\"'::JSON, [chr(0)], DATE '-290307-01-01', "
      "TIMESTAMP_NS '2024-01-01 00:00:00.000000999', '', [NULL, ''])) "
      "r(short, plain, js, tags, day, moment, m, moods)");
  const auto acceptance = sink_->acceptance(target(mixed, LoadStrategy::append), cancel_);
  ASSERT_TRUE(acceptance.ok()) << acceptance.error().describe();
  EXPECT_EQ(acceptance->size(), 8U);
  std::string all;
  std::string own;
  for (const auto& accept : *acceptance) {
    if (accept.own_values_hold) own += accept.column + " ";
    const auto good = db_->count("SELECT count(*) FROM good WHERE " + accept.predicate);
    EXPECT_EQ(good.ok() ? std::to_string(*good) : good.error().describe(), "1") << accept.predicate;
    all += (all.empty() ? "" : " AND ") + accept.predicate;
  }
  EXPECT_EQ(own, "plain tags day ");
  // The engine refuses to make such JSON, but takes it from a source that has it.
  for (const auto& accept : *acceptance) {
    if (accept.column != "js") continue;
    EXPECT_EQ(
        *db_->count(
            R"(SELECT count(*) FROM (VALUES ('"\ud800"'), ('"\\ud800"'), ('"\udc00 \ud800"'), ('"\ud800 \n"'), ('"\ud83d\ude00"')) r(js) WHERE )" +
            accept.predicate),
        2);
  }
  const auto held = rows("SELECT * FROM good WHERE " + all, mixed.schema, "held");
  EXPECT_TRUE(is(load(held, target(held, LoadStrategy::append), key(1)), CommitOutcome::committed));
  EXPECT_EQ(ask("select short || m || js from orders"), "äbit's \\ bad\"\\\\u0000 😀 \\\\ud800\"");
}

TEST_F(PostgresSinkTest, NullIsAcceptedHereAndRefusedByTheRuleForIt) {
  run("create table orders (name varchar(2) not null)");
  const auto none = rows("SELECT NULL::VARCHAR AS name");
  const auto acceptance = sink_->acceptance(target(none, LoadStrategy::append), cancel_);
  ASSERT_TRUE(acceptance.ok()) << acceptance.error().describe();
  ASSERT_EQ(acceptance->size(), 1U);
  EXPECT_EQ(
      *db_->count("SELECT count(*) FROM good WHERE NOT (" + acceptance->front().predicate + ")"),
      0);
  EXPECT_FALSE((*sink_->describe("orders", cancel_))->columns.front().nullable);
}

TEST_F(PostgresSinkTest, RefusedRowsCommitWithTheGoodOnes) {
  const auto good = rows("SELECT 1 AS id");
  const auto bad = rows(
      "SELECT 'orders' AS job, 'orders' AS stream, 'r1' AS run_id, 1::BIGINT AS seq, 'rule' AS "
      "rule, "
      "NULL::VARCHAR AS column_name, 'nul' || chr(0) AS message, 'row 1' AS locator, '{}' AS "
      "payload, "
      "'\\x00\\xFF'::BLOB AS raw, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS refused_at, "
      "'[\"1\"]' AS row_key",
      quarantine_schema(), "bad");
  auto txn = sink_->begin(key(1), cancel_);
  ASSERT_TRUE(txn.ok() && (*txn)->write(good, target(good, LoadStrategy::append), cancel_).ok());
  const auto kept = (*txn)->quarantine(bad, Supersedes::nothing, cancel_);
  ASSERT_TRUE(kept.ok()) << kept.error().describe();
  EXPECT_EQ(ask("select count(*) from tidemark_quarantine"), "0");
  EXPECT_TRUE(is((*txn)->commit(row(key(1), 1)), CommitOutcome::committed));
  EXPECT_EQ(
      ask("select message || ' ' || raw::text || ' ' || refused_at::text from tidemark_quarantine"),
      "nul\\u0000 \\x00ff 2024-01-01 00:00:00+00");
}

TEST_F(PostgresSinkTest, ALongLoadStopsSoonAfterCancel) {
  const auto good = rows("SELECT i AS id, repeat('x', 100) AS filler FROM range(2000000) r(i)");
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    cancel_.request();
  });
  const auto stopped = load(good, target(good, LoadStrategy::append), key(1));
  stopper.join();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, "run.cancelled");
}

}  // namespace
}  // namespace tidemark::postgres

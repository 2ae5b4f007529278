// `replace: table`: the new table is like the old one in all that a table can have, or the old one
// stays.
#include <atomic>
#include <thread>

#include "connectors/postgres/sink_fixture_test.h"

namespace tidemark::postgres {
namespace {

class PostgresSwapTest : public PostgresSinkTest {
 protected:
  LoadTarget swap_into(const StagedTable& good, std::vector<std::string> key = {}) {
    LoadTarget full = target(good, LoadStrategy::full, std::move(key));
    full.replace = Replace::table;
    return full;
  }
  Result<CommitOutcome> swap(const std::string& select, std::vector<std::string> key = {}) {
    const StagedTable good = rows(select);
    auto outcome = load(good, swap_into(good, std::move(key)), this->key(seq_));
    if (outcome.ok()) ++seq_;
    return outcome;
  }
  // Code and message, or nothing.
  std::string refused(const std::string& select) {
    const auto plan = sink_->plan(swap_into(rows(select)), cancel_);
    return plan.ok() ? "" : plan.error().code + ": " + plan.error().message;
  }

  std::int64_t seq_ = 1;
};

constexpr CommitOutcome committed = CommitOutcome::committed;
constexpr const char* two_rows = "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) r(id, name)";
constexpr const char* plain_table = "create table orders (id int primary key, name text)";

TEST_F(PostgresSwapTest, ColumnsDefaultsChecksAndIndexesAreTheOldOnes) {
  run("create table orders (gone int, id int constraint \"the key\" primary key, name "
      "varchar(9) default 'none' not null check (name <> 'bad'), twice int generated always as (id "
      "* 2) stored, span int4range, exclude using gist (span with &&) deferrable); "
      "alter table orders drop column gone; create index \"by \"\"name\" on orders (lower(name) "
      "desc) "
      "where id > 0; create index one on orders (name); create index two on orders (name); create "
      "unique index pair on orders (id, name) include (span) with (fillfactor = 70); "
      "alter table orders alter name set storage external; comment on column orders.name is "
      "'said'; "
      "comment on index one is 'first'; comment on constraint orders_name_check on orders is 'c'; "
      "insert into orders values (7, 'old')");
  const std::string described =
      "select string_agg(line, E'\\n' order by line) from (select attname || format_type(atttypid, "
      "atttypmod) || attnotnull || attstorage::text || coalesce(pg_get_expr(adbin, adrelid), '') "
      "|| "
      "coalesce(col_description(attrelid, attnum), '') from pg_attribute left join pg_attrdef on "
      "adrelid = attrelid and adnum = attnum where attrelid = 'orders'::regclass and attnum > 0 "
      "and "
      "not attisdropped union all select indexdef || coalesce(obj_description(quote_ident("
      "indexname)::regclass), '') from pg_indexes where tablename = 'orders' union all select "
      "conname "
      "|| pg_get_constraintdef(oid) || coalesce(obj_description(oid), '') from pg_constraint where "
      "conrelid = 'orders'::regclass) x(line)";
  const std::string before = ask(described);
  const std::string oid = ask("select 'orders'::regclass::oid");
  const std::string select =
      "SELECT * FROM (VALUES (1, 'a', NULL::VARCHAR), (2, 'b', NULL)) r(id, name, s)";
  EXPECT_NE(refused(select).find("`s` (VARCHAR) is not in the table"), std::string::npos);
  run("alter table orders drop column span");
  const std::string without = ask(described);
  EXPECT_NE(before, without);
  EXPECT_TRUE(is(swap(two_rows), committed));
  EXPECT_EQ(ask(described), without);
  EXPECT_NE(ask("select 'orders'::regclass::oid"), oid);
  EXPECT_EQ(ask("select string_agg(orders::text, ' ' order by id) from orders"), "(1,a,2) (2,b,4)");
  // Nothing is left beside it, and it is as large as its rows.
  EXPECT_EQ(
      ask("select string_agg(relname, ' ') from pg_class where relname like 'tidemark\\_load\\_%' "
          "or relname like 'tidemark_key%'"),
      "NULL");
  EXPECT_EQ(ask("select reltuples from pg_class where relname = 'orders'"), "2");
  EXPECT_TRUE(is(swap(two_rows, {"id"}), committed));
}

TEST_F(PostgresSwapTest, WhatWouldBeLostRefusesThePlanAndTheLoad) {
  run("create role swapper login; create function nothing() returns trigger language plpgsql as "
      "'begin return null; end'; create table customers (id int primary key)");
  const std::pair<const char*, const char*> losses[] = {
      {"grant select on orders to swapper", "privileges were granted on it"},
      {"grant select (name) on orders to swapper", "privileges were granted on its column `name`"},
      {"alter table orders owner to swapper", "it belongs to `swapper`"},
      {"create view seen as select id from orders", "rule _RETURN on view seen depends on it"},
      {"create materialized view kept as select id from orders", "materialized view kept"},
      {"create table lines (order_id int references orders)",
       "constraint lines_order_id_fkey on table lines depends on it"},
      {"alter table orders add customer int references customers",
       "it has the foreign key `orders_customer_fkey`"},
      {"create table likes (o orders)", "column o of table likes depends on it"},
      {"create table many (o orders[])", "column o of table many depends on it"},
      {"create function one() returns int begin atomic select id from orders; end",
       "function one() depends on it"},
      {"create trigger t after insert on orders execute function nothing()",
       "it has the trigger `t`"},
      {"create rule r as on delete to orders do also notify x", "it has the rule `r`"},
      {"create policy p on orders", "it has row security"},
      {"alter table orders enable row level security", "it has row security"},
      {"alter table orders add line serial", "the sequence orders_line_seq belongs to it"},
      {"alter table orders add line int generated by default as identity",
       "the sequence orders_line_seq belongs to it"},
      {"alter table orders add other int", "the rows do not have its column `other`"},
      {"create publication p for table orders", "it is published by `p`"},
      {"create publication p for all tables", "it is published by `p`"},
      {"create publication p for tables in schema public", "it is published by `p`"},
      {"create statistics s on id, name from orders", "it has the statistics `s`"},
      {"comment on table orders is 'ours'", "it has a comment"},
      {"alter table orders set (fillfactor = 50)", "it has storage of its own kind"},
      {"alter table orders set unlogged", "it has storage of its own kind"},
      {"alter table orders replica identity full", "it has storage of its own kind"},
      {"alter table orders alter name set statistics 5", "its column `name` has options"},
      {"alter table orders cluster on orders_pkey", "its index orders_pkey is not an ordinary one"},
      {"create table child () inherits (orders)", "another is a part of it"},
      {"create table parent (id int not null, name text); alter table orders inherit parent",
       "it is a part of another table"},
  };
  for (const auto& [make, loss] : losses) {
    SCOPED_TRACE(make);
    run("drop table if exists orders, likes, many, parent, lines cascade; drop publication if "
        "exists "
        "p; " +
        std::string(plain_table) + "; insert into orders values (7, 'old'); " + make);
    const std::string said = refused(two_rows);
    EXPECT_TRUE(said.starts_with("target.swap_loses: ")) << said;
    EXPECT_NE(said.find(loss), std::string::npos) << said;
    EXPECT_EQ(swap(two_rows).error().code, "target.swap_loses");
    EXPECT_EQ(ask("select name from orders"), "old");
  }
  run("drop owned by swapper cascade; drop role swapper; drop table if exists orders cascade");
  run("create table orders (id int, name text) partition by range (id)");
  EXPECT_NE(refused(two_rows).find("it is partitioned"), std::string::npos);
}

TEST_F(PostgresSwapTest, WhatTheNewTableWouldHaveAndTheOldHasNotRefusesTheLoadToo) {
  run(std::string(plain_table) +
      "; insert into orders values (7, 'old'); create role other_reader; "
      "alter default privileges grant select on tables to other_reader");
  const auto refused_load = swap(two_rows);
  ASSERT_FALSE(refused_load.ok());
  EXPECT_EQ(refused_load.error().code, "target.swap_loses");
  EXPECT_NE(refused_load.error().message.find("privileges were granted"), std::string::npos);
  EXPECT_EQ(ask("select name from orders"), "old");
  run("drop owned by other_reader; drop role other_reader");
}

TEST_F(PostgresSwapTest, KeysAreCheckedAndTheGuardHolds) {
  run(std::string(plain_table) +
      "; insert into orders select i, 'old' from generate_series(1, 9) i");
  const std::string twice = "SELECT 1 AS id, 'a' AS name FROM range(2)";
  EXPECT_EQ(swap(twice).error().code, "target.duplicate_key");
  run("alter table orders drop constraint orders_pkey; alter table orders alter id drop not null");
  EXPECT_EQ(swap(twice, {"id"}).error().code, "target.duplicate_key");
  EXPECT_EQ(swap("SELECT 1 AS id, 'a' AS name WHERE false").error().code, "blocked.empty_source");
  const auto few = rows(two_rows);
  LoadTarget guarded = swap_into(few);
  guarded.shrink_limit = 0.5;
  EXPECT_EQ(load(few, guarded, key(1)).error().code, "blocked.shrunk_source");
  EXPECT_EQ(ask("select count(*) from orders"), "9");
  EXPECT_TRUE(is(swap(two_rows, {"id"}), committed));
  EXPECT_EQ(ask("select count(*) from pg_index where indrelid = 'orders'::regclass"), "0");
}

TEST_F(PostgresSwapTest, ReadersSeeTheOldRowsOrTheNewOnesAlways) {
  run(std::string(plain_table) +
      "; insert into orders select i, '1' from generate_series(1, 500) i");
  ASSERT_TRUE(admin_->begin("isolation level repeatable read", cancel_).ok());
  ASSERT_EQ(ask("select 1"), "1");
  SteadyReader reader(options_, "select count(*) || '/' || count(distinct name) from orders",
                      "500/1");
  for (int at = 2; at < 8; ++at) {
    EXPECT_TRUE(is(
        swap("SELECT i::INTEGER AS id, '" + std::to_string(at) + "' AS name FROM range(500) r(i)"),
        committed));
  }
  reader.expect_steady();
  // A snapshot from before sees the new table, whole: the old one is gone.
  EXPECT_EQ(ask("select count(*) || '/' || min(name) || '/' || max(name) from orders"), "500/7/7");
  admin_->rollback();
}

TEST_F(PostgresSwapTest, ASwapThatWaitsHoldsReadersUpForATryOnly) {
  run(std::string(plain_table) + "; insert into orders values (7, 'old')");
  sink_ = std::make_unique<PostgresSink>(*db_, options_, LockPatience{4, 100, 100, 100});
  auto reader = Connection::connect(options_, cancel_).value();
  ASSERT_TRUE(reader->begin("", cancel_).ok());
  ASSERT_TRUE(reader->query("select * from orders", cancel_).ok());
  std::atomic<bool> stop = false;
  std::string slowest = "0";
  std::thread others([&] {
    Cancel cancel;
    auto session = Connection::connect(options_, cancel).value();
    double longest_ms = 0;
    while (!stop) {
      const auto begun = std::chrono::steady_clock::now();
      EXPECT_TRUE(session->query("select count(*) from orders", cancel).ok());
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begun;
      longest_ms = std::max(longest_ms, took.count());
    }
    slowest = std::to_string(longest_ms);
  });
  const auto waited = swap(two_rows);
  stop = true;
  others.join();
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().code, "target.lock_timeout");
  EXPECT_NE(waited.error().message.find("session " + std::to_string(reader->backend_pid())),
            std::string::npos)
      << waited.error().message;
  // Never as long as all tries together, on a slow machine too.
  EXPECT_LT(std::stod(slowest), 400) << "of 4 tries of 100 ms";
  ASSERT_TRUE(reader->commit(cancel_).ok());
  EXPECT_TRUE(is(swap(two_rows), committed));
}

TEST_F(PostgresSwapTest, APlanShowsTheSwap) {
  run(plain_table);
  const auto plan = sink_->plan(swap_into(rows(two_rows)), cancel_);
  ASSERT_TRUE(plan.ok()) << plan.error().describe();
  const std::string oid = ask("select 'orders'::regclass::oid");
  const std::string made = "\"public\".\"tidemark_load_0_" + oid + "\"";
  const std::vector<std::string> sql = {
      "create table " + made + " (like \"public\".\"orders\" including all)",
      "copy " + made + " (\"id\", \"name\") from stdin (format binary, freeze)",
      "analyze " + made,
      "lock table \"public\".\"orders\" in access exclusive mode",
      "drop table \"public\".\"orders\"",
      "alter table " + made + " rename to \"orders\""};
  EXPECT_EQ(plan->sql, sql);
  EXPECT_NE(plan->notes.back().find("a new table takes the place"), std::string::npos);
}

}  // namespace
}  // namespace tidemark::postgres

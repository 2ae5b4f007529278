// `load: full` into a table that is there: what is touched, what stays, what is refused.
#include <atomic>
#include <tuple>

#include "connectors/postgres/sink_fixture_test.h"

namespace tidemark::postgres {
namespace {

class PostgresFullTest : public PostgresSinkTest {
 protected:
  Result<CommitOutcome> replace(const std::string& select, std::vector<std::string> key = {},
                                bool allow_empty = false) {
    const StagedTable good = rows(select);
    LoadTarget full = target(good, LoadStrategy::full, std::move(key));
    full.allow_empty = allow_empty;
    auto outcome = load(good, full, this->key(seq_));
    if (outcome.ok()) ++seq_;
    return outcome;
  }
  Result<LoadPlan> plan(const std::string& select, std::vector<std::string> key = {}) {
    return sink_->plan(target(rows(select), LoadStrategy::full, std::move(key)), cancel_);
  }
  std::string notes(const std::string& select, std::vector<std::string> key = {}) {
    const auto found = plan(select, std::move(key));
    if (!found.ok()) return found.error().code + ": " + found.error().describe();
    std::string all;
    for (const std::string& note : found->notes)
      all += note + "\n";
    return all;
  }
  // The rows as text, and of those that were written by another transaction than the first a `*`.
  std::string rows_of(const std::string& table = "orders") {
    return ask("select coalesce(string_agg(t::text || case when t.xmin::text = '" + born_ +
               "' then '' else '*' end, ' ' order by t::text), '') from " + table + " t");
  }
  void born() { born_ = ask("select xmin from orders limit 1"); }

  std::int64_t seq_ = 1;
  std::string born_;
};

constexpr CommitOutcome committed = CommitOutcome::committed;

TEST_F(PostgresFullTest, OnlyRowsThatDifferAreTouchedAndColumnsTheRowsLackKeepTheirValue) {
  run("create table orders (id int primary key, name text, note text default 'none', twice int "
      "generated always as (id * 2) stored); "
      "insert into orders values (1, 'a', 'x'), (2, 'b', 'y'), (3, NULL, 'z'), (4, 'd', 'w')");
  born();
  EXPECT_TRUE(
      is(replace("SELECT * FROM (VALUES (1, 'a'), (3, 'c'), (4, NULL), (5, 'e')) r(id, name)"),
         committed));
  EXPECT_EQ(rows_of(), "(1,a,x,2) (3,c,z,6)* (4,,w,8)* (5,e,none,10)*");
  born();
  EXPECT_TRUE(
      is(replace("SELECT * FROM (VALUES (1, 'a'), (3, 'c'), (4, NULL), (5, 'e')) r(id, name)"),
         committed));
  EXPECT_EQ(ask("select count(distinct xmin::text) from orders"), "2");
  EXPECT_TRUE(is(replace("SELECT 1 AS id, 'a' AS name WHERE false", {}, true), committed));
  EXPECT_EQ(rows_of(), "");
}

TEST_F(PostgresFullTest, WhereMostRowsDifferAllAreWrittenUnlessSomebodyCouldTell) {
  const std::string half =
      "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'C'), (4, 'D')) r(id, name)";
  const std::string most =
      "SELECT * FROM (VALUES (1, 'a'), (2, 'B'), (3, 'C'), (4, 'D')) r(id, name)";
  const std::string table =
      "drop table if exists lines; drop table if exists orders; create table orders (id int "
      "primary "
      "key, name text); insert into orders values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')";
  run(table);
  born();
  EXPECT_TRUE(is(replace(half), committed));
  EXPECT_EQ(rows_of(), "(1,a) (2,b) (3,C)* (4,D)*");
  run(table);
  born();
  EXPECT_TRUE(is(replace(most), committed));
  EXPECT_EQ(rows_of(), "(1,a)* (2,B)* (3,C)* (4,D)*");
  run(table + "; create table lines (id int references orders); insert into lines values (2)");
  born();
  EXPECT_TRUE(is(replace(most), committed));
  EXPECT_EQ(rows_of(), "(1,a) (2,B)* (3,C)* (4,D)*");
  run(table +
      "; create function same() returns trigger language plpgsql as 'begin return new; "
      "end'; create trigger t before update on orders for each row execute function same()");
  born();
  EXPECT_TRUE(is(replace(most), committed));
  EXPECT_EQ(rows_of(), "(1,a) (2,B)* (3,C)* (4,D)*");
}

TEST_F(PostgresFullTest, WhatHangsOnTheTableStays) {
  run("create table customers (id int primary key); insert into customers values (7);"
      "create table orders (id int primary key, customer int references customers, name text); "
      "create table lines (id int, order_id int references orders); "
      "insert into orders values (1, 7, 'a'), (2, 7, 'b'); insert into lines values (1, 1); "
      "create view seen as select * from orders; create index by_name on orders (lower(name)); "
      "create role reader_of_orders; grant select (name) on orders to reader_of_orders; grant "
      "update on orders to public; "
      "comment on table orders is 'ours'; comment on column orders.name is 'said'; "
      "create table log (what text); create function note() returns trigger language plpgsql as "
      "'begin insert into log values (tg_op); return null; end'; "
      "create trigger noted after insert or update or delete on orders for each row execute "
      "function note(); alter table orders replica identity full; create publication p for table "
      "orders; create statistics s (dependencies) on id, customer from orders");
  const std::string catalog =
      "select string_agg(pg_describe_object(classid, objid, objsubid) || deptype, ',' order by "
      "classid, objid, objsubid) || 'orders'::regclass::oid || (select relacl::text || relreplident"
      " || obj_description(oid) || pg_relation_filenode(oid) from pg_class where oid = "
      "'orders'::regclass) from pg_depend where refobjid = 'orders'::regclass";
  const std::string before = ask(catalog);
  EXPECT_TRUE(is(replace("SELECT * FROM (VALUES (1, 7, 'A'), (3, 7, 'c')) r(id, customer, name)"),
                 committed));
  EXPECT_EQ(ask(catalog), before);
  EXPECT_EQ(ask("select string_agg(what, ',') from log"), "DELETE,UPDATE,INSERT");
  EXPECT_EQ(ask("select count(*) || min(name) from seen"), "2A");
  run("drop owned by reader_of_orders; drop role reader_of_orders");
}

TEST_F(PostgresFullTest, ValuesThatAreEqualAndNotTheSameAreChanged) {
  run("create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
  const std::tuple<const char*, const char*, const char*, const char*> cases[] = {
      {"numeric", "1.0", "1.00::DECIMAL(4,2)", "1.00"},
      {"float8", "0", "-0.0::DOUBLE", "-0"},
      {"real", "-0", "0.0::FLOAT", "0"},
      {"json", "{\"a\":1}", "'{\"a\": 1}'::JSON", "{\"a\": 1}"},
      {"jsonb", "{\"a\":1.0}", "'{\"a\":1.00}'::JSON", "{\"a\": 1.00}"},
      {"interval", "30 days", "INTERVAL '1 month'", "1 mon"},
      {"text collate loose", "a", "'A'", "A"},
      {"numeric[]", "{1.0,NULL}", "[1.00::DECIMAL(4,2), NULL]", "{1.00,NULL}"},
      {"timetz", "12:00+00", "TIMETZ '13:00:00+01'", "13:00:00+01"},
      {"bytea", "\\x00", "'\\x00\\x00'::BLOB", "\\x0000"},
      {"int", "0", "NULL::INTEGER", "NULL"},
      {"text", "", "NULL::VARCHAR", "NULL"},
      {"text", " ", "''", ""},
  };
  for (const auto& [type, old_value, new_value, text] : cases) {
    SCOPED_TRACE(type);
    run("drop table if exists orders; create table orders (id int primary key, v " +
        std::string(type) + ", w int); insert into orders values (1, " + quote_text(old_value) +
        ", 1)");
    const std::string select = "SELECT 1 AS id, " + std::string(new_value) + " AS v, 1 AS w";
    EXPECT_TRUE(is(replace(select), committed));
    EXPECT_EQ(ask("select v::text from orders"), text);
    born();
    EXPECT_TRUE(is(replace(select), committed));
    EXPECT_EQ(rows_of().find('*'), std::string::npos) << "written again, though the same";
  }
}

TEST_F(PostgresFullTest, AKeyThatIsEqualAndNotTheSameIsUpdated) {
  run("create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "create table orders (a text collate loose, b numeric, kept int default 0, primary key (a, "
      "b)); insert into orders values ('x', 1.0, 5), ('y', 2, 6)");
  EXPECT_TRUE(is(replace("SELECT * FROM (VALUES ('X', 1.00::DECIMAL(4,2)), ('y', 2.00)) r(a, b)"),
                 committed));
  EXPECT_EQ(rows_of(), "(X,1.00,5)* (y,2.00,6)*");
  EXPECT_EQ(
      replace("SELECT * FROM (VALUES ('X', 1.0::DECIMAL(4,1)), ('x', 1.0)) r(a, b)").error().code,
      "target.duplicate_key");
}

TEST_F(PostgresFullTest, RowsMayExchangeUniqueValuesAmongEachOther) {
  run("create table orders (id int primary key, place int unique, span int4range, mail text, kept "
      "int default 0, note text generated always as ('n' || id) stored, "
      "exclude using gist (span with &&)); create unique index on orders (lower(mail)); "
      "create table lines (order_id int references orders); "
      "insert into orders values (1, 10, NULL, 'a', 1), (2, 20, NULL, 'B', 2), (3, 30, NULL, 'c', "
      "3), (4, 40, NULL, 'd', 4); insert into lines values (1), (2)");
  // 4 goes and leaves its place to 3; 1 and 2 exchange theirs; 5 takes the one 3 had.
  EXPECT_TRUE(is(replace("SELECT * FROM (VALUES (1, 20, 'b'), (2, 10, 'A'), (3, 40, 'c'), (5, 30, "
                         "'e')) r(id, place, mail)"),
                 committed));
  EXPECT_EQ(ask("select string_agg(id || ':' || place || mail || kept || note, ' ' order by id) "
                "from orders"),
            "1:20b1n1 2:10A2n2 3:40c3n3 5:30e0n5");
  // Where deleting would set something off, the rows stay and the error says why.
  run("create table parts (order_id int references orders on delete cascade); insert into parts "
      "values (1)");
  const auto refused = replace(
      "SELECT * FROM (VALUES (1, 10, 'b'), (2, 20, 'A'), (3, 40, 'c'), (5, 30, 'e')) r(id, place, "
      "mail)");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "postgres.unique_violation");
  EXPECT_NE(refused.error().hint.find("DEFERRABLE"), std::string::npos);
  EXPECT_EQ(ask("select count(*) from parts"), "1");
  // What is doubled in the end is refused whichever way.
  run("drop table parts");
  EXPECT_EQ(
      replace("SELECT * FROM (VALUES (1, 10, 'b'), (2, 10, 'A')) r(id, place, mail)").error().code,
      "postgres.unique_violation");
}

TEST_F(PostgresFullTest, ForeignKeysAreCheckedWhenAllIsDone) {
  run("create table orders (id int primary key, parent int references orders); create table lines "
      "(order_id int references orders); "
      "insert into orders values (1, NULL), (2, 1), (3, 1); insert into lines values (2)");
  // The parent goes, a new one comes, the children move.
  EXPECT_TRUE(
      is(replace("SELECT * FROM (VALUES (2, 9), (3, 2), (9, NULL)) r(id, parent)"), committed));
  EXPECT_EQ(rows_of(), "(2,9)* (3,2)* (9,)*");
  const auto refused = replace("SELECT * FROM (VALUES (3, 9), (9, NULL)) r(id, parent)");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "postgres.foreign_key_violation");
  EXPECT_EQ(ask("select count(*) from orders"), "3");
}

TEST_F(PostgresFullTest, ActionsOfForeignKeysRunForRowsThatAreGoneAndNoOthers) {
  run("create table orders (id int primary key, name text); create table lines (order_id int "
      "references orders on delete cascade); create table notes (order_id int references orders "
      "on delete set null); insert into orders values (1, 'a'), (2, 'b'), (3, 'c'); "
      "insert into lines values (1), (2), (3); insert into notes values (1), (2), (3)");
  const std::string select = "SELECT * FROM (VALUES (1, 'a'), (2, 'B')) r(id, name)";
  const std::string said = notes(select);
  EXPECT_NE(said.find("by difference, key (id)"), std::string::npos) << said;
  EXPECT_NE(said.find("foreign key `lines_order_id_fkey` of lines changes rows there on delete: it "
                      "does so for each row that is gone"),
            std::string::npos)
      << said;
  EXPECT_TRUE(is(replace(select), committed));
  EXPECT_EQ(ask("select string_agg(order_id::text, ',') from lines"), "1,2");
  EXPECT_EQ(ask("select string_agg(coalesce(order_id::text, '-'), ',') from notes"), "1,2,-");
}

TEST_F(PostgresFullTest, WithoutAKeyAllRowsAreWrittenWhereThatSetsNothingOff) {
  run("create table orders (id int unique, name text default 'n'); create index on orders (name); "
      "insert into orders values (1, 'a'), (2, 'b')");
  born();
  const std::string select = "SELECT * FROM (VALUES (1), (3)) r(id)";
  const std::string said = notes(select);
  EXPECT_NE(said.find("all rows are deleted and inserted, because the table has no primary key"),
            std::string::npos)
      << said;
  EXPECT_TRUE(is(replace(select), committed));
  EXPECT_EQ(rows_of(), "(1,n)* (3,n)*");
  run("create function nothing() returns trigger language plpgsql as 'begin return null; end'; "
      "create trigger told after insert on orders execute function nothing()");
  EXPECT_NE(notes(select).find("target.delete_has_effects"), std::string::npos);
  EXPECT_NE(notes(select).find("trigger `told` runs after insert"), std::string::npos);
  EXPECT_EQ(replace(select).error().code, "target.delete_has_effects");
  run("alter table orders disable trigger told");
  EXPECT_TRUE(is(replace(select), committed));
  run("create trigger before before delete on orders for each row execute function nothing()");
  EXPECT_NE(notes(select).find("trigger `before` runs on delete"), std::string::npos);
  run("drop trigger before on orders; create table lines (id int references orders (id) on delete "
      "set null)");
  EXPECT_NE(notes(select).find("foreign key `lines_id_fkey` of lines"), std::string::npos);
  EXPECT_EQ(plan(select).error().code, "target.delete_has_effects");
  EXPECT_EQ(rows_of(), "(1,n)* (3,n)*");
}

TEST_F(PostgresFullTest, TheKeyIsTheJobsThenThePrimaryKeyThenAnIndexWhereRowsHaveItsColumns) {
  run("create table orders (line int generated always as identity primary key, number int not "
      "null, a int not null, b int not null, c int unique, unique (a, b), unique (a, b, c)); "
      "create "
      "unique index on orders (number) where a > 0; create unique index on orders (abs(number))");
  const std::string all = "SELECT 1 AS line, 1 AS number, 1 AS a, 1 AS b, 1 AS c";
  EXPECT_NE(notes(all).find("key (line)"), std::string::npos);
  EXPECT_NE(notes(all, {"b", "a"}).find("key (b, a)"), std::string::npos);
  const std::string rest = "SELECT 1 AS number, 1 AS a, 1 AS b, 1 AS c";
  EXPECT_NE(notes(rest).find("key (a, b)"), std::string::npos);
  EXPECT_NE(notes("SELECT 1 AS number, 1 AS a, 1 AS b").find("key (a, b)"), std::string::npos);
  // A key of the job without an index: another that there is, and its own is checked all the same.
  EXPECT_NE(notes(all, {"number"}).find("key (line)"), std::string::npos);
  const std::string twice =
      "SELECT * FROM (VALUES (1, 1, 0, 1), (2, 1, 0, 2)) r(line, number, a, b)";
  EXPECT_EQ(replace(twice, {"number"}).error().code, "target.duplicate_key");
  run("drop index orders_abs_idx");
  EXPECT_TRUE(is(replace(twice), committed));
  run("drop table orders; create table orders (number int, c int unique)");
  EXPECT_NE(notes("SELECT 1 AS number", {"number"})
                .find("no unique index over (number) with NOT NULL columns; with one, only rows "
                      "that differ would be touched: CREATE UNIQUE INDEX ON \"public\".\"orders\" "
                      "(\"number\")"),
            std::string::npos);
  EXPECT_NE(notes("SELECT 1 AS number, 1 AS c", {"c"}).find("all rows are deleted"),
            std::string::npos);
  EXPECT_EQ(replace("SELECT 1 AS number FROM range(2)", {"number"}).error().code,
            "target.duplicate_key");
  EXPECT_EQ(plan("SELECT 1 AS number", {"x"}).error().code, "target.key_missing");
}

TEST_F(PostgresFullTest, ATableMadeForAJobWithAKeyHasItSoTheNextLoadIsByDifference) {
  EXPECT_TRUE(is(replace("SELECT 1 AS id, 'a' AS name", {"id"}), committed));
  EXPECT_EQ((*sink_->describe("orders", cancel_))->key, std::vector<std::string>{"id"});
  born();
  EXPECT_TRUE(
      is(replace("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) r(id, name)", {"id"}), committed));
  EXPECT_EQ(rows_of(), "(1,a) (2,b)*");
  EXPECT_EQ(replace("SELECT 1 AS id, 'a' AS name FROM range(2)", {"id"}).error().code,
            "target.duplicate_key");
}

TEST_F(PostgresFullTest, ColumnsThatTakeNoUpdateAreReplacedWithTheirRows) {
  run("create table orders (id int primary key, line int generated always as identity, kept int "
      "default 3); insert into orders (id, kept) values (1, 8), (2, 9)");
  const std::string select = "SELECT * FROM (VALUES (1, 1), (2, 7), (3, 8)) r(id, line)";
  EXPECT_TRUE(is(replace(select), committed));
  EXPECT_EQ(rows_of(), "(1,1,8)* (2,7,9)* (3,8,3)*");
  run("create table lines (id int references orders on delete cascade)");
  EXPECT_EQ(plan(select).error().code, "target.delete_has_effects");
}

TEST_F(PostgresFullTest, RulesAndRowSecurityAreRefusedAtPlan) {
  run("create table orders (id int primary key); create rule instead as on delete to orders do "
      "instead nothing");
  EXPECT_EQ(plan("SELECT 1 AS id").error().code, "target.has_rules");
  run("drop rule instead on orders; create role part_owner login; grant all on orders to "
      "part_owner; "
      "grant all on schema public to part_owner; alter table orders enable row level security; "
      "create policy low on orders using (id < 5)");
  EXPECT_TRUE(plan("SELECT 1 AS id").ok());
  options_.conninfo = tidemark::testing::PostgresServer::shared().conninfo(
      ask("select current_database()"), "part_owner");
  PostgresSink part(*db_, options_);
  const auto hidden = part.plan(target(rows("SELECT 1 AS id"), LoadStrategy::full), cancel_);
  ASSERT_FALSE(hidden.ok());
  EXPECT_EQ(hidden.error().code, "target.row_security");
  run("drop owned by part_owner; drop role part_owner");
}

TEST_F(PostgresFullTest, ATriggerThatDropsOrAddsRowsStopsTheLoad) {
  run("create table orders (id int primary key, name text); insert into orders values (1, 'a'); "
      "create function skip() returns trigger language plpgsql as 'begin return null; end'; "
      "create trigger skips before update on orders for each row execute function skip()");
  EXPECT_EQ(replace("SELECT 1 AS id, 'b' AS name").error().code, "target.rows_lost");
  run("drop trigger skips on orders; create function more() returns trigger language plpgsql as "
      "'begin if new.id > 0 then insert into orders values (-new.id); end if; return null; end'; "
      "create trigger adds after insert on orders for each row execute function more()");
  EXPECT_EQ(replace("SELECT 2 AS id, 'b' AS name").error().code, "target.rows_lost");
  EXPECT_EQ(ask("select string_agg(orders::text, ' ') from orders"), "(1,a)");
}

TEST_F(PostgresFullTest, ErrorsOfTheServerKeepWhatATryLaterMayBring) {
  for (const char* state : {"40001", "40P01"}) {
    SCOPED_TRACE(state);
    run("drop table if exists orders; create table orders (id int primary key); insert into orders "
        "values (1); create or replace function fail() returns trigger language plpgsql as $$ "
        "begin raise exception 'later' using errcode = '" +
        std::string(state) +
        "'; end $$; "
        "create trigger fails before insert on orders for each row execute function fail()");
    const auto failed = replace("SELECT 2 AS id");
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().retry, Retry::backoff);
    EXPECT_EQ(ask("select string_agg(id::text, ',') from orders"), "1");
  }
}

TEST_F(PostgresFullTest, PartsOfATableAndItsChildren) {
  run("create table orders (id int, day int, v int, primary key (id, day)) partition by range "
      "(day); create table low partition of orders for values from (0) to (10); create table high "
      "partition of orders for values from (10) to (20); "
      "insert into orders values (1, 1, 1), (2, 11, 1), (3, 12, 1)");
  EXPECT_TRUE(is(replace("SELECT * FROM (VALUES (1, 11, 1), (2, 11, 2), (4, 5, 1)) r(id, day, v)"),
                 committed));
  EXPECT_EQ(
      ask("select string_agg(tableoid::regclass || orders::text, ' ' order by id) from orders"),
      "high(1,11,1) high(2,11,2) low(4,5,1)");
  // A table shows the rows of those that inherit from it, and they are not its own to replace.
  run("drop table orders; create table orders (id int primary key); create table child () inherits "
      "(orders); insert into orders values (1); insert into child values (1), (2)");
  const auto refused = replace("SELECT * FROM (VALUES (1), (3)) r(id)");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "target.has_children");
  EXPECT_NE(refused.error().message.find("child"), std::string::npos);
  EXPECT_EQ(
      ask("select string_agg(tableoid::regclass || ':' || id, ' ' order by id, tableoid) from "
          "orders"),
      "orders:1 child:1 child:2");
}

TEST_F(PostgresFullTest, ATriggerThatWaitsForTheEndIsCountedToo) {
  run("create table orders (id int primary key); insert into orders values (1); "
      "create function late() returns trigger language plpgsql as $$ begin delete from orders "
      "where id = new.id and id > 2; return null; end $$; create constraint trigger late after "
      "insert on orders deferrable initially deferred for each row execute function late()");
  const auto lost = replace("SELECT * FROM (VALUES (1), (2), (3)) r(id)");
  ASSERT_FALSE(lost.ok());
  EXPECT_NE(lost.error().message.find("3"), std::string::npos) << lost.error().message;
  EXPECT_EQ(ask("select string_agg(id::text, ',') from orders"), "1");
  EXPECT_TRUE(is(replace("SELECT * FROM (VALUES (1), (2)) r(id)"), committed));
}

TEST_F(PostgresFullTest, DeferrableKeysDomainsEnumsAndHostileNames) {
  run(R"(create domain code as varchar(3) not null; create type mood as enum ('ok', 'bad');
         create table orders ("what" code, "key1" int, "ctid " mood, "s"" t.d" text[], "gone" float8,
           primary key ("key1", "what") deferrable initially deferred);
         insert into orders values ('a', 1, 'ok', '{x}', 1), ('b', 1, 'ok', NULL, 2), ('c', 2, 'ok', '{}', 3))");
  born();
  EXPECT_TRUE(is(replace(R"(SELECT * FROM (VALUES ('a', 1, 'ok', ['x'], 1.0::DOUBLE),
                            ('b', 1, 'bad', NULL, 2), ('d', 1, 'ok', [], 0.5))
                            r("what", "key1", "ctid ", "s"" t.d", "gone"))"),
                 committed));
  EXPECT_EQ(rows_of(), "(a,1,ok,{x},1) (b,1,bad,,2)* (d,1,ok,{},0.5)*");
}

TEST_F(PostgresFullTest, AnEmptyOrShrunkenSourceDoesNotWipeTheTable) {
  const auto good = rows("SELECT i::INTEGER AS id FROM range(10) r(i)");
  LoadTarget full = target(good, LoadStrategy::full);
  full.shrink_limit = 0.5;
  EXPECT_TRUE(is(load(good, full, key(1)), CommitOutcome::committed));
  const auto none = rows("SELECT 1 AS id WHERE false");
  EXPECT_EQ(load(none, full, key(2)).error().code, "blocked.empty_source");
  EXPECT_EQ(load(rows("SELECT 1 AS id"), full, key(2)).error().code, "blocked.shrunk_source");
  EXPECT_EQ(ask("select count(*) from orders"), "10");
  full.allow_empty = true;
  EXPECT_TRUE(is(load(rows("SELECT 1 AS id WHERE false"), full, key(2)), CommitOutcome::committed));
  EXPECT_EQ(ask("select count(*) from orders"), "0");
}

}  // namespace
}  // namespace tidemark::postgres

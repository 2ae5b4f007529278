#include "connectors/duckdb/confined_select.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "connect/question.h"
#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark {
namespace {

// A warehouse beside another one and a file, all within reach of the engine.
class ConfinedSelectTest : public testing::Test {
 protected:
  ConfinedSelectTest() {
    folder_ =
        std::filesystem::temp_directory_path() / ("confined_select_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "secret.csv") << "word\nhush\n";
    project_.root = folder_;
    connection_.name.value = "warehouse";
    connection_.config = ConnectionConfig::of(DuckdbConnection{"w.duckdb"});
    engine_ = duck::Engine::open({}).value();
    const auto made = engine_->connect().value();
    for (const std::string& sql :
         {"ATTACH '" + (folder_ / "w.duckdb").string() + "' AS warehouse",
          "ATTACH '" + (folder_ / "o.duckdb").string() + "' AS other",
          std::string("CREATE TABLE other.hidden AS SELECT 'hush' AS word"),
          std::string("CREATE SCHEMA warehouse.mart"),
          std::string("CREATE TABLE warehouse.mart.orders AS SELECT 1 AS id"),
          std::string("CREATE TABLE warehouse.orders AS SELECT range AS id, 'x' || range AS name "
                      "FROM range(5000)"),
          std::string("CREATE VIEW warehouse.newest AS SELECT max(id) AS id FROM warehouse.orders"),
          std::string("CREATE SEQUENCE warehouse.numbers"),
          std::string("CREATE MACRO warehouse.main.lower(x) AS (SELECT word FROM other.hidden)")}) {
      const Status done = made->execute(sql);
      EXPECT_TRUE(done.ok()) << sql << done.error().describe();
    }
  }
  ~ConfinedSelectTest() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  Result<BoundedAnswer> ask(const std::string& sql, const Question& limits = {}) {
    Question question = limits;
    question.sql = sql;
    const auto connection = engine_->connect().value();
    Cancel cancel;
    return DuckdbConnector().ask(connection_, question,
                                 {project_, *connection, "tidemark query", true}, guard_, cancel);
  }
  std::string file() const { return (folder_ / "secret.csv").string(); }

  std::filesystem::path folder_;
  ProjectSpec project_;
  ConnectionSpec connection_;
  SystemClock clock_;
  Guard guard_{GuardSpec(), clock_};
  std::unique_ptr<duck::Engine> engine_;
};

TEST_F(ConfinedSelectTest, WhatStaysInTheWarehouseIsAnswered) {
  for (const char* const sql :
       {"select count(*) from orders", "select * from newest", "select * from mart.orders;",
        "select id from warehouse.mart.orders -- the end", "from warehouse.orders limit 1",
        "select * from (select id from orders order by id) a join mart.orders using (id)",
        "with a as (select id from orders), b as (select id + 1 as id from a) select max(id) from "
        "b",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select * from "
        "n",
        "select unnest([1, 2]), row_number() over (order by id) from mart.orders",
        "select * from range(3), generate_series(1, 2) s(x), (values (1), (2)) v(a)",
        "select sum(id) filter (id > 2), string_agg(name, ','), date_trunc('day', "
        "now()), "
        "round(avg(id), 2), list_transform([1], y -> y + 1), name like 'x%', coalesce(name, ''), "
        "name[1:2], {'a': 1}.a, upper(name), name || '!' from orders group by all limit 1",
        "select id, (select max(id) from mart.orders) from orders where id in (select id from "
        "newest) "
        "and exists (select 1 from orders o where o.id = orders.id)",
        "select 1 union all select 2 except select 3", "describe orders", "summarize mart.orders",
        "show tables",
        "select * from (pivot (select 1 as a, 'x' as b) on b in ('x') using sum(a))"}) {
    const auto answer = ask(sql);
    EXPECT_TRUE(answer.ok()) << sql << "\n" << answer.error().describe();
  }
}

TEST_F(ConfinedSelectTest, WhatLeavesTheWarehouseIsRefused) {
  const std::string quoted = "'" + file() + "'";
  for (const std::string& sql : std::vector<std::string>{
           "select * from read_text(" + quoted + ")", "select * from read_csv(" + quoted + ")",
           "select * from " + quoted, "select * from \"" + file() + "\"",
           "select * from main.read_text(" + quoted + ")",
           "select * from system.main.read_blob(" + quoted + ")",
           "select * from read_parquet('https://example.org/a.parquet')",
           "select * from glob('/*')", "select * from query('from ' || " + quoted + ")",
           "select * from query_table(" + quoted + ")", "select * from other.hidden",
           "select * from other.main.hidden", "select * from hidden",
           "select * from orders, (select * from other.hidden)",
           "select * from orders where name in (select word from other.hidden)",
           "select (select word from other.hidden)",
           "select * from orders order by (from other.hidden)",
           "with a as (select * from read_text(" + quoted + ")) select * from a",
           "select * from \"" + file() + "\", (with \"" + file() + "\" as (select 1) select 1)",
           "with \"" + file() + "\" as (select * from \"" + file() + "\") select 1 from \"" +
               file() + "\"",
           // A recursive query does not know itself where it begins.
           "with recursive \"" + file() + "\" as (select * from \"" + file() +
               "\" union all select * from \"" + file() + "\" where false) select * from \"" +
               file() + "\"",
           "with recursive \"" + file() + "\" as (with a as (select * from \"" + file() +
               "\") select * from a union all select * from a where false) select * from \"" +
               file() + "\"",
           "with recursive sqlite_master as (select * from sqlite_master union all select * from "
           "sqlite_master where false) select * from sqlite_master",
           "with recursive sqlite_master as (with a as (select * from sqlite_master) select * from "
           "a union all select * from a where false) select * from sqlite_master",
           "with \"" + file() + "\" as (select 1) select * from \"" + file() + "\"",
           "show tables from other", "select * from (show tables from other)",
           "with __show_tables_expanded as (select 1) select * from (show all tables)",
           "with \"\"\"databases\"\"\" as (select 1) select * from (show databases)",
           "from (pivot " + quoted + " on word in ('hush') using count(*))", "describe " + quoted,
           "describe select * from " + quoted, "summarize " + quoted, "show all tables",
           "select * from duckdb_secrets()", "select * from duckdb_databases()",
           "select * from duckdb_settings()", "select * from pragma_database_list",
           "select * from information_schema.tables", "select * from sqlite_master",
           "select lower('X')",  // the warehouse has a macro of that name
           "select json_serialize_plan('select * from read_text(''" + file() + "'')')",
           "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
           "select current_setting('home_directory')", "select nextval('numbers')",
           "select * from parquet_metadata(" + quoted + ")",
           "select * from sniff_csv(" + quoted + ")"}) {
    const auto answer = ask(sql);
    ASSERT_FALSE(answer.ok()) << sql;
    EXPECT_EQ(answer.error().code, "query.not_confined") << sql << answer.error().describe();
    EXPECT_EQ(answer.error().describe().find("hush"), std::string::npos) << sql;
  }
}

// A newer engine may have more: each was looked at, whether it stays in the warehouse.
TEST_F(ConfinedSelectTest, OfFunctionsThatDoMoreThanComputeNoneIsUnknown) {
  const auto connection = engine_->connect().value();
  const auto found = connection
                         ->query(
                             "SELECT DISTINCT function_name FROM duckdb_functions() WHERE "
                             "internal AND function_type = 'scalar' AND stability = 'VOLATILE' "
                             "ORDER BY 1")
                         .value();
  std::string names;
  for (std::size_t row = 0; row < found.rows(); ++row)
    names += found.text(row, 0).value_or("") + " ";
  EXPECT_EQ(names,
            "current_connection_id current_query current_query_id current_transaction_id currval "
            "error gen_random_uuid nextval random setseed sleep_ms stats uuid uuidv4 uuidv7 "
            "write_log ");
}

TEST_F(ConfinedSelectTest, WhatIsNoSelectIsNotRun) {
  for (const std::string& sql :
       std::vector<std::string>{"drop table orders",
                                "create table t as select 1",
                                "insert into orders values (1, 'a')",
                                "copy orders to '" + (folder_ / "out.csv").string() + "'",
                                "copy orders from '" + file() + "'",
                                "attach '" + (folder_ / "x.duckdb").string() + "' as x",
                                "install httpfs",
                                "load httpfs",
                                "set memory_limit = '1GB'",
                                "pragma database_size",
                                "call pragma_version()",
                                "checkpoint",
                                "export database '" + folder_.string() + "'",
                                "use other",
                                "begin",
                                "rollback",
                                "select 1; drop table orders",
                                "select 1) from orders; drop table orders; select (1",
                                "explain analyze delete from orders",
                                "prepare p as select 1",
                                "vacuum",
                                "",
                                "  -- nothing"}) {
    const auto answer = ask(sql);
    ASSERT_FALSE(answer.ok()) << sql;
    EXPECT_EQ(answer.error().code, "engine.no_select") << sql << answer.error().describe();
  }
  EXPECT_EQ(ask("select count(*) from orders")->rows.front().front(), "5000");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.csv"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.duckdb"));
}

TEST_F(ConfinedSelectTest, NoMoreIsTakenThanTheLimitsSay) {
  const auto all = ask("select id from orders order by id", {.rows_max = 5'000});
  EXPECT_EQ(all->rows.size(), 5'000U);
  EXPECT_FALSE(all->is_cut);
  const auto few = ask("select id, name from orders order by id", {.rows_max = 3});
  EXPECT_TRUE(few->is_cut);
  ASSERT_EQ(few->rows.size(), 3U);
  EXPECT_EQ(few->rows.back().back(), "x2");
  // Ten bytes of a value and 64 of its place.
  const auto narrow = ask("select repeat('x', 10) from orders", {.bytes_max = 375});
  EXPECT_TRUE(narrow->is_cut);
  EXPECT_EQ(narrow->rows.size(), 5U);
  const auto empty = ask("select null::int, null::int from orders", {.bytes_max = 640});
  EXPECT_TRUE(empty->is_cut);
  EXPECT_EQ(empty->rows.size(), 5U);
  const auto none = ask("select repeat('x', 10)", {.bytes_max = 5});
  EXPECT_TRUE(none->is_cut);
  EXPECT_TRUE(none->rows.empty());
}

// One that gives rows without end is over as soon as it gave enough.
TEST_F(ConfinedSelectTest, WhatIsBeyondTheLimitsIsNotRead) {
  const auto some = ask("select range from range(1000000000000000)");
  EXPECT_TRUE(some->is_cut);
  EXPECT_EQ(some->rows.size(), 1'000U);
}

TEST_F(ConfinedSelectTest, TwoColumnsMayHaveOneName) {
  const auto answer = ask("select 1 as a, null as a, 'z' as a");
  ASSERT_EQ(answer->schema.columns.size(), 3U);
  EXPECT_EQ(answer->rows.front()[0], "1");
  EXPECT_EQ(answer->rows.front()[1], std::nullopt);
  EXPECT_EQ(answer->rows.front()[2], "z");
}

}  // namespace
}  // namespace tidemark

#include "connectors/postgres/whole_read.h"

#include <atomic>
#include <string>
#include <thread>

#include "connectors/postgres/source_fixture_test.h"

namespace tidemark::postgres {
namespace {

class WholeReadTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    ASSERT_TRUE(duck_->execute("ATTACH ':memory:' AS shop").ok());
  }

  // The rows of an answer, `a|b` each; an error's code and message.
  static std::string shown(const Result<duck::Answer>& answer) {
    if (!answer.ok()) return answer.error().code + ": " + answer.error().describe();
    std::string text;
    for (std::size_t row = 0; row < answer->rows(); ++row) {
      text += row == 0 ? "" : " ";
      for (std::size_t at = 0; at < answer->schema().columns.size(); ++at)
        text += (at == 0 ? "" : "|") + answer->text(row, at).value_or("NULL");
    }
    return text;
  }
  std::string ask(const std::string& sql) {
    return shown(read_answer({options()}, sql, *duck_, cancel_));
  }
  Status copy(const std::string& table, CopyDepth depth = CopyDepth::rows) {
    return copy_table({options()}, table, depth, "shop", *duck_, cancel_);
  }
};

TEST_F(WholeReadTest, TheServerAnswersInItsOwnSql) {
  psql(
      "create table t (id int primary key, j jsonb, n numeric); insert into t values "
      "(1, '{\"a\": 1}', 'NaN'), (2, '{\"b\": 1.10}', 1e-30)");
  EXPECT_EQ(ask("select id, 't'::regclass, ctid, j ? 'a', n from t order by id desc"),
            "2|t|(0,2)|false|0.000000000000000000000000000001 1|t|(0,1)|true|NaN");
  EXPECT_EQ(ask("select 1 as one -- a comment\n; \n"), "1");
  EXPECT_EQ(ask("select id from t where false"), "");
}

TEST_F(WholeReadTest, RowsKeepTheOrderOfTheQuery) {
  const auto answer =
      read_answer({options()}, "select i from generate_series(100000, 1, -1) i", *duck_, cancel_);
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  ASSERT_EQ(100'000U, answer->rows());
  for (std::size_t row = 0; row < answer->rows(); ++row)
    ASSERT_EQ(static_cast<std::int64_t>(100'000 - row), answer->integer(row, 0));
}

TEST_F(WholeReadTest, AQuestionChangesNothing) {
  psql(
      "create table t (id int); create function add() returns int language sql as "
      "'insert into t values (1) returning id'");
  EXPECT_NE(ask("select add()").find("postgres.read_only"), std::string::npos);
  EXPECT_FALSE(read_answer({options()}, "delete from t", *duck_, cancel_).ok());
  EXPECT_EQ(psql("select count(*) from t"), "0\n");
}

TEST_F(WholeReadTest, AValueTheEngineCannotHoldIsAnErrorAndNotLeftOut) {
  psql("create table t (id int, price numeric(10,2)); insert into t values (1, 1), (2, 'NaN')");
  const auto answer = read_answer({options()}, "select * from t", *duck_, cancel_);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, "source.value_not_held");
  EXPECT_NE(answer.error().hint.find("price::text"), std::string::npos);
  EXPECT_EQ(ask("select id, price::text from t order by 1"), "1|1.00 2|NaN");
  EXPECT_EQ(copy("t").error().code, "source.value_not_held");
}

TEST_F(WholeReadTest, TablesAreCopiedUnderTheNamesTheyAreWrittenWith) {
  psql(
      "create schema dim; create table dim.country (code text, name text); create table "
      "country (code text); create view dim.\"Big View\" as select 1 as one; "
      "insert into dim.country values ('PT', 'Portugal'); insert into country values ('DE')");
  for (const char* name : {"dim.country", "country", "dim.\"Big View\""}) {
    const Status copied = copy(name);
    EXPECT_TRUE(copied.ok()) << (copied.ok() ? "" : copied.error().describe());
  }
  EXPECT_EQ(shown(duck_->query("select c.code, d.name, v.one from shop.country c, "
                               "shop.dim.country d, shop.dim.\"Big View\" v")),
            "DE|Portugal|1");
  psql("update dim.country set name = 'República'; alter table dim.country add n int");
  ASSERT_TRUE(copy("dim.country").ok());
  EXPECT_EQ(shown(duck_->query("select * from shop.dim.country")), "PT|República|NULL");
}

TEST_F(WholeReadTest, ColumnsAreThereBeforeTheRows) {
  psql(
      "create table country (code text, area numeric(10,2), at timestamptz); insert into country "
      "values ('PT', 'NaN', now())");
  ASSERT_TRUE(copy("country", CopyDepth::columns).ok());
  EXPECT_EQ(shown(duck_->query("select count(*) from shop.country")), "0");
  EXPECT_EQ(shown(duck_->query("select string_agg(data_type, ' ' order by column_index) from "
                               "duckdb_columns() where table_name = 'country'")),
            "VARCHAR DECIMAL(10,2) TIMESTAMP WITH TIME ZONE");
}

// A row that is written again moves to another page, maybe to one that is read already.
TEST_F(WholeReadTest, ALargeTableIsOfOneMoment) {
  psql(
      "create table t (id int, pad text); insert into t select i, repeat('x', 500) from "
      "generate_series(1, 3000) i; vacuum analyze t");
  std::atomic<bool> done = false;
  std::thread writer([&] {
    Cancel none;
    auto session = Connection::connect(options(), none);
    for (int id = 1; session.ok() && !done; id = id % 3000 + 7) {
      const auto moved = (*session)->execute(
          "update t set pad = repeat('y', 700) where id % 60 = " + std::to_string(id % 60), none);
      EXPECT_TRUE(moved.ok()) << moved.error().describe();
    }
  });
  SourceAccess access{options()};
  access.sizes.split_bytes = 100'000;
  for (int turn = 0; turn < 8; ++turn) {
    PostgresSource source(access, table("t"), LoadStrategy::full);
    ASSERT_TRUE(source.discover(cancel_).ok());
    ASSERT_TRUE(source.only_keys({"id"}, std::nullopt).ok());
    EXPECT_GT(source.split(Window{}, cancel_)->size(), 5U);
    const auto read = read_whole(
        source, "CREATE OR REPLACE TEMP TABLE ids AS ",
        [](const std::string& name) { return name; }, *duck_, cancel_);
    ASSERT_TRUE(read.ok()) << read.error().describe();
    EXPECT_EQ(shown(duck_->query("select count(*), count(distinct id) from ids")), "3000|3000");
  }
  done = true;
  writer.join();
}

TEST_F(WholeReadTest, AMissingTableIsNamedWithTheNearest) {
  psql("create table countries (code text)");
  const Status copied = copy("contries");
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, "postgres.table_missing");
  EXPECT_EQ(copied.error().hint, "did you mean `public.countries`?");
  EXPECT_NE(copied.error().describe().find("reading contries for lookups and rules"),
            std::string::npos);
}

}  // namespace
}  // namespace tidemark::postgres

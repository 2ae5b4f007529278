#include "drivers/duckdb/engine.h"

#include <gtest/gtest.h>

#include <cstring>

namespace tidemark::duck {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() : engine_(Engine::open({}).value()), db_(engine_->connect().value()) {}
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Connection> db_;
  Cancel cancel_;
};

TEST_F(EngineTest, PrintsEveryKindOfValueExactly) {
  auto answer = db_->query(
      "SELECT 12345678901234567890123456789012345.678::DECIMAL(38,3), "
      "170141183460469231731687303715884105727::HUGEINT, "
      "TIMESTAMPTZ '2013-11-03 05:00:00.000001+00', DATE 'infinity', 'a\xc3\xbc'::VARCHAR, "
      "'\\x00ff'::BLOB, "
      "[1, NULL, 3], {'a': 1, 'b': 'x'}, MAP {'k': 2}, INTERVAL '-1 month 3 days', "
      "'00112233-4455-6677-8899-aabbccddeeff'::UUID, 'x'::ENUM('x', 'y'), NULL::INTEGER, TIME "
      "'24:00:00'");
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  const std::vector<std::optional<std::string>> expected{"12345678901234567890123456789012345.678",
                                                         "170141183460469231731687303715884105727",
                                                         "2013-11-03 05:00:00.000001+00",
                                                         "infinity",
                                                         "a\xc3\xbc",
                                                         "\\x00ff",
                                                         "[1, NULL, 3]",
                                                         "{'a': 1, 'b': x}",
                                                         "{k=2}",
                                                         "-1 month 3 days",
                                                         "00112233-4455-6677-8899-aabbccddeeff",
                                                         "x",
                                                         std::nullopt,
                                                         "24:00:00"};
  for (std::size_t at = 0; at < expected.size(); ++at)
    EXPECT_EQ(answer->text(0, at), expected[at]) << at;
}

TEST_F(EngineTest, CommitAfterAFailedStatementRollsBackAndSaysSo) {
  ASSERT_TRUE(db_->execute("CREATE TABLE t (i INTEGER)").ok());
  auto transaction = Transaction::begin(*db_);
  ASSERT_TRUE(transaction.ok());
  ASSERT_TRUE(db_->execute("INSERT INTO t VALUES (1)").ok());
  EXPECT_FALSE(db_->execute("INSERT INTO no_such_table VALUES (1)")
                   .ok());  // a bind error, which aborts nothing
  EXPECT_EQ(transaction->commit().error().code, "engine.failed_transaction");
  EXPECT_EQ(*db_->count("SELECT count(*) FROM t"), 0);
}

TEST_F(EngineTest, FeedsFillTypedColumnsWithNullsTextAndLists) {
  const Schema schema{{{"i", Type::of(TypeKind::int64), true, {}},
                       {"s", Type::of(TypeKind::varchar), true, {}},
                       {"l", Type::list_of(Type::of(TypeKind::varchar)), true, {}}},
                      {}};
  std::int64_t next = 0;
  auto from = db_->register_feed(
      schema,
      [&](BatchWriter& writer) -> Result<std::size_t> {
        std::size_t row = 0;
        for (; row < writer.capacity() && next < 5000; ++row, ++next) {
          static_cast<std::int64_t*>(writer.column(0).data())[row] = next;
          if (next % 2 == 1) writer.column(0).set_null(row);
          writer.column(1).set_bytes(row,
                                     "a text longer than twelve bytes " + std::to_string(next));
          const ListSlot slot = writer.column(2).add_list(row, static_cast<std::size_t>(next % 3));
          for (std::size_t at = 0; at < static_cast<std::size_t>(next % 3); ++at) {
            slot.elements->set_bytes(slot.first + at, "element " + std::to_string(at));
          }
        }
        return row;
      },
      nullptr);
  ASSERT_TRUE(from.ok());
  ASSERT_TRUE(db_->execute("CREATE TABLE t AS SELECT * FROM " + *from).ok());
  EXPECT_EQ(*db_->count("SELECT count(*) FROM t"), 5000);
  EXPECT_EQ(*db_->count("SELECT count(i) FROM t"), 2500);
  EXPECT_EQ(*db_->count("SELECT count(*) FROM t WHERE s LIKE 'a text longer%'"), 5000);
  EXPECT_EQ(*db_->count("SELECT sum(len(l))::BIGINT FROM t"), 4999);
}

// The engine keeps up to twelve bytes in the vector and compares them with what is behind them.
TEST_F(EngineTest, TextOfEachLengthIsEqualToItself) {
  const Schema schema{
      {{"i", Type::of(TypeKind::int64), true, {}}, {"s", Type::of(TypeKind::varchar), true, {}}},
      {}};
  const std::string letters = "abcdefghijklmnopqrstuvwxyz";
  std::int64_t next = 0;
  auto from = db_->register_feed(
      schema,
      [&](BatchWriter& writer) -> Result<std::size_t> {
        std::size_t row = 0;
        for (; row < writer.capacity() && next < 5400; ++row, ++next) {
          static_cast<std::int64_t*>(writer.column(0).data())[row] = next;
          writer.column(1).set_bytes(row, "a longer text that a row left here");
          writer.column(1).set_bytes(
              row, std::string_view(letters).substr(0, static_cast<std::size_t>(next % 27)));
        }
        return row;
      },
      nullptr);
  ASSERT_TRUE(from.ok());
  ASSERT_TRUE(db_->execute("CREATE TABLE t AS SELECT * FROM " + *from).ok());
  EXPECT_EQ(*db_->count("SELECT count(*) FROM t WHERE s = '" + letters + "'[:i % 27]"), 5400);
  EXPECT_EQ(*db_->count("SELECT count(DISTINCT s) FROM t"), 27);
  EXPECT_EQ(*db_->count("SELECT count(*) FROM t WHERE s = ''"), 200);
}

TEST_F(EngineTest, AnErrorOfAFeedComesBackUnchanged) {
  const Schema schema{{{"i", Type::of(TypeKind::int64), true, {}}}, {}};
  auto from = db_->register_feed(
      schema,
      [](BatchWriter&) -> Result<std::size_t> {
        return source_error("source.gone", "it went away");
      },
      nullptr);
  auto failed = db_->execute("CREATE TABLE t AS SELECT * FROM " + *from);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, "source.gone");
}

TEST_F(EngineTest, AStatementThatWaitsFailsAsAnyOther) {
  ASSERT_TRUE(db_->execute_waiting("CREATE TABLE t AS SELECT 1 AS i").ok());
  EXPECT_EQ(db_->count("SELECT i FROM t").value(), 1);
  for (const char* select :
       {"SELECT CAST('x' || i AS INTEGER) AS v FROM t", "SELECT nothing FROM t",
        "SELECT i::TINYINT + 127::TINYINT AS v FROM t", "SELECT error('mine') AS v FROM t",
        "SELECT FROM FROM"}) {
    const std::string sql = std::string("CREATE OR REPLACE TABLE made AS ") + select;
    const Status plain = db_->execute(sql);
    const Status waiting = db_->execute_waiting(sql);
    ASSERT_FALSE(plain.ok());
    ASSERT_FALSE(waiting.ok());
    EXPECT_EQ(waiting.error().code, plain.error().code) << select;
    EXPECT_EQ(waiting.error().message, plain.error().message) << select;
  }
  const std::string copy = "COPY t TO '/nowhere/at/all.parquet' (FORMAT parquet)";
  EXPECT_EQ(db_->execute_waiting(copy).error().code, "engine.io");
}

TEST_F(EngineTest, StreamsWhatItReads) {
  std::int64_t sum = 0;
  std::int64_t nulls = 0;
  auto status = db_->stream(
      "SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS i, 'text ' || i AS s FROM range(100000) "
      "r(i)",
      [&](const BatchReader& batch) -> Status {
        for (std::size_t row = 0; row < batch.rows(); ++row) {
          if (!batch.column(0).valid(row)) {
            ++nulls;
            continue;
          }
          sum += static_cast<const std::int64_t*>(batch.column(0).data())[row];
          EXPECT_TRUE(batch.column(1).bytes(row).starts_with("text "));
        }
        return {};
      },
      cancel_);
  ASSERT_TRUE(status.ok()) << status.error().describe();
  EXPECT_EQ(nulls, 10000);
  EXPECT_EQ(sum, 4500000000);
}

TEST_F(EngineTest, SyntaxFaultsNameTheirPlace) {
  EXPECT_FALSE(db_->check_syntax("SELECT 1").has_value());
  const auto problem = db_->check_syntax("SELECT a\nFROM t WHERE WHERE b");
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->offset, 22U) << problem->message;
  EXPECT_TRUE(db_->check_syntax("SELECT 1; SELECT 2").has_value());
  EXPECT_TRUE(db_->check_syntax("").has_value());
}

TEST_F(EngineTest, NamesAndTextsAreQuotedInjectively) {
  EXPECT_EQ(quote_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_text("it's"), "'it''s'");
  ASSERT_TRUE(
      db_->execute("CREATE TABLE " + quote_name("a\"; DROP TABLE x--") + " (i INTEGER)").ok());
  EXPECT_EQ(*db_->count("SELECT count(*) FROM " + quote_name("a\"; DROP TABLE x--")), 0);
}

TEST_F(EngineTest, TableNamesOfAQuery) {
  auto names =
      db_->table_names("SELECT * FROM warehouse.main.countries c JOIN other o ON o.a = c.a");
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(names->size(), 2U);
}

std::string one(Connection& connection, const std::string& sql, const std::string& parameter) {
  auto answer = connection.query(sql, {parameter});
  return answer.ok() && answer->rows() > 0 ? answer->text(0, 0).value_or("") : "none";
}

TEST_F(EngineTest, AConnectionThatOnlyAskedIsTakenOverWithWhatItPrepared) {
  const std::string sql = "SELECT concat($1, '-', current_connection_id())";
  std::string first;
  {
    auto asks = engine_->connect().value();
    first = one(*asks, sql, "a");
    ASSERT_NE(first, "none");
  }
  {
    auto next = engine_->connect().value();
    EXPECT_EQ(one(*next, sql, "a"), first);
    ASSERT_TRUE(next->execute("CREATE TEMP TABLE mine AS SELECT 1 AS x").ok());
  }
  auto other = engine_->connect().value();
  EXPECT_NE(one(*other, sql, "a"), first) << "something was done in that one";
  EXPECT_FALSE(other->query("SELECT * FROM mine WHERE x = $1", {"1"}).ok());
  EXPECT_EQ(one(*other, "SELECT current_setting('TimeZone') || $1", ""), "UTC");
}

TEST_F(EngineTest, AQuestionThatStaysPreparedSeesTablesAsTheyAre) {
  const std::string sql = "SELECT * FROM w.t WHERE concat(i, '') = $1";
  const auto ask = [&](const std::string& value) {
    auto asks = engine_->connect().value();
    return one(*asks, sql, value);
  };
  ASSERT_TRUE(db_->execute("ATTACH ':memory:' AS w; CREATE TABLE w.t AS SELECT 7 AS i").ok());
  EXPECT_EQ(ask("7"), "7");
  ASSERT_TRUE(db_->execute("INSERT INTO w.t VALUES (8)").ok());
  EXPECT_EQ(ask("8"), "8");
  ASSERT_TRUE(
      db_->execute("ALTER TABLE w.t RENAME TO u; CREATE TABLE w.t AS SELECT 'x' AS s, 9 AS i")
          .ok());
  EXPECT_EQ(ask("9"), "x");
  ASSERT_TRUE(db_->execute("DROP TABLE w.t").ok());
  EXPECT_EQ(ask("9"), "none");
  ASSERT_TRUE(
      db_->execute("DETACH w; ATTACH ':memory:' AS w; CREATE TABLE w.t AS SELECT 3 AS i").ok());
  EXPECT_EQ(ask("3"), "3");
}

}  // namespace
}  // namespace tidemark::duck

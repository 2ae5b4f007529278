// A table that is altered while it is read, and new columns that old rows may have values in.
#include <chrono>
#include <thread>

#include "connectors/postgres/source_fixture_test.h"

namespace tidemark::postgres {
namespace {

class SourceDriftTest : public SourceTest {
 protected:
  // Rows read of a source that is planned already.
  Result<std::int64_t> rows_read(Source& source, const Split& split, const Schema& schema) {
    TM_TRY(Extraction extraction, source.open(split, cancel_));
    auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
    TM_TRY(const std::string from,
           duck_->register_feed(
               schema, [&](BatchWriter& writer) { return reader->next(writer, cancel_); }, {}));
    auto answer = duck_->query("select count(*) from " + from);
    duck_->release_feed(from);
    if (!answer.ok()) return std::move(answer).error();
    return answer->integer(0, 0);
  }

  // Done by another session, which commits it a moment later; `ends` is joined after.
  void hold(const std::string& sql, std::thread& ends) {
    Cancel none;
    auto connected = Connection::connect(options(), none);
    ASSERT_TRUE(connected.ok()) << connected.error().describe();
    std::unique_ptr<Connection> other = std::move(*connected);
    ASSERT_TRUE(other->begin("", none).ok());
    ASSERT_TRUE(other->execute(sql, none).ok());
    ends = std::thread([other = std::move(other)] {
      constexpr std::chrono::milliseconds meanwhile{700};
      std::this_thread::sleep_for(meanwhile);
      Cancel never;
      EXPECT_TRUE(other->commit(never).ok());
    });
  }
};

// The server writes the table anew for a volatile default, and a snapshot of before sees nothing of
// the new one.
TEST_F(SourceDriftTest, AReadThatWaitsForAnAlterTableSeesTheRows) {
  psql("create table t (id int); insert into t values (1), (2), (3)");
  PostgresSource source(options(), table("t"), LoadStrategy::full);
  const auto schema = source.discover(cancel_);
  ASSERT_TRUE(schema.ok()) << schema.error().describe();
  const auto splits = source.split(Window{}, cancel_);
  ASSERT_TRUE(splits.ok());
  std::thread ends;
  ASSERT_NO_FATAL_FAILURE(
      hold("alter table t add column more double precision default random()", ends));
  const auto rows = rows_read(source, splits->at(0), *schema);
  ends.join();
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  EXPECT_EQ(3, *rows);
}

// The tables of a query cannot be locked before its snapshot is taken. A sweep would delete what
// then looks gone.
TEST_F(SourceDriftTest, KeysBelowATableThatIsWrittenAnewAreNotTakenForGone) {
  psql("create table t (id int); insert into t values (1), (2), (3)");
  PostgresSource source(options(), query("select * from t"), LoadStrategy::full);
  ASSERT_TRUE(source.discover(cancel_).ok());
  ASSERT_TRUE(source.only_keys({"id"}, std::nullopt).ok());
  const auto schema = source.discover(cancel_);
  ASSERT_TRUE(schema.ok()) << schema.error().describe();
  const auto splits = source.split(Window{}, cancel_);
  ASSERT_TRUE(splits.ok());
  std::thread ends;
  ASSERT_NO_FATAL_FAILURE(hold("truncate t; insert into t values (1), (2), (3)", ends));
  const auto rows = rows_read(source, splits->at(0), *schema);
  ends.join();
  ASSERT_FALSE(rows.ok()) << *rows << " rows";
  EXPECT_EQ("source.rewritten", rows.error().code);
  // Read again it is as it is.
  PostgresSource again(options(), query("select * from t"), LoadStrategy::full);
  ASSERT_TRUE(again.discover(cancel_).ok());
  ASSERT_TRUE(again.only_keys({"id"}, std::nullopt).ok());
  const auto now = again.split(Window{}, cancel_);
  ASSERT_TRUE(now.ok());
  const auto found = rows_read(again, now->at(0), *schema);
  ASSERT_TRUE(found.ok()) << found.error().describe();
  EXPECT_EQ(3, *found);
}

TEST_F(SourceDriftTest, ColumnsThatAreNotThoseOfThePlanAreTold) {
  for (const char* alter :
       {"alter table t rename a to c", "alter table t drop a", "alter table t alter a type text",
        "alter table t alter b type numeric(12,4)",
        "alter table t alter a type timestamptz using to_timestamp(a)"}) {
    psql(
        "drop table if exists t; create table t (a bigint, b numeric(10,2)); insert into t values "
        "(1, 2)");
    PostgresSource source(options(), table("t"), LoadStrategy::full);
    const auto schema = source.discover(cancel_);
    ASSERT_TRUE(schema.ok());
    const auto splits = source.split(Window{}, cancel_);
    psql(alter);
    const auto rows = rows_read(source, splits->at(0), *schema);
    ASSERT_FALSE(rows.ok()) << alter;
    EXPECT_EQ("source.column_changed", rows.error().code) << alter;
    EXPECT_EQ(Retry::backoff, rows.error().retry);
  }
}

TEST_F(SourceDriftTest, OnlyRowsThatWereReadCountForANewColumn) {
  psql(
      "create table t (id int primary key, at timestamptz not null, a int, b int); insert into t "
      "values (1, '2024-01-01', null, 1), (2, '2024-01-03', 5, null)");
  PostgresSource source(options(), table("t", "at"), LoadStrategy::append);
  const auto held = [&](const char* column, const char* lo) {
    const auto held = source.may_hold({column}, Position{lo}, cancel_);
    EXPECT_TRUE(held.ok()) << held.error().describe();
    return held.ok() && *held;
  };
  EXPECT_FALSE(held("a", "2024-01-02 00:00:00+00"));
  EXPECT_TRUE(held("b", "2024-01-02 00:00:00+00"));
  EXPECT_TRUE(held("a", "2024-01-04 00:00:00+00"));
  // A source that is not followed by a watermark cannot say what was read.
  PostgresSource whole(options(), table("t"), LoadStrategy::full);
  EXPECT_TRUE(*whole.may_hold({"a"}, Position{"x"}, cancel_));
}

TEST_F(SourceDriftTest, ColumnsThatAreLeftOutAreNotRead) {
  psql("create table t (a int, b text, c inet); insert into t values (1, 'x', '::1')");
  PostgresSource source(options(), table("t"), LoadStrategy::full);
  ASSERT_TRUE(source.discover(cancel_).ok());
  ASSERT_TRUE(source.leave_out({"b"}).ok());
  const auto got = read(source);
  ASSERT_TRUE(got.ok()) << got.error().describe();
  EXPECT_EQ((std::vector<std::string>{"a", "c"}), got->schema.names());
  EXPECT_EQ("::1", *got->rows.at(0).at(1));
}

}  // namespace
}  // namespace tidemark::postgres

#include <chrono>
#include <thread>

#include "connect/placed_position.h"
#include "connectors/mysql/catalog.h"
#include "connectors/mysql/source_fixture_test.h"

namespace tidemark::mysql {
namespace {

using Rows = std::vector<std::vector<std::optional<std::string>>>;

class MysqlSourceTest : public SourceTest {
 protected:
  std::string code(const SourceSpec& spec, LoadStrategy strategy = LoadStrategy::append) {
    const auto rows = read(spec, strategy);
    return rows.ok() ? "ok" : rows.error().code;
  }
  std::unique_ptr<Connection> connect() { return Connection::connect(options(), cancel_).value(); }
};

TEST_F(MysqlSourceTest, DescribesATable) {
  sql("create table orders (b int not null, a varchar(20), c decimal(5,2) not null, primary key "
      "(c, b)); create view shown as select a, b from orders");
  MysqlSource source(options(), table("orders"), LoadStrategy::full);
  const auto schema = source.discover(cancel_);
  ASSERT_TRUE(schema.ok()) << schema.error().describe();
  EXPECT_EQ(schema->key, (std::vector<std::string>{"c", "b"}));
  EXPECT_EQ(schema->columns[0].source_type, "int(11)");
  EXPECT_EQ(schema->columns[1].source_type, "varchar(20)");
  EXPECT_FALSE(schema->columns[0].nullable);
  EXPECT_TRUE(schema->columns[1].nullable);
  EXPECT_EQ(code(table("shown"), LoadStrategy::full), "ok");
  EXPECT_EQ(code(table(database_ + ".orders"), LoadStrategy::full), "ok");
}

TEST_F(MysqlSourceTest, FaultsNameWhatWasMeant) {
  sql("create table orders (id int, changed_at timestamp, note text)");
  const auto missing = read(table("order"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, "mysql.table_missing");
  EXPECT_EQ(missing.error().hint, "did you mean `orders`?");
  const auto column = read(table("orders", "changed"), LoadStrategy::append);
  ASSERT_FALSE(column.ok());
  EXPECT_EQ(column.error().code, "plan.no_column");
  EXPECT_EQ(code(table("orders", "note")), "plan.cursor_type");
  EXPECT_EQ(code(query("select * from nowhere"), LoadStrategy::full), "mysql.table_missing");
  EXPECT_EQ(code(query("update orders set id = 1"), LoadStrategy::full), "mysql.no_rows");
  SourceSpec spec = table("orders");
  spec.columns = {{{"nte", {}}, {"varchar", {}}}};
  EXPECT_EQ(code(spec), "plan.no_column");
}

TEST_F(MysqlSourceTest, FindsTablesByPattern) {
  sql("create table a1 (id int); create table a2 (id int); create table b1 (id int); create view "
      "a3 as select 1 as id");
  const auto connection = connect();
  const auto found = find_tables(*connection, {"a*"}, {"a2"}, cancel_);
  ASSERT_TRUE(found.ok()) << found.error().describe();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0].show(), database_ + ".a1");
  const auto none = find_tables(*connection, {"a*", "x*"}, {}, cancel_);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, "plan.no_tables");
}

TEST_F(MysqlSourceTest, TheRowsAreOneSnapshot) {
  sql("create table t (id int primary key); insert into t select seq from seq_1_to_50000");
  MysqlSource source(options(), table("t"), LoadStrategy::full);
  const auto schema = source.discover(cancel_);
  const auto bound = source.upper({}, cancel_);
  const auto splits = source.split(bound->window, cancel_);
  auto extraction = source.open(splits->at(0), cancel_);
  ASSERT_TRUE(extraction.ok()) << extraction.error().describe();
  sql("delete from t where id > 10; insert into t values (100000)");
  auto& reader = std::get<std::unique_ptr<Reader>>(*extraction);
  const auto from = duck_->register_feed(
      *schema, [&](BatchWriter& writer) { return reader->next(writer, cancel_); }, {});
  EXPECT_EQ(duck_->query("select count(*), max(id) from " + *from)->text(0, 1), "50000");
}

TEST_F(MysqlSourceTest, AColumnThatChangedSinceThePlanIsAnError) {
  sql("create table t (id int); insert into t values (1)");
  MysqlSource source(options(), table("t"), LoadStrategy::full);
  ASSERT_TRUE(source.discover(cancel_).ok());
  const auto splits = source.split({}, cancel_);
  sql("alter table t modify id bigint");
  const auto extraction = source.open(splits->at(0), cancel_);
  ASSERT_FALSE(extraction.ok());
  EXPECT_EQ(extraction.error().code, "source.column_changed");
}

TEST_F(MysqlSourceTest, NullCursorsAreToldOrRead) {
  sql("create table t (id int, n int); insert into t values (1, 1), (2, null), (3, 5)");
  EXPECT_EQ(code(table("t", "n")), "source.null_cursor");
  SourceSpec spec = table("t", "n");
  spec.null_cursor = NullCursor::every_run;
  const auto first = read(spec, LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(first->rows.size(), 2U);
  spec.null_cursor = NullCursor::once;
  const auto later =
      read(spec, LoadStrategy::append, {.lo = first->bound.window.hi, .history = {}});
  ASSERT_TRUE(later.ok()) << later.error().describe();
  EXPECT_EQ(later->rows.size(), 0U);
}

TEST_F(MysqlSourceTest, NumbersOfAnyWidthAreComparedExactly) {
  sql("create table t (id bigint unsigned, d decimal(30,10)); insert into t values "
      "(18446744073709551613, 1.0000000001), (18446744073709551614, 1.0000000002), "
      "(18446744073709551615, 1.0000000003)");
  const auto first = read(table("t", "id"), LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(parse_placed(*first->bound.window.hi).value, "18446744073709551615");
  EXPECT_EQ(first->rows.size(), 2U);
  EXPECT_EQ(first->bound.guarantee, Guarantee::best_effort);
  const auto second =
      read(table("t", "id"), LoadStrategy::upsert, {.lo = Position{"18446744073709551614"}});
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_EQ(second->rows.size(), 2U);
  const auto keyed = read(table("t", "id"), LoadStrategy::upsert);
  EXPECT_EQ(parse_placed(*keyed->bound.window.hi).value, "18446744073709550615");
  const auto decimal = read(table("t", "d"), LoadStrategy::append);
  EXPECT_EQ(parse_placed(*decimal->bound.window.hi).value, "1.0000000003");
  EXPECT_EQ(decimal->rows.size(), 2U);
  const auto forged = read(table("t", "id"), LoadStrategy::append, {.lo = Position{"0 or 1"}});
  ASSERT_FALSE(forged.ok());
  EXPECT_EQ(forged.error().code, "source.bad_position");
}

TEST_F(MysqlSourceTest, ALostSessionIsAnErrorAndNotTheEnd) {
  sql("create table t (s varchar(1000)); insert into t select repeat('x', 1000) from "
      "seq_1_to_20000");
  MysqlSource source(options(), table("t"), LoadStrategy::full);
  const auto schema = source.discover(cancel_);
  const auto splits = source.split({}, cancel_);
  auto extraction = source.open(splits->at(0), cancel_);
  ASSERT_TRUE(extraction.ok());
  const auto killer = connect();
  const auto session = killer->query(
      "select id from information_schema.processlist where id <> connection_id() and user = 'root'",
      cancel_);
  for (std::size_t row = 0; row < session->rows(); ++row)
    (void)killer->execute("kill " + session->string(row, 0), cancel_);
  auto& reader = std::get<std::unique_ptr<Reader>>(*extraction);
  const auto from = duck_->register_feed(
      *schema, [&](BatchWriter& writer) { return reader->next(writer, cancel_); }, {});
  const auto rows = duck_->query("select count(*) from " + *from);
  ASSERT_FALSE(rows.ok()) << "read " << rows->text(0, 0).value_or("");
  EXPECT_TRUE(is_connection_loss(rows.error())) << rows.error().describe();
}

}  // namespace
}  // namespace tidemark::mysql

// The suites of sinks and sources over a real server.
#include <fixtures/mariadb_server.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "connect/conformance/read_stream.h"
#include "connect/conformance/sink_case.h"
#include "connect/conformance/source_case.h"
#include "connectors/mysql/sink.h"
#include "connectors/mysql/source.h"

namespace tidemark::conformance {
namespace {

using mysql::MysqlSink;
using mysql::MysqlSource;

class MysqlWorld : public SinkWorld {
 public:
  MysqlWorld() {
    auto& server = tidemark::testing::MariadbServer::shared();
    options_.address = mysql::parse_address(server.address(server.new_database())).value();
    // What is a schema elsewhere is a database of the server here, and other cases made them too.
    server.sql("mysql", "drop database if exists mart; drop database if exists `my.schema`");
    engine_ = duck::Engine::open({}).value();
    connect_ = engine_->connect().value();
  }

  Owner owner() override {
    Owner owner;
    owner.engine = engine_->connect().value();
    owner.sink = std::make_unique<MysqlSink>(*owner.engine, options_);
    return owner;
  }

  Ask client() override {
    Cancel cancel;
    const std::shared_ptr<mysql::Connection> connection =
        mysql::Connection::connect(options_, cancel).value();
    // The suite writes standard SQL.
    (void)connection->execute("set sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT')", cancel);
    return [connection](std::string sql) {
      Cancel never;
      for (std::size_t at = 0; (at = sql.find(" as varchar", at)) != std::string::npos;)
        sql.replace(at, 11, " as char");
      // MySQL's own counts bytes.
      if (sql.starts_with("select length(")) sql.replace(7, 6, "char_length");
      const auto found = connection->query(sql, never);
      if (!found.ok()) return found.error().describe();
      return found->rows() == 0 ? "no row" : std::string(found->text(0, 0).value_or("NULL"));
    };
  }

  std::string sql_name(const std::string& table) override {
    return mysql::TableName::parse(table).sql();
  }

  std::vector<std::string> rows(const std::string& table) override {
    SourceSpec spec;
    spec.input = TableInput{{table, {}}};
    MysqlSource source(options_, spec, LoadStrategy::full);
    Cancel cancel;
    auto read = read_stream(source, *connect_, {}, cancel);
    EXPECT_TRUE(read.ok()) << read.error().describe();
    if (!read.ok()) return {};
    EXPECT_TRUE(read->refused.empty()) << read->refused.front();
    std::sort(read->rows.begin(), read->rows.end());
    return std::move(read->rows);
  }

 private:
  mysql::ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connect_;
};

const std::string hostile_table =
    "\"my.schema\".\"t';\"\"x -- \u00e9" + std::string(51, 't') + "\"";
const SinkKind server{
    [] { return std::make_unique<MysqlWorld>(); },
    64,
    hostile_table,
    false,
    {"'nan'::FLOAT", "'-inf'::DOUBLE", "'infinity'::DATE", "'4714-11-24 (BC)'::DATE",
     "'12:34:56.5+05:30'::TIMETZ", "'4714-11-24 (BC) 00:00:00'::TIMESTAMP",
     "'-infinity'::TIMESTAMPTZ", "INTERVAL '14 months -3 days 04:05:06.000007'",
     "[1, NULL, 3]::INTEGER[]", "[]::VARCHAR[]", "['a,b', '', '\"', NULL]",
     "['1.50', '-2.25']::DECIMAL(9,2)[]"},
    {{"true", "1"},
     {"'-0'::DOUBLE", "0::DOUBLE"},
     {"'2024-03-31 02:30:00+02'::TIMESTAMPTZ", "'2024-03-31 00:30:00'::TIMESTAMP"}}};

INSTANTIATE_TEST_SUITE_P(Mysql, SinkLoads, ::testing::ValuesIn(sink_loads(server)));
INSTANTIATE_TEST_SUITE_P(Mysql, SinkRemovals, ::testing::ValuesIn(sink_removals(server)));
INSTANTIATE_TEST_SUITE_P(Mysql, SinkOwners, ::testing::ValuesIn(sink_owners(server)));
INSTANTIATE_TEST_SUITE_P(Mysql, SinkAhead, ::testing::ValuesIn(sink_ahead(server)));

// Rows come into its table by the sink.
class MysqlStream : public SourceWorld {
 public:
  MysqlStream() {
    auto& server = tidemark::testing::MariadbServer::shared();
    options_.address = mysql::parse_address(server.address(server.new_database())).value();
    engine_ = duck::Engine::open({}).value();
    connect_ = engine_->connect().value();
  }

  duck::Connection& engine() override { return *connect_; }

  void add(const std::string& select) override {
    Cancel cancel;
    ASSERT_TRUE(connect_->execute("CREATE OR REPLACE TEMP TABLE added AS " + select).ok());
    LoadTarget target;
    target.table = table;
    target.schema = connect_->describe("FROM added").value();
    const StagedTable rows{"added", target.schema,
                           RowCount(*connect_->count("SELECT count(*) FROM added"))};
    const std::string number = std::to_string(++loads_);
    MysqlSink sink(*connect_, options_);
    auto load = sink.begin({{JobName("fill"), StreamName("fill")},
                            Seq(loads_),
                            Fence(1),
                            RunId("r"),
                            LoadKind::window,
                            number},
                           cancel);
    ASSERT_TRUE(load.ok()) << load.error().describe();
    const auto written = (*load)->write(rows, target, cancel);
    ASSERT_TRUE(written.ok()) << written.error().describe();
    LoadRow row;
    row.load_id = number;
    row.seq = Seq(loads_);
    row.run_id = RunId("r");
    row.rows = *written;
    EXPECT_TRUE(is((*load)->commit(row), CommitOutcome::committed));
  }

  std::unique_ptr<Source> open(LoadStrategy strategy, const std::string& watermark) override {
    SourceSpec spec;
    spec.input = TableInput{{table, {}}};
    if (!watermark.empty()) spec.watermark = Name{watermark, {}};
    return std::make_unique<MysqlSource>(options_, spec, strategy);
  }

 private:
  const std::string table = "\"it's \"\"a; drop -- \u00e9.b\"";
  mysql::ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connect_;
  std::int64_t loads_ = 0;
};

const SourceKind table_of_server{[] { return std::make_unique<MysqlStream>(); },
                                 {"'-128'::TINYINT",
                                  "255::UTINYINT",
                                  "'-32768'::SMALLINT",
                                  "'-9223372036854775808'::BIGINT",
                                  "18446744073709551615::UBIGINT",
                                  "'1.17549435e-38'::FLOAT",
                                  "5e-324::DOUBLE",
                                  "0.1::DOUBLE + 0.2::DOUBLE",
                                  "'-0.01'::DECIMAL(4,2)",
                                  "'-0.99999999999999999999999999999999999999'::DECIMAL(38,38)",
                                  "''",
                                  "' '",
                                  "'it''s \\ ä \U0001F600 ' || chr(10)",
                                  "'\\x00\\xFF'::BLOB",
                                  "'9999-12-31'::DATE",
                                  "'0001-01-01'::DATE",
                                  "INTERVAL '838:59:59'",
                                  "INTERVAL '-00:00:00.000001'",
                                  "'1969-12-31 23:59:59.999999'::TIMESTAMP",
                                  "'0001-01-01 00:00:00'::TIMESTAMP"}};

INSTANTIATE_TEST_SUITE_P(Mysql, SourceReads, ::testing::ValuesIn(source_reads({table_of_server})));

}  // namespace
}  // namespace tidemark::conformance

// The suites of sinks and sources over a real server.
#include <fixtures/postgres_server.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "connect/conformance/read_stream.h"
#include "connect/conformance/sink_case.h"
#include "connect/conformance/source_case.h"
#include "connectors/postgres/sink.h"
#include "connectors/postgres/source.h"

namespace tidemark::conformance {
namespace {

using postgres::PostgresSink;
using postgres::PostgresSource;

class PostgresWorld : public SinkWorld {
 public:
  PostgresWorld() {
    auto& server = tidemark::testing::PostgresServer::shared();
    options_.conninfo = server.conninfo(server.new_database());
    engine_ = duck::Engine::open({}).value();
    connect_ = engine_->connect().value();
  }

  Owner owner() override {
    Owner owner;
    owner.engine = engine_->connect().value();
    owner.sink = std::make_unique<PostgresSink>(*owner.engine, options_);
    return owner;
  }

  Ask client() override {
    Cancel cancel;
    const std::shared_ptr<postgres::Connection> connection =
        postgres::Connection::connect(options_, cancel).value();
    return [connection](const std::string& sql) {
      Cancel never;
      const auto found = connection->query(sql, never);
      if (!found.ok()) return found.error().describe();
      return found->rows() == 0 ? "no row" : std::string(found->text(0, 0).value_or("NULL"));
    };
  }

  std::string sql_name(const std::string& table) override {
    return postgres::TableName::parse(table).sql();
  }

  std::vector<std::string> rows(const std::string& table) override {
    SourceSpec spec;
    spec.input = TableInput{{table, {}}};
    PostgresSource source(options_, spec, LoadStrategy::full);
    Cancel cancel;
    auto read = read_stream(source, *connect_, {}, cancel);
    EXPECT_TRUE(read.ok()) << read.error().describe();
    if (!read.ok()) return {};
    EXPECT_TRUE(read->refused.empty()) << read->refused.front();
    std::sort(read->rows.begin(), read->rows.end());
    return std::move(read->rows);
  }

 private:
  postgres::ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connect_;
};

const std::string hostile_table =
    "\"my.schema\".\"t';\"\"x -- \u00e9" + std::string(51, 't') + "\"";
const SinkKind server{[] { return std::make_unique<PostgresWorld>(); }, 63, hostile_table};

INSTANTIATE_TEST_SUITE_P(Postgres, SinkLoads, ::testing::ValuesIn(sink_loads(server)));
INSTANTIATE_TEST_SUITE_P(Postgres, SinkRemovals, ::testing::ValuesIn(sink_removals(server)));
INSTANTIATE_TEST_SUITE_P(Postgres, SinkOwners, ::testing::ValuesIn(sink_owners(server)));
INSTANTIATE_TEST_SUITE_P(Postgres, SinkAhead, ::testing::ValuesIn(sink_ahead(server)));

// Rows come into its table by the sink.
class PostgresStream : public SourceWorld {
 public:
  PostgresStream() {
    auto& server = tidemark::testing::PostgresServer::shared();
    options_.conninfo = server.conninfo(server.new_database());
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
    PostgresSink sink(*connect_, options_);
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
    return std::make_unique<PostgresSource>(options_, spec, strategy);
  }

 private:
  const std::string table = "\"it's \"\"a; drop -- \u00e9.b\"";
  postgres::ConnectOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connect_;
  std::int64_t loads_ = 0;
};

const SourceKind table_of_server{[] { return std::make_unique<PostgresStream>(); },
                                 {"true",
                                  "'-32768'::SMALLINT",
                                  "'-9223372036854775808'::BIGINT",
                                  "18446744073709551615::UBIGINT",
                                  "'nan'::FLOAT",
                                  "'-0'::DOUBLE",
                                  "'-inf'::DOUBLE",
                                  "5e-324::DOUBLE",
                                  "'-0.01'::DECIMAL(4,2)",
                                  "'-0.99999999999999999999999999999999999999'::DECIMAL(38,38)",
                                  "''",
                                  "' '",
                                  "'it''s \\ ä \U0001F600 ' || chr(10)",
                                  "'{\"a\": 1.0,  \"a\": 2}'::JSON",
                                  "'\\x00\\xFF'::BLOB",
                                  "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID",
                                  "'infinity'::DATE",
                                  "'4714-11-24 (BC)'::DATE",
                                  "'24:00:00'::TIME",
                                  "'12:34:56.5+05:30'::TIMETZ",
                                  "'1969-12-31 23:59:59.999999'::TIMESTAMP",
                                  "'-infinity'::TIMESTAMPTZ",
                                  "INTERVAL '14 months -3 days 04:05:06.000007'",
                                  "[1, NULL, 3]::INTEGER[]",
                                  "['a,b', '', '\"', NULL]"}};

INSTANTIATE_TEST_SUITE_P(Postgres, SourceReads,
                         ::testing::ValuesIn(source_reads({table_of_server})));

}  // namespace
}  // namespace tidemark::conformance

// The suite of sinks over a DuckDB file.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "connect/conformance/read_stream.h"
#include "connect/conformance/sink_case.h"
#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/warehouse.h"

namespace tidemark::conformance {
namespace {

class DuckdbWorld : public SinkWorld {
 public:
  DuckdbWorld() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / ("duckdb_" + std::string(test->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    project_.root = folder_;
    connection_.name.value = "warehouse";
    connection_.config = ConnectionConfig::of(DuckdbConnection{"w.duckdb"});
    duck::EngineOptions options;
    options.threads = 1;  // small loads gain nothing by more
    engine_ = duck::Engine::open(options).value();
    connect_ = engine_->connect().value();
  }
  ~DuckdbWorld() override {
    connect_.reset();
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  // One process has the file, so another owner is another thread of it.
  Owner owner() override {
    Owner owner;
    owner.engine = engine_->connect().value();
    owner.sink = DuckdbConnector()
                     .open_sink(connection_, {project_, *owner.engine, "test"}, cancel_)
                     .value();
    return owner;
  }

  Ask client() override {
    const std::shared_ptr<duck::Connection> connection = engine_->connect().value();
    return [connection](const std::string& sql) {
      const auto answer = connection->query(sql);
      if (!answer.ok()) return answer.error().describe();
      return answer->rows() == 0 ? "no row" : answer->text(0, 0).value_or("NULL");
    };
  }

  std::string sql_name(const std::string& table) override {
    return parse_table("warehouse", table).value().quoted();
  }

  std::vector<std::string> rows(const std::string& table) override {
    auto rows = print_rows(*connect_, sql_name(table));
    EXPECT_TRUE(rows.ok()) << rows.error().describe();
    if (!rows.ok()) return {};
    std::sort(rows->begin(), rows->end());
    return *std::move(rows);
  }

 private:
  Cancel cancel_;
  std::filesystem::path folder_;
  ProjectSpec project_;
  ConnectionSpec connection_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connect_;
};

// Without quotes: the first dot ends the schema.
const std::string hostile_table = "my \"schema\".t';\"x -- \u00e9" + std::string(80, 't');
const SinkKind duckdb{[] { return std::make_unique<DuckdbWorld>(); }, 0, hostile_table};

INSTANTIATE_TEST_SUITE_P(Duckdb, SinkLoads, testing::ValuesIn(sink_loads(duckdb)));
INSTANTIATE_TEST_SUITE_P(Duckdb, SinkRemovals, testing::ValuesIn(sink_removals(duckdb)));
INSTANTIATE_TEST_SUITE_P(Duckdb, SinkOwners, testing::ValuesIn(sink_owners(duckdb)));
INSTANTIATE_TEST_SUITE_P(Duckdb, SinkAhead, testing::ValuesIn(sink_ahead(duckdb)));

}  // namespace
}  // namespace tidemark::conformance

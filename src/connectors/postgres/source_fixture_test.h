// What the tests of the source share: a database of their own, and reading a stream into the
// engine.
#pragma once

#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/source.h"
#include "drivers/duckdb/engine.h"

namespace tidemark::postgres {

struct ReadRows {
  WindowBound bound;
  Schema schema;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::vector<std::pair<std::string, std::string>> rejected;  // column, reason
};

class SourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok()) << engine.error().describe();
    engine_ = std::move(*engine);
    auto connection = engine_->connect();
    ASSERT_TRUE(connection.ok()) << connection.error().describe();
    duck_ = std::move(*connection);
    database_ = server().new_database();
  }

  static testing::PostgresServer& server() { return testing::PostgresServer::shared(); }
  std::string psql(const std::string& sql) { return server().psql(database_, sql); }

  ConnectOptions options(const std::string& user = "postgres") {
    ConnectOptions made;
    made.conninfo = server().conninfo(database_, user);
    made.application_name = "tidemark test";
    return made;
  }

  static SourceSpec table(const std::string& name, const std::string& watermark = {}) {
    SourceSpec spec;
    spec.input = TableInput{{name, {}}};
    if (!watermark.empty()) spec.watermark = Name{watermark, {}};
    return spec;
  }

  static SourceSpec query(const std::string& sql) {
    SourceSpec spec;
    spec.input = QueryInput{{sql, {}, {}}};
    return spec;
  }

  // discover, upper, split, open and every row, as text of `expressions` over the staged columns.
  Result<ReadRows> read(Source& source, const Progress& progress = {},
                        const std::string& expressions = "*") {
    return read_with(*duck_, source, progress, expressions);
  }

  // The same with an engine's connection of the caller, for threads.
  Result<ReadRows> read_with(duck::Connection& duck, Source& source, const Progress& progress,
                             const std::string& expressions) {
    ReadRows result;
    TM_TRY(result.schema, source.discover(cancel_));
    TM_TRY(result.bound, source.upper(progress, cancel_));
    TM_TRY(const std::vector<Split> splits, source.split(result.bound.window, cancel_));
    EXPECT_EQ(splits.size(), 1U);
    TM_TRY(Extraction extraction, source.open(splits.at(0), cancel_));
    auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
    TM_TRY(
        const std::string from,
        duck.register_feed(
            result.schema, [&](BatchWriter& writer) { return reader->next(writer, cancel_); },
            [&](const RejectedRow& row) { result.rejected.emplace_back(row.column, row.reason); }));
    auto answer = duck.query("select " + expressions + " from " + from);
    duck.release_feed(from);
    if (!answer.ok()) return std::move(answer).error();
    for (std::size_t row = 0; row < answer->rows(); ++row) {
      std::vector<std::optional<std::string>> values;
      for (std::size_t at = 0; at < answer->schema().columns.size(); ++at)
        values.push_back(answer->text(row, at));
      result.rows.push_back(std::move(values));
    }
    return result;
  }

  Result<ReadRows> read(const SourceSpec& spec, LoadStrategy strategy = LoadStrategy::full,
                        const Progress& progress = {}) {
    PostgresSource source(options(), spec, strategy);
    return read(source, progress);
  }

  Cancel cancel_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> duck_;
  std::string database_;
};

}  // namespace tidemark::postgres

// TransformFixture: what the tests of this folder share: an engine, staged rows from SQL, short
// answers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "transform/transform.h"

namespace tidemark {

inline SqlText sql_text(std::string text) {
  SqlText out{std::move(text), "jobs/t.yaml", {}};
  out.map.add(0, {3, 10});
  return out;
}

inline Name name(std::string value, int line = 2, int column = 5) {
  return {std::move(value), {line, column}};
}

inline TransformStep step(StepKind kind) {
  return {std::move(kind), {1, 1}};
}

class TransformFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok()) << engine.error().describe();
    engine_ = std::move(engine).value();
    auto connection = engine_->connect();
    ASSERT_TRUE(connection.ok()) << connection.error().describe();
    connection_ = std::move(connection).value();
  }

  // Makes the rows of `select` the staged ones, addressed in its order.
  void stage(const std::string& select) {
    run("CREATE OR REPLACE TABLE staged AS SELECT *, 1::INTEGER AS _tm_segment, row_number() OVER "
        "() AS _tm_row FROM (" +
        select + ")");
    auto schema = connection_->describe("SELECT * EXCLUDE (_tm_segment, _tm_row) FROM staged");
    ASSERT_TRUE(schema.ok()) << schema.error().describe();
    schema_ = std::move(schema).value();
  }

  void run(const std::string& sql) {
    auto done = connection_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.error().describe() << "\n" << sql;
  }

  // Rows as text, values separated by `|`, sorted so that the engine's order does not matter.
  std::vector<std::string> rows(const std::string& sql) {
    auto answer = connection_->query("SELECT * FROM (" + sql + ") ORDER BY ALL");
    if (!answer.ok()) return {answer.error().describe()};
    std::vector<std::string> out;
    for (std::size_t row = 0; row < answer->rows(); ++row) {
      std::string line;
      for (std::size_t at = 0; at < answer->schema().columns.size(); ++at) {
        line += (at == 0 ? "" : "|") + answer->text(row, at).value_or("NULL");
      }
      out.push_back(line);
    }
    return out;
  }

  TransformInput input() const { return {"SELECT * FROM staged", std::nullopt, {}}; }

  // Compiles and runs; the good rows.
  std::vector<std::string> good(const std::vector<TransformStep>& steps) {
    auto compiled = compile_transform(steps, schema_, "jobs/t.yaml", *connection_);
    if (!compiled.ok()) return {compiled.error().describe()};
    Cancel cancel;
    auto done = run_transform(*compiled, input(), *connection_, cancel);
    if (!done.ok()) return {done.error().describe()};
    done_ = std::move(done).value();
    // What a step says it gives is what it gives.
    auto real = connection_->describe("SELECT * FROM " + done_.good);
    EXPECT_TRUE(real.ok());
    if (real.ok()) {
      EXPECT_EQ(real->names(), done_.schema.names());
      for (std::size_t at = 0; at < real->columns.size(); ++at) {
        EXPECT_EQ(sql_name(real->columns[at].type), sql_name(done_.schema.columns[at].type))
            << real->columns[at].name;
      }
    }
    const std::vector<std::string> good = rows("SELECT * FROM " + done_.good);
    is_row_wise_ = compiled->row_wise();
    if (is_row_wise_) {
      run("CREATE OR REPLACE TEMP VIEW alone AS SELECT * EXCLUDE (_tm_segment, _tm_row) FROM "
          "staged");
      EXPECT_EQ(rows(row_wise_sql(*compiled, "alone")), good);
    }
    return good;
  }

  // `row|rule|column|message` of what the last run refused.
  std::vector<std::string> refused() {
    return rows("SELECT _tm_row, rule, \"column\", message FROM (" + done_.refusals.relation + ")");
  }

  // The faults of steps, printed; empty when there is none.
  std::string faults(const std::vector<TransformStep>& steps) {
    Faults found;
    auto compiled = compile_transform(steps, schema_, "jobs/t.yaml", *connection_, found);
    EXPECT_EQ(compiled.has_value(), found.empty());
    return found.print();
  }

  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  Schema schema_;
  Transformed done_;
  bool is_row_wise_ = false;  // what the last run compiled
};

}  // namespace tidemark

// What the tests of this folder share: rows that are counted, and a stage of them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "stage/stage.h"
#include "stage/stage_writer.h"

namespace tidemark {

// Rows of one BIGINT and one VARCHAR; every `reject_every`-th row is refused.
class CountingReader final : public Reader {
 public:
  CountingReader(std::int64_t rows, std::int64_t reject_every)
      : rows_(rows), reject_every_(reject_every) {}
  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override {
    TM_CHECK(cancel.check());
    std::size_t row = 0;
    for (; row < writer.capacity() && next_ < rows_; ++next_) {
      const std::string text = "row " + std::to_string(next_);
      if (reject_every_ > 0 && next_ % reject_every_ == 0) {
        writer.reject(RejectedRow{std::string("\0\xff", 2) + text, next_ % 2 ? "n" : "", "odd",
                                  "at " + text});
        continue;
      }
      static_cast<std::int64_t*>(writer.column(0).data())[row] = next_;
      writer.column(1).set_bytes(row, text);
      ++row;
    }
    return row;
  }

 private:
  std::int64_t rows_;
  std::int64_t reject_every_;
  std::int64_t next_ = 0;
};

class FailingReader final : public Reader {
 public:
  Result<std::size_t> next(BatchWriter&, Cancel&) override {
    return source_error("source.broken", "it broke");
  }
};

class StageTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(testing::TempDir()) /
            ("stage_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(root_);
    options_.root = root_;
    Result<std::unique_ptr<duck::Engine>> engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok()) << engine.error().describe();
    engine_ = std::move(*engine);
    Result<std::unique_ptr<duck::Connection>> connection = engine_->connect();
    ASSERT_TRUE(connection.ok());
    connection_ = std::move(*connection);
    schema_.columns = {{"n", Type::of(TypeKind::int64)}, {"text", Type::of(TypeKind::varchar)}};
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<StageWriter> writer(const Schema& schema, std::size_t splits = 1) {
    Result<std::unique_ptr<StageWriter>> made =
        StageWriter::create(options_, key_, schema, std::vector<Split>(splits), files_, cancel_);
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return std::move(*made);
  }
  Status write(StageWriter& writer, Extraction extraction) {
    return writer.write(*connection_, 0, extraction, cancel_,
                        [this](std::int64_t rows, std::int64_t) { seen_ = rows; });
  }
  Stage seal(StageWriter& writer) {
    Result<Stage> stage = writer.seal(window_);
    EXPECT_TRUE(stage.ok()) << stage.error().describe();
    return std::move(*stage);
  }
  Stage stage_rows(std::int64_t rows, std::int64_t reject_every) {
    std::unique_ptr<StageWriter> to = writer(schema_);
    const Status written = write(*to, std::make_unique<CountingReader>(rows, reject_every));
    EXPECT_TRUE(written.ok()) << written.error().describe();
    return seal(*to);
  }
  std::string ask(const std::string& sql) {
    Result<duck::Answer> answer = connection_->query(sql);
    if (!answer.ok()) return answer.error().describe();
    return answer->rows() == 0 ? "no row" : answer->text(0, 0).value_or("NULL");
  }

  std::filesystem::path root_;
  SystemFiles files_;
  Cancel cancel_;
  StageOptions options_;
  StageKey key_{StreamId{JobName("a job/\xc3\xa9"), StreamName("public.t")}, Seq(7), Fence(3),
                RunId("r1")};
  Window window_{Position{"1"}, Position{"2"}, std::nullopt};
  Schema schema_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  std::int64_t seen_ = 0;
};

}  // namespace tidemark

// Rows that somebody gets while they are staged.
#include "connect/sink.h"
#include "drivers/duckdb/batch.h"
#include "stage/stage_fixture_test.h"

namespace tidemark {
namespace {

// Breaks after so many rows.
class CutReader final : public Reader {
 public:
  explicit CutReader(std::int64_t rows) : rows_(rows, 0) {}
  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override {
    TM_TRY(const std::size_t rows, rows_.next(writer, cancel));
    if (rows == 0) return source_error("source.broken", "it broke");
    return rows;
  }

 private:
  CountingReader rows_;
};

// Takes what it is given, until it has had `most` batches.
class ScriptedAhead final : public LoadAhead {
 public:
  explicit ScriptedAhead(const Schema& schema, int most = 1'000) : schema_(schema), left_(most) {}
  Result<bool> send(duck::Connection&, RowsAhead rows, Cancel&) override {
    duck::Batch batch(schema_, std::move(rows.reject));
    for (; left_ > 0; --left_) {
      TM_TRY(const std::size_t count, rows.next(batch.clear()));
      if (count == 0) return true;
      TM_CHECK(rows.also(batch.filled(count)));
      rows_ += static_cast<std::int64_t>(count);
    }
    return false;
  }
  std::optional<Error> failure() const override { return std::nullopt; }
  std::optional<std::int64_t> rows() const override {
    return lost_ ? std::nullopt : std::optional(rows_);
  }
  Result<std::unique_ptr<LoadTxn>> begin(Cancel&) override {
    return internal_error("scripted.none", "no load here");
  }
  void lose() { lost_ = true; }

 private:
  const Schema schema_;
  int left_;
  std::int64_t rows_ = 0;
  bool lost_ = false;
};

TEST_F(StageTest, who_gets_the_rows_while_they_are_staged_has_the_same) {
  options_.segment_bytes_max = 200'000;
  ScriptedAhead ahead(schema_);
  std::unique_ptr<StageWriter> to = writer(schema_);
  to->send_ahead(ahead);
  ASSERT_TRUE(write(*to, std::make_unique<CountingReader>(30'000, 7)).ok());
  const Stage stage = seal(*to);
  EXPECT_TRUE(to->is_ahead());
  EXPECT_GT(stage.manifest().segments.size(), 2u);
  EXPECT_EQ(stage.manifest().rows_read, 30'000);
  EXPECT_EQ(stage.manifest().rows_staged, ahead.rows());
  EXPECT_EQ(ask("SELECT count(*) || ' ' || count(DISTINCT n) FROM (" + stage.relation_sql() + ")"),
            std::to_string(*ahead.rows()) + " " + std::to_string(*ahead.rows()));
  // How many of them it has is compared with what the steps leave of the stage, by the run.
  ahead.lose();
  EXPECT_FALSE(to->is_ahead());
}

TEST_F(StageTest, who_takes_no_more_rows_costs_none_of_the_stage) {
  options_.segment_bytes_max = 200'000;
  for (const int most : {0, 1, 5}) {
    TearDown();
    ScriptedAhead ahead(schema_, most);
    std::unique_ptr<StageWriter> to = writer(schema_);
    to->send_ahead(ahead);
    ASSERT_TRUE(write(*to, std::make_unique<CountingReader>(30'000, 7)).ok());
    const Stage stage = seal(*to);
    EXPECT_FALSE(to->is_ahead());
    EXPECT_EQ(stage.manifest().rows_read, 30'000);
    EXPECT_EQ(ask("SELECT count(DISTINCT n) FROM (" + stage.relation_sql() + ")"),
              std::to_string(stage.manifest().rows_staged));
  }
}

TEST_F(StageTest, what_is_read_again_is_not_taken_for_what_was_sent) {
  options_.segment_bytes_max = 200'000;
  ScriptedAhead ahead(schema_);
  std::unique_ptr<StageWriter> to = writer(schema_);
  to->send_ahead(ahead);
  Extraction cut = std::make_unique<CutReader>(30'000);
  EXPECT_FALSE(to->write(*connection_, 0, cut, cancel_, {}).ok());
  ASSERT_TRUE(write(*to, std::make_unique<CountingReader>(30'000, 0)).ok());
  EXPECT_EQ(seal(*to).manifest().rows_staged, 30'000);
  EXPECT_FALSE(to->is_ahead());
}

}  // namespace
}  // namespace tidemark

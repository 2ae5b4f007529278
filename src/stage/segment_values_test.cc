// What stands in a segment is what was given: values of every type, made up by a seed, once staged
// and once fed to the engine by itself.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "drivers/duckdb/engine.h"
#include "drivers/parquet/parquet_file.h"
#include "stage/stage_writer.h"

namespace tidemark {
namespace {

// How the values of a column are.
struct Made {
  Type type;
  std::uint64_t different = 0;  // how many there are; 0: all
  int nulls = 0;                // of a hundred
};

std::uint64_t scattered(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::string text_of(TypeKind kind, std::uint64_t seed) {
  if (kind == TypeKind::json) return "{\"n\": " + std::to_string(seed) + "}";
  const std::uint64_t bits = scattered(seed);
  std::string text;
  const std::size_t size = bits % 97 == 0 ? 4'000 : bits % 41;
  while (text.size() < size)
    text += kind == TypeKind::blob ? static_cast<char>(scattered(text.size() + bits))
                                   : static_cast<char>('a' + (text.size() + bits) % 26);
  if (kind == TypeKind::varchar && bits % 5 == 0) text += "\xc3\xa9";
  return text;
}

__int128 power_of_ten(int exponent) {
  __int128 power = 1;
  for (; exponent > 0; --exponent)
    power *= 10;
  return power;
}

__int128 number_of(const Type& type, std::uint64_t seed) {
  const auto bits = static_cast<std::int64_t>(scattered(seed));
  switch (type.kind) {
    case TypeKind::boolean:
      return bits & 1;
    case TypeKind::decimal:
      return (static_cast<__int128>(bits) << 60) % power_of_ten(type.width);
    case TypeKind::date:
      return seed % 9 == 0 ? std::int64_t{INT32_MAX} : bits % 1'000'000;
    case TypeKind::time:
      return static_cast<std::int64_t>(scattered(seed) % 86'400'000'001);
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      if (seed % 9 == 0) return seed % 2 == 0 ? INT64_MAX : -INT64_MAX;
      return bits % 9'000'000'000'000'000;
    case TypeKind::timestamp_ns:
      return bits / 2;
    case TypeKind::uuid:
      return static_cast<__int128>(bits) << 64 | scattered(seed + 1);
    default:
      return bits;
  }
}

class MadeReader final : public Reader {
 public:
  MadeReader(std::vector<Made> made, std::int64_t rows) : made_(std::move(made)), rows_(rows) {}

  Result<std::size_t> next(BatchWriter& writer, Cancel&) override {
    std::size_t row = 0;
    for (; row < writer.capacity() && next_ < rows_; ++next_) {
      fill(writer, row);
      if (next_ % 1'001 == 1'000) {
        // Its place is used again, as that of a row that a source refuses.
        writer.reject({"raw", "", "odd", "here"});
        for (std::size_t at = 0; at <= made_.size(); ++at)
          writer.column(at).set_valid(row);
        continue;
      }
      ++row;
    }
    return row;
  }

 private:
  void fill(BatchWriter& writer, std::size_t row) {
    static_cast<std::int64_t*>(writer.column(0).data())[row] = next_;
    for (std::size_t at = 0; at < made_.size(); ++at) {
      const Made& made = made_[at];
      ColumnWriter& column = writer.column(at + 1);
      std::uint64_t seed = scattered(static_cast<std::uint64_t>(next_) * 64 + at);
      if (static_cast<int>(seed % 100) < made.nulls) {
        column.set_null(row);
        continue;
      }
      if (made.different != 0) seed %= made.different;
      const std::size_t width = fixed_width(made.type);
      if (width == 0) {
        column.set_bytes(row, text_of(made.type.kind, seed));
        continue;
      }
      __int128 number = number_of(made.type, seed);
      if (made.type.kind == TypeKind::float64) {
        const double value = static_cast<double>(static_cast<std::int64_t>(number)) / 7;
        std::memcpy(&number, &value, sizeof(value));
      }
      if (made.type.kind == TypeKind::float32) {
        const float value = static_cast<float>(static_cast<std::int64_t>(number)) / 7;
        std::memcpy(&number, &value, sizeof(value));
      }
      std::memcpy(static_cast<char*>(column.data()) + row * width, &number, width);
    }
  }

  const std::vector<Made> made_;
  const std::int64_t rows_;
  std::int64_t next_ = 0;
};

class SegmentValuesTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(testing::TempDir()) / "segment_values";
    std::filesystem::remove_all(root_);
    options_.root = root_;
    engine_ = std::move(*duck::Engine::open({}));
    connection_ = std::move(*engine_->connect());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string ask(const std::string& sql) {
    Result<duck::Answer> answer = connection_->query(sql);
    if (!answer.ok()) return answer.error().describe();
    return answer->rows() == 0 ? "no row" : answer->text(0, 0).value_or("NULL");
  }

  // Stages the rows, feeds the same to a table, and compares each value of each column.
  void stage_and_compare(const std::vector<Made>& made, std::int64_t rows) {
    Schema schema;
    schema.columns.push_back({"n", Type::of(TypeKind::int64)});
    for (std::size_t at = 0; at < made.size(); ++at)
      schema.columns.push_back({"c" + std::to_string(at), made[at].type});
    ASSERT_TRUE(parquet::ParquetFile::holds(schema));
    auto writer = StageWriter::create(options_, key_, schema, {Split{}}, files_, cancel_);
    ASSERT_TRUE(writer.ok()) << writer.error().describe();
    Extraction extraction = std::make_unique<MadeReader>(made, rows);
    const Status written =
        (*writer)->write(*connection_, 0, extraction, cancel_, [](std::int64_t, std::int64_t) {});
    ASSERT_TRUE(written.ok()) << written.error().describe();
    const auto stage = (*writer)->seal({});
    ASSERT_TRUE(stage.ok()) << stage.error().describe();

    MadeReader same(made, rows);
    const auto from = connection_->register_feed(
        schema, [&](BatchWriter& batch) { return same.next(batch, cancel_); },
        [](const RejectedRow&) {});
    ASSERT_TRUE(from.ok());
    ASSERT_EQ(ask("CREATE OR REPLACE TABLE given AS SELECT * FROM " + *from),
              std::to_string(rows - rows / 1'001));
    connection_->release_feed(*from);
    ASSERT_EQ(ask("CREATE OR REPLACE TABLE staged AS " + stage->relation_sql()),
              std::to_string(rows - rows / 1'001));
    for (const Column& column : schema.columns) {
      EXPECT_EQ(ask("SELECT count(*) FROM given JOIN staged USING (n) WHERE given." + column.name +
                    " IS NOT DISTINCT FROM staged." + column.name + " AND typeof(given." +
                    column.name + ") = typeof(staged." + column.name + ")"),
                std::to_string(rows - rows / 1'001))
          << column.name << " " << sql_name(column.type);
    }
    segments_ = stage->manifest().segments.size();
  }

  std::filesystem::path root_;
  SystemFiles files_;
  Cancel cancel_;
  StageOptions options_;
  StageKey key_{StreamId{JobName("values"), StreamName("t")}, Seq(1), Fence(1), RunId("r1")};
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  std::size_t segments_ = 0;
};

std::vector<Type> types_held() {
  std::vector<Type> types;
  for (const Type& type : type_examples())
    if (parquet::ParquetFile::holds(Schema{{{"c", type}}, {}})) types.push_back(type);
  for (const int width : {4, 9, 18, 38})
    types.push_back(Type::decimal(static_cast<std::uint8_t>(width), 2));
  return types;
}

TEST_F(SegmentValuesTest, each_type_comes_back_with_and_without_nulls) {
  std::vector<Made> made;
  for (const Type& type : types_held())
    for (const int nulls : {0, 30, 100})
      made.push_back({type, 0, nulls});
  ASSERT_GT(made.size(), 60u);
  stage_and_compare(made, 6'000);
}

TEST_F(SegmentValuesTest, values_that_repeat_come_back_in_any_number) {
  std::vector<Made> made;
  for (const TypeKind kind :
       {TypeKind::varchar, TypeKind::int8, TypeKind::int32, TypeKind::int64, TypeKind::blob}) {
    for (const std::uint64_t different : {1, 2, 3, 200, 1'024, 1'025, 3'000})
      made.push_back({Type::of(kind), different, static_cast<int>(different % 3) * 20});
  }
  stage_and_compare(made, 30'000);
}

TEST_F(SegmentValuesTest, rows_come_back_over_row_groups_pages_and_segments) {
  options_.row_group_rows_max = 5'000;
  options_.segment_bytes_max = 8'000'000;
  stage_and_compare({{Type::of(TypeKind::varchar), 0, 10},
                     {Type::of(TypeKind::varchar), 1'500, 0},
                     {Type::of(TypeKind::int64), 0, 1},
                     {Type::of(TypeKind::boolean), 0, 50}},
                    100'000);
  EXPECT_GT(segments_, 1u);
}

TEST_F(SegmentValuesTest, a_value_larger_than_a_page_comes_back) {
  class LargeReader final : public Reader {
   public:
    Result<std::size_t> next(BatchWriter& writer, Cancel&) override {
      if (given_ == 3) return std::size_t{0};
      writer.column(0).set_bytes(0, std::string(3'000'000, static_cast<char>('a' + given_++)));
      return std::size_t{1};
    }

   private:
    int given_ = 0;
  };
  const Schema schema{{{"text", Type::of(TypeKind::varchar)}}, {}};
  auto writer = StageWriter::create(options_, key_, schema, {Split{}}, files_, cancel_);
  ASSERT_TRUE(writer.ok());
  Extraction extraction = std::make_unique<LargeReader>();
  const Status written =
      (*writer)->write(*connection_, 0, extraction, cancel_, [](std::int64_t, std::int64_t) {});
  ASSERT_TRUE(written.ok()) << written.error().describe();
  const auto stage = (*writer)->seal({});
  ASSERT_TRUE(stage.ok());
  EXPECT_EQ(ask("SELECT string_agg(text[1] || length(text), ' ' ORDER BY _tm_row) FROM (" +
                stage->relation_sql() + ")"),
            "a3000000 b3000000 c3000000");
}

}  // namespace
}  // namespace tidemark

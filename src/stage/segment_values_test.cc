// What stands in a segment is what was given: values of every type, made up by a seed, once staged
// and once fed to the engine by itself.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>

#include "drivers/duckdb/engine.h"
#include "drivers/parquet/parquet_file.h"
#include "stage/stage_writer.h"

namespace tidemark {
namespace {

// How the values of a column are.
struct Made {
  Type type;
  std::uint64_t different = 0;  // how many there are; 0: all
  std::uint64_t nulls = 0;      // of a hundred thousand
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

// Now and then -0, an infinity, or no number.
template <class Bits, class Float>
Bits float_bits(std::uint64_t seed, Float otherwise) {
  using Limits = std::numeric_limits<Float>;
  const Float value = seed % 9 == 0   ? -Float{0}
                      : seed % 9 == 1 ? -Limits::infinity()
                      : seed % 9 == 2 ? Limits::quiet_NaN()
                                      : otherwise;
  return std::bit_cast<Bits>(value);
}

__int128 number_of(const Type& type, std::uint64_t seed) {
  const auto bits = static_cast<std::int64_t>(scattered(seed));
  switch (type.kind) {
    case TypeKind::boolean:
      return bits & 1;
    case TypeKind::decimal:
      if (seed % 9 == 0) return (seed % 2 == 0 ? 1 : -1) * (power_of_ten(type.width) - 1);
      return (static_cast<__int128>(bits) << 60) % power_of_ten(type.width);
    case TypeKind::date:
      if (seed % 9 == 0) return seed % 2 == 0 ? INT32_MAX : -INT32_MAX;
      return bits % 1'000'000;
    case TypeKind::time:
      return static_cast<std::int64_t>(scattered(seed) % 86'400'000'001);
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
      if (seed % 9 == 0) return seed % 2 == 0 ? INT64_MAX : -INT64_MAX;
      return bits % 9'000'000'000'000'000;
    case TypeKind::timestamp_ns:
      return bits / 2;
    case TypeKind::float32:
      return float_bits<std::uint32_t>(seed, static_cast<float>(bits) / 7);
    case TypeKind::float64:
      return float_bits<std::uint64_t>(seed, static_cast<double>(bits) / 7);
    case TypeKind::uuid:
      if (seed % 9 == 0) return seed % 2 == 0 ? 0 : -1;
      return static_cast<__int128>(bits) << 64 | scattered(seed + 1);
    default:
      if (seed % 9 == 0) return seed % 2 == 0 ? -1 : 0;
      return bits;
  }
}

class MadeReader final : public Reader {
 public:
  // Batches have up to `batch_max` rows, now more and now fewer.
  MadeReader(std::vector<Made> made, std::int64_t rows, std::size_t batch_max)
      : made_(std::move(made)), rows_(rows), batch_max_(batch_max) {}

  Result<std::size_t> next(BatchWriter& writer, Cancel&) override {
    std::size_t row = 0;
    const std::size_t most = 1 + scattered(static_cast<std::uint64_t>(next_)) % batch_max_;
    for (; row < std::min(most, writer.capacity()) && next_ < rows_; ++next_) {
      fill(writer, row);
      if (next_ % 1'001 == 1'000) {
        // Its place is used again, as that of a row that a source refuses.
        for (std::size_t at = 1; at <= made_.size(); ++at)
          writer.column(at).set_null(row);
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
      if (seed % 100'000 < made.nulls) {
        column.set_null(row);
        continue;
      }
      if (made.different != 0) seed %= made.different;
      const std::size_t width = fixed_width(made.type);
      if (width == 0) {
        column.set_bytes(row, text_of(made.type.kind, seed));
        continue;
      }
      const __int128 number = number_of(made.type, seed);
      std::memcpy(static_cast<char*>(column.data()) + row * width, &number, width);
    }
  }

  const std::vector<Made> made_;
  const std::int64_t rows_;
  const std::size_t batch_max_;
  std::int64_t next_ = 0;
};

class SegmentValuesTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::path(testing::TempDir()) /
            ("segment_values_" + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    options_.root = root_;
    auto engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok()) << engine.error().describe();
    engine_ = std::move(*engine);
    auto connection = engine_->connect();
    ASSERT_TRUE(connection.ok()) << connection.error().describe();
    connection_ = std::move(*connection);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string ask(const std::string& sql) {
    Result<duck::Answer> answer = connection_->query(sql);
    if (!answer.ok()) return answer.error().describe();
    return answer->rows() == 0 ? "no row" : answer->text(0, 0).value_or("NULL");
  }

  // Stages the rows, feeds the same to a table, and compares each value of each column.
  void stage_and_compare(const std::vector<Made>& made, std::int64_t rows,
                         std::size_t batch_max = 2'048) {
    Schema schema;
    schema.columns.push_back({"n", Type::of(TypeKind::int64)});
    for (std::size_t at = 0; at < made.size(); ++at)
      schema.columns.push_back({"c" + std::to_string(at), made[at].type});
    ASSERT_TRUE(parquet::ParquetFile::holds(schema));
    auto writer = StageWriter::create(options_, key_, schema, {Split{}}, files_, cancel_);
    ASSERT_TRUE(writer.ok()) << writer.error().describe();
    Extraction extraction = std::make_unique<MadeReader>(made, rows, batch_max);
    const Status written =
        (*writer)->write(*connection_, 0, extraction, cancel_, [](std::int64_t, std::int64_t) {});
    ASSERT_TRUE(written.ok()) << written.error().describe();
    const auto stage = (*writer)->seal({});
    ASSERT_TRUE(stage.ok()) << stage.error().describe();

    MadeReader same(made, rows, batch_max);
    const auto from = connection_->register_feed(
        schema, [&](BatchWriter& batch) { return same.next(batch, cancel_); },
        [](const RejectedRow&) {});
    ASSERT_TRUE(from.ok());
    ASSERT_EQ(ask("CREATE OR REPLACE TABLE given AS SELECT * FROM " + *from),
              std::to_string(rows - rows / 1'001));
    connection_->release_feed(*from);
    ASSERT_EQ(ask("CREATE OR REPLACE TABLE staged AS " + stage->relation_sql()),
              std::to_string(rows - rows / 1'001));
    const std::vector<std::string> never_null = stage->manifest().never_null();
    for (const Column& column : schema.columns) {
      EXPECT_EQ(std::count(never_null.begin(), never_null.end(), column.name),
                ask("SELECT count(*) FROM given WHERE " + column.name + " IS NULL") == "0" ? 1 : 0)
          << column.name << " " << sql_name(column.type);
      EXPECT_EQ(ask("SELECT count(*) FROM given JOIN staged USING (n) WHERE given." + column.name +
                    " IS NOT DISTINCT FROM staged." + column.name + " AND given." + column.name +
                    "::VARCHAR IS NOT DISTINCT FROM staged." + column.name +
                    "::VARCHAR AND typeof(given." + column.name + ") = typeof(staged." +
                    column.name + ")"),
                std::to_string(rows - rows / 1'001))
          << column.name << " " << sql_name(column.type);
    }
    segments_ = stage->manifest().segments.size();
    first_ = stage->dir() / stage->manifest().segments.front().file;
  }

  std::filesystem::path root_;
  SystemFiles files_;
  Cancel cancel_;
  StageOptions options_;
  StageKey key_{StreamId{JobName("values"), StreamName("t")}, Seq(1), Fence(1), RunId("r1")};
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  std::size_t segments_ = 0;
  std::filesystem::path first_;  // segment
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
    for (const std::uint64_t nulls : {0, 30'000, 100'000})
      made.push_back({type, 0, nulls});
  ASSERT_GT(made.size(), 60u);
  stage_and_compare(made, 6'000);
}

TEST_F(SegmentValuesTest, values_that_repeat_come_back_in_any_number) {
  std::vector<Made> made;
  for (const TypeKind kind :
       {TypeKind::varchar, TypeKind::int8, TypeKind::int32, TypeKind::int64, TypeKind::blob}) {
    for (const std::uint64_t different : {1, 2, 3, 200, 1'024, 1'025, 3'000})
      made.push_back({Type::of(kind), different, different % 3 * 20'000});
  }
  stage_and_compare(made, 30'000);
}

TEST_F(SegmentValuesTest, rows_come_back_over_row_groups_pages_and_segments) {
  options_.row_group_rows_max = 5'000;
  options_.segment_bytes_max = 8'000'000;
  stage_and_compare({{Type::of(TypeKind::varchar), 0, 10'000},
                     {Type::of(TypeKind::varchar), 1'500, 0},
                     {Type::of(TypeKind::int64), 0, 1'000},
                     {Type::of(TypeKind::int32), 0, 2},  // of all rows one or two
                     {Type::of(TypeKind::boolean), 0, 50'000}},
                    100'000);
  EXPECT_GT(segments_, 1u);
}

// Most batches have no NULL then, and refused rows leave marks of theirs in some.
TEST_F(SegmentValuesTest, rare_nulls_stand_where_they_stood) {
  std::vector<Made> made;
  for (const std::uint64_t nulls : {3, 20, 70, 300}) {
    made.push_back({Type::of(TypeKind::varchar), 0, nulls});
    made.push_back({Type::of(TypeKind::int64), 0, nulls});
    made.push_back({Type::of(TypeKind::int32), 50, nulls});
    made.push_back({Type::of(TypeKind::boolean), 0, nulls});
    made.push_back({Type::decimal(38, 2), 0, nulls});
  }
  stage_and_compare(made, 150'000);
}

TEST_F(SegmentValuesTest, small_batches_come_back) {
  stage_and_compare({{Type::of(TypeKind::varchar), 0, 100},
                     {Type::of(TypeKind::varchar), 9, 100},
                     {Type::of(TypeKind::int64), 0, 10'000},
                     {Type::of(TypeKind::boolean), 0, 1'000}},
                    20'000, 9);
}

TEST_F(SegmentValuesTest, row_groups_of_many_columns_end_by_their_bytes) {
  options_.segment_bytes_max = 8'000'000;
  stage_and_compare(std::vector<Made>(300, {Type::of(TypeKind::int32), 30, 0}), 6'000);
  EXPECT_GT(
      std::stoi(ask("SELECT max(row_group_id) FROM parquet_metadata('" + first_.string() + "')")),
      0);
}

// Gives texts one by one from a function, and then is asked to end.
class TextReader final : public Reader {
 public:
  using Text = std::function<std::string(int)>;  // by the number of the row
  TextReader(int rows, Text text) : rows_(rows), text_(std::move(text)) {}
  Result<std::size_t> next(BatchWriter& writer, Cancel&) override {
    std::size_t row = 0;
    for (; row < std::min<std::size_t>(writer.capacity(), 100) && next_ < rows_; ++row)
      writer.column(0).set_bytes(row, text_(next_++));
    return row;
  }

 private:
  const int rows_;
  const Text text_;
  int next_ = 0;
};

class SegmentTextsTest : public SegmentValuesTest {
 protected:
  Status write(int rows, TextReader::Text text) {
    const Schema schema{{{"text", Type::of(TypeKind::varchar)}}, {}};
    auto made = StageWriter::create(options_, key_, schema, {Split{}}, files_, cancel_);
    if (!made.ok()) return std::move(made).error();
    writer_ = std::move(*made);
    Extraction extraction = std::make_unique<TextReader>(rows, std::move(text));
    return writer_->write(*connection_, 0, extraction, cancel_, [](std::int64_t, std::int64_t) {});
  }
  Stage seal() {
    auto stage = writer_->seal({});
    EXPECT_TRUE(stage.ok()) << stage.error().describe();
    return std::move(*stage);
  }

  std::unique_ptr<StageWriter> writer_;
};

TEST_F(SegmentTextsTest, a_dictionary_is_left_when_its_pages_are_written) {
  const auto text = [](int row) {
    return row < 20'000 ? std::string(2'000, static_cast<char>('a' + row % 3))
                        : "row " + std::to_string(row);
  };
  ASSERT_TRUE(write(40'000, text).ok());
  const Stage stage = seal();
  EXPECT_EQ(ask("SELECT count(*) FROM (" + stage.relation_sql() +
                ") WHERE text = CASE WHEN _tm_row < 20000 THEN repeat(chr(97 + (_tm_row % "
                "3)::INTEGER), 2000) ELSE 'row ' || _tm_row END"),
            "40000");
  EXPECT_EQ(ask("SELECT count(*) FROM parquet_metadata('" +
                (stage.dir() / stage.manifest().segments.front().file).string() +
                "') WHERE dictionary_page_offset IS NOT NULL AND encodings LIKE '%PLAIN%'"),
            "1");
}

TEST_F(SegmentTextsTest, a_value_larger_than_a_page_comes_back) {
  ASSERT_TRUE(
      write(3, [](int row) { return std::string(3'000'000, static_cast<char>('a' + row)); }).ok());
  EXPECT_EQ(ask("SELECT string_agg(text[1] || length(text), ' ' ORDER BY _tm_row) FROM (" +
                seal().relation_sql() + ")"),
            "a3000000 b3000000 c3000000");
}

TEST_F(SegmentTextsTest, a_reader_that_throws_fails_its_read_alone) {
  const Status written = write(10, [](int row) -> std::string {
    if (row == 5) throw std::length_error("too long");
    return "x";
  });
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "stage.write_threw");
}

TEST_F(SegmentTextsTest, a_read_that_is_cancelled_leaves_no_file) {
  const Status written = write(1'000, [this](int row) {
    if (row == 500) cancel_.request();
    return std::string("x");
  });
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "run.cancelled");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_))
    EXPECT_NE(entry.path().extension(), ".parquet") << entry.path();
}

}  // namespace
}  // namespace tidemark

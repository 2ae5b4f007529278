#include "stage/stage.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "drivers/duckdb/engine.h"
#include "stage/exact_types.h"
#include "stage/stage_fixture_test.h"
#include "stage/stage_writer.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST_F(StageTest, rows_come_back_in_order_over_several_segments) {
  options_.segment_bytes_max = 200'000;
  const Stage stage = stage_rows(30'000, 0);
  EXPECT_GT(stage.manifest().segments.size(), 2u);
  EXPECT_EQ(stage.manifest().rows_read, 30'000);
  EXPECT_EQ(seen_, 30'000);
  EXPECT_EQ(ask("SELECT count(*) FROM (SELECT n, row_number() OVER (ORDER BY _tm_segment, _tm_row) "
                "- 1 AS place FROM (" +
                stage.relation_sql() + ")) WHERE n <> place"),
            "0");
  EXPECT_EQ(
      ask("SELECT count(DISTINCT (_tm_segment, _tm_row)) FROM (" + stage.relation_sql() + ")"),
      "30000");
  EXPECT_EQ(ask("SELECT count(*) FROM (" + stage.rejects_sql() + ")"), "0");
}

TEST_F(StageTest, refused_rows_are_kept_with_their_bytes) {
  options_.reject_buffer_bytes_max = 20'000;
  const Stage stage = stage_rows(10'000, 3);
  EXPECT_EQ(stage.manifest().rows_read, 10'000);
  EXPECT_EQ(stage.manifest().rows_rejected, 3'334);
  EXPECT_GT(stage.manifest().rejects.size(), 1u);
  EXPECT_EQ(ask("SELECT count(*) FROM (" + stage.rejects_sql() +
                ") WHERE reason = 'odd' AND locator LIKE 'at row%'"),
            "3334");
  EXPECT_EQ(ask("SELECT raw = '\\x00\\xFFrow 3'::BLOB AND column_name = 'n' FROM (" +
                stage.rejects_sql() + ") WHERE locator = 'at row 3'"),
            "true");
  EXPECT_EQ(ask("SELECT column_name IS NULL FROM (" + stage.rejects_sql() +
                ") WHERE locator = 'at row 6'"),
            "true");
  EXPECT_TRUE(stage.verify(HashDepth::xxh3_and_sha256, cancel_).ok());
}

TEST_F(StageTest, splits_are_written_at_the_same_time) {
  options_.segment_bytes_max = 100'000;
  constexpr std::size_t count = 4;
  std::unique_ptr<StageWriter> to = writer(schema_, count);
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < count; ++number) {
    threads.emplace_back([&, number] {
      auto engine = std::move(engine_->connect()).value();
      Extraction extraction = std::make_unique<CountingReader>(20'000, 100);
      const Status written = to->write(*engine, number, extraction, cancel_, {});
      EXPECT_TRUE(written.ok()) << written.error().describe();
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_TRUE(to->left().empty());
  const Stage stage = seal(*to);
  EXPECT_EQ(stage.manifest().rows_read, 80'000);
  EXPECT_EQ(stage.manifest().rows_rejected, 800);
  EXPECT_EQ(ask("SELECT count(*) || ' ' || count(DISTINCT n) FROM (" + stage.relation_sql() + ")"),
            "79200 19800");
  EXPECT_TRUE(stage.verify(HashDepth::xxh3_and_sha256, cancel_).ok());
}

TEST_F(StageTest, a_split_that_failed_is_written_again_and_nothing_is_staged_twice) {
  std::unique_ptr<StageWriter> to = writer(schema_, 2);
  EXPECT_FALSE(write(*to, std::make_unique<FailingReader>()).ok());
  EXPECT_EQ(to->left().size(), 2u);
  EXPECT_EQ(to->rows_staged(), 0);
  EXPECT_TRUE(write(*to, std::make_unique<CountingReader>(10, 0)).ok());
  ASSERT_EQ(to->left(), (std::vector<SplitLeft>{{1, std::nullopt}}));
  Extraction second = std::make_unique<CountingReader>(5, 0);
  EXPECT_TRUE(to->write(*connection_, 1, second, cancel_, {}).ok());
  EXPECT_EQ(seal(*to).manifest().rows_read, 15);
}

TEST_F(StageTest, an_empty_window_is_a_stage_too) {
  std::unique_ptr<StageWriter> to = writer(schema_, 0);
  const Stage stage = seal(*to);
  EXPECT_TRUE(stage.manifest().segments.empty());
  EXPECT_EQ(ask("SELECT count(*) FROM (" + stage.relation_sql() + ")"), "0");
  EXPECT_EQ(ask("SELECT string_agg(column_type, ' ') FROM (DESCRIBE " + stage.relation_sql() + ")"),
            "BIGINT VARCHAR INTEGER BIGINT");
  EXPECT_TRUE(stage.verify(HashDepth::xxh3, cancel_).ok());
}

TEST_F(StageTest, only_refused_rows) {
  const Stage stage = stage_rows(5, 1);
  EXPECT_TRUE(stage.manifest().segments.empty());
  EXPECT_EQ(stage.manifest().rows_rejected, 5);
}

TEST_F(StageTest, a_sealed_stage_is_never_written_again) {
  const Stage stage = stage_rows(5, 0);
  EXPECT_EQ(StageWriter::create(options_, key_, schema_, {}, files_, cancel_).error().code,
            "stage.exists");
  const std::string checksum = stage.checksum();
  EXPECT_EQ(Stage::open(stage.dir(), files_)->checksum(), checksum);
  EXPECT_EQ(Stage::open(stage.dir(), files_)->manifest(), stage.manifest());
  const auto folders = stage_folders(staged_stream(root_, key_.stream));
  ASSERT_EQ(folders->size(), 1u);
  EXPECT_EQ(folders->front().dir, stage.dir());
  EXPECT_TRUE(remove_stage(stage.dir(), files_).ok());
  EXPECT_TRUE(remove_stage(stage.dir(), files_).ok());
  EXPECT_EQ(Stage::open(stage.dir(), files_).error().code, "stage.not_sealed");
}

TEST_F(StageTest, what_a_dead_run_left_is_redone_under_a_larger_fence_only) {
  fs::path partial = stage_dir(root_, key_);
  partial += ".partial";
  fs::create_directories(partial);
  std::ofstream(partial / "segment-000001.parquet") << "half";
  // Under the same fence it may be somebody's who lives.
  EXPECT_EQ(StageWriter::create(options_, key_, schema_, {}, files_, cancel_).error().code,
            "stage.exists");
  EXPECT_TRUE(fs::exists(partial / "segment-000001.parquet"));
  key_.fence = Fence(key_.fence.get() + 1);
  const Stage stage = stage_rows(3, 0);
  EXPECT_EQ(stage.manifest().rows_staged, 3);
  EXPECT_FALSE(fs::exists(partial));
}

TEST_F(StageTest, a_failed_reader_leaves_nothing) {
  {
    std::unique_ptr<StageWriter> to = writer(schema_);
    EXPECT_EQ(write(*to, std::make_unique<FailingReader>()).error().code, "source.broken");
  }
  EXPECT_TRUE(fs::is_empty(stage_dir(root_, key_).parent_path()));
  Result<Stage> missing = Stage::open(stage_dir(root_, key_), files_);
  EXPECT_EQ(missing.error().code, "stage.not_sealed");
}

TEST_F(StageTest, damage_is_found_and_named) {
  const Stage stage = stage_rows(1'000, 10);
  const fs::path segment = stage.dir() / "segment-000001.parquet";
  const std::string whole = slurp(segment);
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  const auto expect_corrupt = [&](const std::string& name) {
    const Status status = stage.verify(HashDepth::xxh3, cancel_);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "stage.corrupt");
    EXPECT_NE(status.error().message.find(name), std::string::npos) << status.error().message;
  };
  std::ofstream(segment, std::ios::binary) << flipped;
  expect_corrupt("segment-000001.parquet");
  std::ofstream(segment, std::ios::binary) << whole.substr(0, whole.size() - 1);
  expect_corrupt("segment-000001.parquet");
  std::ofstream(segment, std::ios::binary) << whole;
  EXPECT_TRUE(stage.verify(HashDepth::xxh3_and_sha256, cancel_).ok());
  std::ofstream(stage.dir() / "stranger") << "x";
  expect_corrupt("stranger");
  fs::remove(stage.dir() / "stranger");
  fs::remove(stage.dir() / "rejects-000001.parquet");
  expect_corrupt("rejects-000001.parquet");
}

TEST_F(StageTest, every_damage_is_listed) {
  options_.segment_bytes_max = 200'000;
  const Stage stage = stage_rows(30'000, 0);
  ASSERT_GT(stage.manifest().segments.size(), 2u);
  const std::string first = slurp(stage.dir() / "segment-000001.parquet");
  const std::string second = slurp(stage.dir() / "segment-000002.parquet");
  std::ofstream(stage.dir() / "segment-000001.parquet", std::ios::binary) << second;
  std::ofstream(stage.dir() / "segment-000002.parquet", std::ios::binary) << first;
  fs::remove(stage.dir() / "segment-000003.parquet");
  fs::create_directory(stage.dir() / "segment-000003.parquet");
  std::int64_t hashed = 0;
  const auto found = stage.damages(HashDepth::xxh3_and_sha256, cancel_,
                                   [&](std::int64_t bytes) { hashed = bytes; });
  ASSERT_TRUE(found.ok());
  std::vector<std::string> names;
  for (const Damage& damage : *found)
    names.push_back(damage.file.filename().string());
  EXPECT_EQ(names, (std::vector<std::string>{"segment-000001.parquet", "segment-000002.parquet",
                                             "segment-000003.parquet"}));
  EXPECT_EQ(hashed, stage.manifest().bytes());
  cancel_.request();
  EXPECT_EQ(stage.damages(HashDepth::xxh3, cancel_, {}).error().code, "run.cancelled");
}

TEST_F(StageTest, a_damaged_manifest_is_no_stage) {
  const Stage stage = stage_rows(10, 0);
  const fs::path path = stage.dir() / "manifest.json";
  const std::string whole = slurp(path);
  for (const std::string& text :
       {whole.substr(0, whole.size() / 2), std::string("{}"), std::string(),
        std::string(whole).replace(whole.find("\"hi\": \"2\""), 9, "\"hi\": \"3\""),
        std::string(whole).replace(whole.find("segment-000001"), 14, "../gment-00001")}) {
    std::ofstream(path) << text;
    EXPECT_EQ(Stage::open(stage.dir(), files_).error().code, "stage.corrupt") << text;
  }
}

TEST_F(StageTest, no_bit_of_a_manifest_changes_unseen) {
  const Stage stage = stage_rows(10, 3);
  const std::string whole = to_json_text(stage.manifest());
  ASSERT_TRUE(parse_manifest(whole).ok());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    const auto read = parse_manifest(flipped);
    ASSERT_FALSE(read.ok()) << at;
    ASSERT_EQ(read.error().code, "stage.corrupt") << at;
  }
}

TEST_F(StageTest, a_manifest_in_the_folder_of_another_stage_is_no_stage) {
  const Stage stage = stage_rows(10, 0);
  key_.seq = Seq(8);
  const Stage other = stage_rows(10, 0);
  for (const fs::path& file : {fs::path("manifest.json"), fs::path("segment-000001.parquet")}) {
    fs::copy_file(other.dir() / file, stage.dir() / file, fs::copy_options::overwrite_existing);
  }
  const auto opened = Stage::open(stage.dir(), files_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, "stage.corrupt");
  EXPECT_NE(opened.error().hint.find("`tidemark run a job/\xc3\xa9`"), std::string::npos)
      << opened.error().hint;
}

// As the first version of this format wrote it: without a checksum of its own.
TEST_F(StageTest, a_manifest_of_format_1_is_read) {
  const Manifest manifest = stage_rows(10, 0).manifest();
  std::string text = to_json_text(manifest);
  text.replace(text.find("\"format_version\": 2"), 19, "\"format_version\": 1");
  EXPECT_EQ(parse_manifest(text).error().code, "stage.corrupt");  // its checksum is another's
  text.erase(text.find(",\n  \"manifest_sha256\""));
  text += "\n}\n";
  const auto read = parse_manifest(text);
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(*read, manifest);
}

TEST_F(StageTest, a_column_without_a_null_is_one_in_all_segments) {
  Manifest manifest = stage_rows(10, 0).manifest();
  EXPECT_EQ(manifest.never_null(), (std::vector<std::string>{"n", "text"}));
  manifest.segments.push_back(manifest.segments.front());
  manifest.segments.back().never_null = {"text"};
  manifest.rows_staged = manifest.rows_read = 20;
  EXPECT_EQ(manifest.never_null(), std::vector<std::string>{"text"});
  const auto read = parse_manifest(to_json_text(manifest));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(*read, manifest);
  // As a version before this one wrote it, or what the engine wrote.
  manifest.segments.back().never_null.clear();
  EXPECT_EQ(*parse_manifest(to_json_text(manifest)), manifest);
  EXPECT_EQ(manifest.never_null(), std::vector<std::string>());
  manifest.segments.clear();  // of no rows none is NULL
  EXPECT_EQ(manifest.never_null().size(), 2u);
}

TEST_F(StageTest, a_manifest_of_a_later_version_is_left_alone) {
  std::string text = to_json_text(stage_rows(10, 0).manifest());
  text.replace(text.find("\"format_version\": 2"), 19, "\"format_version\": 3");
  const std::size_t hash = text.rfind(": \"") + 3;
  text.replace(hash, 64, std::string(64, '0'));
  text.replace(hash, 64, sha256_hex(text));
  EXPECT_EQ(parse_manifest(text).error().code, "stage.newer_format");
}

TEST_F(StageTest, an_engine_scan_with_rejects) {
  EngineScan scan;
  scan.setup = {
      "CREATE TEMP TABLE scanned_rows AS SELECT range AS n, 'x' || range AS text FROM range(1000)"};
  scan.rows = "SELECT n, text FROM scanned_rows WHERE n % 4 <> 0";
  scan.rejects =
      "SELECT text::BLOB AS raw, 'n' AS \"column\", 'four' AS reason, 'row ' || n AS locator FROM "
      "scanned_rows WHERE n % 4 = 0";
  scan.teardown = {"DROP TABLE scanned_rows"};
  std::unique_ptr<StageWriter> to = writer(schema_);
  const Status written = write(*to, scan);
  ASSERT_TRUE(written.ok()) << written.error().describe();
  EXPECT_EQ(to->rows_staged(), 750);
  const Stage stage = seal(*to);
  EXPECT_EQ(stage.manifest().rows_read, 1'000);
  EXPECT_EQ(ask("SELECT count(*) FROM (" + stage.rejects_sql() + ") WHERE reason = 'four'"), "250");
}

TEST_F(StageTest, names_that_cannot_be_told_apart) {
  for (const char* second : {"A", "_tm_row", ""}) {
    Schema schema;
    schema.columns = {{"a", Type::of(TypeKind::int32)}, {second, Type::of(TypeKind::int32)}};
    EXPECT_EQ(StageWriter::create(options_, key_, schema, {}, files_, cancel_).error().code,
              "stage.bad_schema")
        << second;
  }
}

TEST_F(StageTest, no_space_is_said_plainly) {
  // Needs a small volume of its own; the crash and disk suites mount one and name it here.
  const char* small = std::getenv("TIDEMARK_SMALL_VOLUME");
  if (small == nullptr) GTEST_SKIP() << "TIDEMARK_SMALL_VOLUME names no small volume";
  options_.root = fs::path(small) / "stage";
  std::unique_ptr<StageWriter> to = writer(schema_);
  const Status written = write(*to, std::make_unique<CountingReader>(20'000'000, 0));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "env.disk_full") << written.error().describe();
  to.reset();
  EXPECT_TRUE(fs::is_empty(stage_dir(options_.root, key_).parent_path()));
}

TEST_F(StageTest, what_stands_of_a_stream_is_listed_in_order) {
  const Stage second = stage_rows(3, 0);  // 7-3
  key_.seq = Seq(11);
  const Stage third = stage_rows(3, 0);
  const fs::path dir = second.dir().parent_path();
  for (const char* name : {"7-1", "12-1.partial", "7-2.partial", "other", "8", "9-x", "10-1.new"})
    fs::create_directory(dir / name);
  for (const char* name : {"7-3.refused.parquet", "6-1.refused.parquet"})
    std::ofstream(dir / name) << "rows";
  auto folders = stage_folders(staged_stream(root_, key_.stream));
  ASSERT_TRUE(folders.ok());
  std::string seen;
  for (StageFolder& folder : *folders) {
    if (folder.kind == StageKind::sealed) {
      ASSERT_TRUE(look_at(folder).ok());
    }
    const std::string kind = folder.kind == StageKind::sealed    ? "sealed"
                             : folder.kind == StageKind::partial ? "partial"
                                                                 : "half";
    seen += folder.dir.filename().string() + " " + kind + "\n";
  }
  EXPECT_EQ(seen,
            "6-1 half\n7-1 half\n7-2.partial partial\n7-3 sealed\n11-3 sealed\n"
            "12-1.partial partial\n");
  EXPECT_EQ(bytes_on_disk((*folders)[3]),
            static_cast<std::int64_t>(fs::file_size(second.dir() / "manifest.json")) +
                second.manifest().bytes() + 4);
  for (const StageFolder& folder : *folders)
    EXPECT_TRUE(remove_folder(folder, files_).ok());
  EXPECT_TRUE(stage_folders(staged_stream(root_, key_.stream))->empty());
  EXPECT_TRUE(fs::exists(dir / "10-1.new"));
  EXPECT_FALSE(fs::exists(dir / "6-1.refused.parquet"));
}

TEST_F(StageTest, streams_are_found_by_their_folders) {
  const auto streams = [&] { return staged_streams(root_, {JobName("orders")}, files_).value(); };
  EXPECT_TRUE(streams().empty());
  stage_rows(3, 0);
  const StreamId plain = key_.stream;
  // Too long to be a folder's name: the manifest has it.
  key_.stream = StreamId{JobName("orders"), StreamName(std::string(200, 's'))};
  const Stage long_named = stage_rows(3, 0);
  ASSERT_EQ(streams().size(), 2u);
  EXPECT_EQ(streams()[0].id, plain);
  EXPECT_EQ(streams()[1].id, key_.stream);
  EXPECT_TRUE(streams()[1].is_known);
  EXPECT_EQ(streams()[1].dir, long_named.dir().parent_path());
  fs::remove(long_named.dir() / "manifest.json");
  EXPECT_FALSE(streams()[1].is_known);
}

TEST(path_component, is_injective_and_safe) {
  EXPECT_EQ(path_component("orders_2-a"), "orders_2-a");
  EXPECT_EQ(path_component("a/b"), "a%2Fb");
  EXPECT_EQ(path_component("a%2Fb"), "a%252Fb");
  EXPECT_EQ(path_component(".."), "%2E%2E");
  EXPECT_EQ(path_component(""), "%");
  const std::string one = path_component(std::string(300, 'x'));
  const std::string two = path_component(std::string(301, 'x'));
  EXPECT_LE(one.size(), 120u);
  EXPECT_NE(one, two);
}

TEST(path_component, gives_the_name_back_where_it_holds_it) {
  for (const std::string name : {"orders_2-a", "a/b", "a%2Fb", "..", "", "\xc3\xa9 \xff"})
    EXPECT_EQ(name_of_component(path_component(name)), name);
  for (const char* other : {"a/b", "%2", "%zz", "%2f", "%41", "%%"})
    EXPECT_EQ(name_of_component(other), std::nullopt) << other;
  EXPECT_EQ(name_of_component(path_component(std::string(300, 'x'))), std::nullopt);
}

struct ExactCase {
  std::string type;  // of the engine
  std::vector<std::string> values;
};

// Every kind of model/type.h at its edges, alone and in a list, through a segment and back.
class ExactTypes : public StageTest, public testing::WithParamInterface<ExactCase> {};

TEST_P(ExactTypes, come_back_unchanged) {
  for (const std::string suffix : {"", "[]", "[][]"}) {
    std::string values = "(0, NULL)";
    int id = 0;
    for (const std::string& value : GetParam().values) {
      std::string cast = "CAST(" + value + " AS " + GetParam().type + ")";
      if (suffix == "[]") cast = "[NULL, " + cast + ", " + cast + "]";
      if (suffix == "[][]") cast = "[[" + cast + ", NULL], [], NULL]";
      values += ", (" + std::to_string(++id) + ", " + cast + ")";
    }
    ASSERT_TRUE(connection_
                    ->execute("CREATE OR REPLACE TEMP TABLE origin AS SELECT i, CAST(v AS " +
                              GetParam().type + suffix + ") AS v FROM (VALUES " + values +
                              ") AS given(i, v)")
                    .ok());
    Result<Schema> schema = connection_->describe("SELECT * FROM origin");
    ASSERT_TRUE(schema.ok());
    key_.seq = Seq(key_.seq.get() + 1);
    std::unique_ptr<StageWriter> to = writer(*schema);
    EngineScan scan;
    scan.rows = "SELECT * FROM origin";
    const Status written = write(*to, scan);
    ASSERT_TRUE(written.ok()) << written.error().describe();
    const Stage stage = seal(*to);
    const std::string parts = GetParam().type == "INTERVAL" && suffix.empty()
                                  ? "(datepart('year', %)*12 + datepart('month', %), "
                                    "datepart('day', %), datepart('hour', %), "
                                    "datepart('minute', %), datepart('microsecond', %))"
                                  : "CAST(% AS VARCHAR)";
    const auto of = [&](const std::string& name) {
      std::string text = parts;
      for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%'))
        text.replace(at, 1, name);
      return text;
    };
    EXPECT_EQ(ask("SELECT count(*) FROM origin JOIN (" + stage.relation_sql() +
                  ") AS back USING (i) WHERE " + of("origin.v") + " IS NOT DISTINCT FROM " +
                  of("back.v") + " AND typeof(origin.v) = typeof(back.v)"),
              std::to_string(id + 1))
        << GetParam().type << suffix;
    EXPECT_EQ(stage.manifest().schema, *schema);
    EXPECT_EQ(Stage::open(stage.dir(), files_)->manifest().schema, *schema);
  }
}

INSTANTIATE_TEST_SUITE_P(
    all, ExactTypes,
    testing::Values(
        ExactCase{"BOOLEAN", {"true", "false"}}, ExactCase{"TINYINT", {"-128", "127"}},
        ExactCase{"SMALLINT", {"-32768"}}, ExactCase{"INTEGER", {"-2147483648"}},
        ExactCase{"BIGINT", {"'-9223372036854775808'", "9223372036854775807"}},
        ExactCase{"HUGEINT",
                  {"'-170141183460469231731687303715884105728'",
                   "'170141183460469231731687303715884105727'", "9007199254740993"}},
        ExactCase{"UHUGEINT", {"'340282366920938463463374607431768211455'"}},
        ExactCase{"UTINYINT", {"255"}}, ExactCase{"USMALLINT", {"65535"}},
        ExactCase{"UINTEGER", {"4294967295"}}, ExactCase{"UBIGINT", {"'18446744073709551615'"}},
        ExactCase{"FLOAT", {"'nan'", "'inf'", "'-inf'", "'1e-45'", "'-0.0'"}},
        ExactCase{"DOUBLE", {"'nan'", "'inf'", "'5e-324'", "'-0.0'", "'0.1'"}},
        ExactCase{"DECIMAL(4,1)", {"'-999.9'"}}, ExactCase{"DECIMAL(9,2)", {"'1.10'"}},
        ExactCase{"DECIMAL(18,3)", {"'123456789012345.678'"}},
        ExactCase{"DECIMAL(38,10)", {"'-1234567890123456789012345678.0123456789'"}},
        ExactCase{"VARCHAR", {"''", "'\xc3\xa9'", "'NULL'"}},
        ExactCase{"JSON", {"'{\"a\":  1.10}'"}}, ExactCase{"BLOB", {"'\\x00\\xFF'", "''"}},
        ExactCase{
            "UUID",
            {"'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00000000-0000-0000-0000-000000000000'"}},
        ExactCase{"DATE", {"'infinity'", "'-infinity'", "'0001-01-01 (BC)'", "'5881580-07-10'"}},
        ExactCase{"TIME", {"'24:00:00'", "'23:59:59.999999'"}},
        ExactCase{"TIMETZ", {"'24:00:00+15:59:59'", "'12:34:56.789-15:59:59'", "'00:00:00+00'"}},
        ExactCase{"TIMESTAMP",
                  {"'infinity'", "'-infinity'", "'290309-12-22 (BC) 00:00:00'",
                   "'294247-01-10 04:00:54.775806'"}},
        ExactCase{"TIMESTAMPTZ", {"'infinity'", "'-infinity'", "'2013-01-01 01:02:03.000001+00'"}},
        ExactCase{"TIMESTAMP_NS", {"'2013-01-01 01:02:03.000000001'", "'infinity'"}},
        ExactCase{"TIMESTAMP_S", {"'2013-01-01 01:02:03'", "'infinity'"}},
        ExactCase{"TIMESTAMP_MS", {"'2013-01-01 01:02:03.123'"}}, ExactCase{"BIT", {"'10101'"}},
        ExactCase{"ENUM('a', 'b')", {"'b'"}},
        ExactCase{"STRUCT(a INTEGER, \"b c\" VARCHAR)", {"{'a': 1, 'b c': 'x'}"}},
        ExactCase{"MAP(VARCHAR, INTEGER)", {"MAP {'k': 1}"}},
        ExactCase{
            "INTERVAL",
            {"to_months(-1)", "to_months(-13) + to_days(3) + to_microseconds(-3600000001)",
             "to_microseconds(1)", "to_months(2147483647)", "to_days(-2147483648)",
             "to_microseconds(-9223372036854775807)", "to_microseconds(9223372036854775807)"}}),
    [](const testing::TestParamInfo<ExactCase>& info) {
      return "type_" + std::to_string(info.index);
    });

}  // namespace
}  // namespace tidemark

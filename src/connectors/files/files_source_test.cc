#include "connectors/files/files_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "drivers/duckdb/engine.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

// What a source gave, by the engine's own printing.
struct Loaded {
  std::vector<std::string> rows;     // `a|b|NULL`
  std::vector<RejectedRow> refused;  // raw points into raws
  std::vector<std::string> raws;
  std::optional<Error> error;
};

class FilesSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(testing::TempDir()) /
        ("files_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    options_.folder = folder_;
    options_.patterns = {"*"};
    Result<std::unique_ptr<duck::Engine>> engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok()) << engine.error().describe();
    engine_ = std::move(*engine);
    connection_ = engine_->connect().value();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void file(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  std::unique_ptr<FilesSource> source() {
    auto made = std::make_unique<FilesSource>(options_, *connection_);
    if (pinned_) made->pin(*pinned_);
    return made;
  }
  // discover, upper, split, open, read, verify, as a run does; remembers the window and the types.
  Loaded load() {
    Loaded loaded;
    const Status status = load_into(loaded);
    if (!status.ok()) loaded.error = status.error();
    return loaded;
  }
  Status load_into(Loaded& loaded) {
    std::unique_ptr<FilesSource> from = source();
    TM_TRY(Schema schema, from->discover(cancel_));
    TM_TRY(bound_, from->upper(progress_, cancel_));
    TM_TRY(std::vector<Split> splits, from->split(bound_.window, cancel_));
    types_.clear();
    for (const Column& column : schema.columns)
      types_ += (types_.empty() ? "" : " ") + column.name + ":" + sql_name(column.type);
    for (const Split& split : splits) {
      TM_TRY(Extraction extraction, from->open(split, cancel_));
      TM_CHECK(read(schema, extraction, loaded));
    }
    if (before_verify_) before_verify_();
    TM_CHECK(from->verify(bound_.window, cancel_));
    if (!bound_.nothing_new) {
      progress_.lo = bound_.window.hi;
      progress_.history.push_back(*bound_.window.hi);
    }
    pinned_ = schema;
    return {};
  }
  Status read(const Schema& schema, Extraction& extraction, Loaded& loaded) {
    std::string from;
    auto* reader = std::get_if<std::unique_ptr<Reader>>(&extraction);
    // The feed is scanned below, so what it captures lives as long as this call.
    if (reader != nullptr) {
      const auto refuse = [&loaded](const RejectedRow& row) {
        loaded.raws.emplace_back(row.raw);
        loaded.refused.push_back(row);
      };
      TM_TRY(from,
             connection_->register_feed(
                 schema,
                 [this, reader](BatchWriter& writer) { return (*reader)->next(writer, cancel_); },
                 refuse));
    } else {
      from = "(" + std::get<EngineScan>(extraction).rows + ")";
    }
    TM_TRY(duck::Answer answer, connection_->query("SELECT * FROM " + from));
    for (std::size_t row = 0; row < answer.rows(); ++row) {
      std::string line;
      for (std::size_t i = 0; i < schema.columns.size(); ++i)
        line += (i ? "|" : "") + answer.text(row, i).value_or("NULL");
      loaded.rows.push_back(line);
    }
    return {};
  }
  using Rows = std::vector<std::string>;

  fs::path folder_;
  FilesOptions options_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  Cancel cancel_;
  Progress progress_;
  WindowBound bound_;
  std::optional<Schema> pinned_;
  std::string types_;
  std::function<void()> before_verify_;
};

TEST_F(FilesSourceTest, csv_types_print_back_or_stay_text) {
  file("a.csv",
       "i,d,f,day,at,yes,code,mixed,big,none\r\n"
       "1,1.10,0.5,2013-01-31,2013-01-31 10:00:00,true,007,1,12345678901234567890,\r\n"
       "-9223372036854775808,22.00,10.357019999999999,0001-01-01,2013-01-31 "
       "10:00:00.5,false,8,1.5,1,\r\n");
  EXPECT_EQ(load().rows,
            (Rows{"1|1.10|0.5|2013-01-31|2013-01-31 10:00:00|true|007|1|12345678901234567890|NULL",
                  "-9223372036854775808|22.00|10.357019999999999|0001-01-01|2013-01-31 "
                  "10:00:00.5|false|8|1.5|1|NULL"}));
  EXPECT_EQ(types_,
            "i:BIGINT d:DECIMAL(18,2) f:DOUBLE day:DATE at:TIMESTAMP yes:BOOLEAN code:VARCHAR "
            "mixed:VARCHAR big:VARCHAR none:VARCHAR");
  EXPECT_EQ(bound_.guarantee, Guarantee::exact);
}

TEST_F(FilesSourceTest, only_new_files_are_read) {
  file("a.csv", "n,t\n1,x\n");
  EXPECT_EQ(load().rows, Rows{"1|x"});
  EXPECT_TRUE(load().rows.empty());
  EXPECT_TRUE(bound_.nothing_new);
  EXPECT_EQ(bound_.window.lo, bound_.window.hi);
  file("b.csv", "n,t\n2,y\n");
  EXPECT_EQ(load().rows, Rows{"2|y"});
  // The same content touched, and copied.
  file("a.csv", "n,t\n1,x\n");
  EXPECT_TRUE(load().rows.empty());
  file("c.csv", "n,t\n2,y\n");
  EXPECT_EQ(load().rows, Rows{"2|y"});
  ASSERT_EQ(bound_.notes.size(), 1u);
  EXPECT_NE(bound_.notes[0].find("c.csv has the same content as b.csv"), std::string::npos);
  progress_.full_requested = true;
  EXPECT_EQ(load().rows.size(), 3u);
}

TEST_F(FilesSourceTest, a_loaded_file_that_changed_is_an_error) {
  file("a.csv", "n\n1\n");
  EXPECT_FALSE(load().error);
  file("a.csv", "n\n2\n");
  EXPECT_EQ(load().error->code, "source.file_changed_after_load");
  file("a.csv", "n\n1\n2\n");
  const Loaded loaded = load();
  EXPECT_EQ(loaded.error->code, "source.file_changed_after_load");
  EXPECT_NE(loaded.error->message.find("a.csv"), std::string::npos);
  EXPECT_NE(loaded.error->hint.find("--full"), std::string::npos);
}

TEST_F(FilesSourceTest, a_file_that_changes_under_the_read_fails_the_run) {
  file("a.csv", "n\n1\n");
  before_verify_ = [this] { file("a.csv", "n\n1\n2\n"); };
  EXPECT_EQ(load().error->code, "source.file_changed");
  before_verify_ = [this] { fs::remove(folder_ / "a.csv"); };
  EXPECT_EQ(load().error->code, "source.file_changed");
}

TEST_F(FilesSourceTest, later_values_must_fit_the_first_types) {
  file("a.csv", "n,d\n1,1.5\n");
  EXPECT_FALSE(load().error);
  file("b.csv", "n,d\n2,2.5\n1.5,1.5\n007,1.5\n,\n3,1.25\n");
  const Loaded loaded = load();
  EXPECT_EQ(loaded.rows, (Rows{"2|2.5", "NULL|NULL"}));
  ASSERT_EQ(loaded.refused.size(), 3u);
  EXPECT_EQ(loaded.raws[0], "1.5,1.5");
  EXPECT_EQ(loaded.refused[0].column, "n");
  EXPECT_EQ(loaded.refused[0].locator, "b.csv:3");
  EXPECT_EQ(loaded.refused[1].locator, "b.csv:4");
  EXPECT_EQ(loaded.refused[2].column, "d");
}

TEST_F(FilesSourceTest, declared_types_take_every_usual_writing) {
  options_.columns = {{"i", Type::of(TypeKind::int32)},
                      {"m", Type::decimal(9, 2)},
                      {"at", Type::of(TypeKind::timestamptz)},
                      {"b", Type::of(TypeKind::boolean)},
                      {"u", Type::of(TypeKind::uuid)}};
  options_.nulls = {"NA"};
  file("a.csv",
       "i,m,at,b,u\n+007,1.5,2013-01-01T10:00:00Z,Yes,\n1.5,,,,\nNA,2,2013-01-01 "
       "10:00:00+02:00,f,ffffffff-ffff-ffff-ffff-ffffffffffff\n"
       "1,1.555,,,\n\"NA\",,,,\n1,,2013-01-01 10:00:00,,\n");
  const Loaded loaded = load();
  EXPECT_EQ(loaded.rows,
            (Rows{"7|1.50|2013-01-01 10:00:00+00|true|NULL",
                  "NULL|2.00|2013-01-01 08:00:00+00|false|ffffffff-ffff-ffff-ffff-ffffffffffff"}));
  ASSERT_EQ(loaded.refused.size(), 4u);
  EXPECT_EQ(loaded.refused[0].reason, "`1.5` is not INTEGER");
  options_.columns = {{"ii", Type::of(TypeKind::int32)}};
  pinned_.reset();
  EXPECT_EQ(load().error->code, "source.no_such_column");
}

TEST_F(FilesSourceTest, structural_faults_cost_their_row_and_nothing_else) {
  const std::string bad_utf8 = "5,\xff\xfe,c\n";
  file("a.csv", "n,t,u\n1,a,b\n2,a\n3,a,b,c\n\n4,\"a\"x,b\n" + bad_utf8 +
                    std::string("6,a\0b,c\n", 8) + "7,\"l\n\"\"q\"\"\",z\n8,\"\",\n");
  const Loaded loaded = load();
  EXPECT_EQ(loaded.rows, (Rows{"1|a|b", "7|l\n\"q\"|z", "8||NULL"}));
  ASSERT_EQ(loaded.refused.size(), 5u);
  EXPECT_EQ(loaded.refused[0].locator, "a.csv:3");
  EXPECT_EQ(loaded.refused[0].reason, "it has 2 values, the header has 3");
  EXPECT_EQ(loaded.refused[1].locator, "a.csv:4");
  EXPECT_EQ(loaded.refused[2].locator, "a.csv:6");
  EXPECT_EQ(loaded.refused[3].reason, "it is not valid UTF-8");
  EXPECT_EQ(loaded.refused[3].column, "t");
  EXPECT_EQ(loaded.raws[3], "5,\xff\xfe,c");
  EXPECT_EQ(loaded.refused[4].reason, "it holds a NUL byte");
  EXPECT_EQ(loaded.raws[4], std::string("6,a\0b,c", 7));
}

TEST_F(FilesSourceTest, faults_of_a_whole_file_name_it) {
  const auto code_of = [this](const std::string& bytes) {
    file("a.csv", bytes);
    const Loaded loaded = load();
    if (!loaded.error) return std::string("none");
    EXPECT_NE(loaded.error->message.find("a.csv"), std::string::npos) << loaded.error->message;
    return loaded.error->code;
  };
  EXPECT_EQ(code_of(""), "source.empty_file");
  EXPECT_EQ(code_of("n,t\n1,\"open\n2,b\n"), "source.unterminated_quote");
  EXPECT_EQ(code_of("n,t\n1,\"open"), "source.unterminated_quote");
  EXPECT_EQ(code_of("n,n\n1,2\n"), "source.unclear_header");
  EXPECT_EQ(code_of(",n,t\n0,1,2\n"), "source.unclear_header");
  EXPECT_EQ(code_of("n,\n1,\n"), "source.unclear_header");
  options_.header = false;
  EXPECT_EQ(code_of("n,n\n1,2\n"), "none");
  options_.header.reset();
  pinned_.reset();
  progress_ = {};
  EXPECT_EQ(code_of("1,1\n1,2\n"), "none");  // a number is no name, so numbered columns
  pinned_.reset();
  progress_ = {};
  options_.header = true;
  EXPECT_EQ(code_of("n,n\n1,2\n"), "source.bad_header");
  EXPECT_EQ(code_of("n,\n1,2\n"), "source.bad_header");
  EXPECT_EQ(code_of("n,t\r1,2\r"), "source.bad_header");
  EXPECT_EQ(code_of("\xff\xfen\0,\0"), "source.bad_encoding");
  options_.row_bytes_max = 300'000;
  EXPECT_EQ(code_of("n,t\n1," + std::string(1'000'000, 'x') + "\n"), "source.row_too_long");
}

TEST_F(FilesSourceTest, a_changed_header_is_named) {
  file("a.csv", "n,t\n1,x\n");
  EXPECT_FALSE(load().error);
  file("b.csv", "t,n\ny,2\n");
  EXPECT_EQ(load().rows, Rows{"2|y"});  // another order is the same header
  file("c.csv", "n,text\n3,z\n");
  const Loaded loaded = load();
  ASSERT_TRUE(loaded.error);
  EXPECT_EQ(loaded.error->code, "source.header_changed");
  EXPECT_EQ(loaded.error->message,
            "c.csv: its columns differ from those loaded before; missing: `t`; new: `text`");
}

TEST_F(FilesSourceTest, dialects) {
  file("a.csv", "\xef\xbb\xbfn;t\r\n1;\"a;b\"\r\n2;c");
  EXPECT_EQ(load().rows, (Rows{"1|a;b", "2|c"}));
  EXPECT_EQ(types_, "n:BIGINT t:VARCHAR");
  pinned_.reset();
  progress_ = {};
  file("a.csv", "1,2\n3,4\n");
  EXPECT_EQ(load().rows, (Rows{"1|2", "3|4"}));
  EXPECT_EQ(types_, "column1:BIGINT column2:BIGINT");
  EXPECT_TRUE(load().rows.empty());
  pinned_.reset();
  progress_ = {};
  file("a.csv", "one\n\nx\n");
  EXPECT_EQ(load().rows, (Rows{"NULL", "x"}));  // of one column an empty line is a row
  pinned_.reset();
  progress_ = {};
  file("a.csv", "n,t\n");
  EXPECT_TRUE(load().rows.empty());
}

TEST_F(FilesSourceTest, packed_files) {
  file("a.csv", "n\n1\n2\n");
  const std::string at = "cd '" + folder_.string() + "' && ";
  ASSERT_EQ(
      std::system(
          (at + "gzip -k a.csv && cat a.csv.gz > b.csv.gz && zstd -q -k a.csv && rm a.csv b.csv.gz")
              .c_str()),
      0);
  EXPECT_EQ(load().rows, (Rows{"1", "2", "1", "2"}));
  for (const char* name : {"a.csv.gz", "a.csv.zst"}) {
    std::string bytes(fs::file_size(folder_ / name), '\0');
    std::ifstream(folder_ / name, std::ios::binary)
        .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const std::string cut = std::string("cut_") + name;
    file(cut, bytes.substr(0, bytes.size() - 5));
    const Loaded loaded = load();
    ASSERT_TRUE(loaded.error) << name;
    EXPECT_EQ(loaded.error->code, "source.bad_compression");
    EXPECT_NE(loaded.error->message.find(cut), std::string::npos);
    fs::remove(folder_ / cut);
  }
  file("c.csv.gz", "n\n1\n");
  EXPECT_EQ(load().error->code, "source.bad_compression");
}

TEST_F(FilesSourceTest, patterns) {
  file("2013/a.csv", "n\n1\n");
  file("2013/deep/b.csv", "n\n2\n");
  file("top.csv", "n\n3\n");
  file(".hidden.csv", "n\n4\n");
  const auto paths = [&](const std::string& pattern) -> std::string {
    Result<std::vector<FileEntry>> files = list_files(folder_, {pattern}, cancel_);
    if (!files.ok()) return files.error().code;
    std::string list;
    for (const FileEntry& entry : *files)
      list += entry.path + " ";
    return list;
  };
  EXPECT_EQ(paths("*.csv"), "top.csv ");
  EXPECT_EQ(paths("*/*.csv"), "2013/a.csv ");
  EXPECT_EQ(paths("**/*.csv"), "2013/a.csv 2013/deep/b.csv top.csv ");
  EXPECT_EQ(paths("201[0-9]/?.csv"), "2013/a.csv ");
  EXPECT_EQ(paths(".hidden.csv"), ".hidden.csv ");
  EXPECT_EQ(paths("../*.csv"), "source.bad_pattern");
  EXPECT_EQ(paths("a/../../x"), "source.bad_pattern");
  EXPECT_EQ(paths("/etc/passwd"), "source.bad_pattern");
  fs::create_symlink("/etc/hostname", folder_ / "link.txt");
  EXPECT_EQ(paths("*.txt"), "source.outside_folder");
  fs::create_symlink("top.csv", folder_ / "inside.csv");
  EXPECT_EQ(paths("in*.csv"), "inside.csv ");
  options_.patterns = {"none*.csv"};
  EXPECT_EQ(load().error->code, "source.no_files");
  options_.folder = folder_ / "nowhere";
  EXPECT_EQ(load().error->code, "source.folder_missing");
}

TEST_F(FilesSourceTest, json_lines_keep_numbers_as_written) {
  options_.format = FileFormat::json;
  file("a.jsonl",
       "{\"i\": 1, \"price\": 1.10, \"big\": 123456789012345678901234567890, \"s\": \"007\", "
       "\"o\": {\"a\": 1.10}}\n"
       "{\"i\": 2, \"price\": 2.25, \"late\": true, \"s\": \"\\u00e9\\ud83d\\ude00\\n\", \"o\": "
       "\"x\\\"y\"}\r\n"
       "\n{\"i\": null}\n");
  const Loaded loaded = load();
  EXPECT_FALSE(loaded.error) << loaded.error->describe();
  EXPECT_EQ(types_, "i:BIGINT price:DECIMAL(18,2) big:JSON s:VARCHAR o:JSON late:BOOLEAN");
  EXPECT_EQ(loaded.rows, (Rows{"1|1.10|123456789012345678901234567890|007|{\"a\": 1.10}|NULL",
                               "2|2.25|NULL|\xc3\xa9\xf0\x9f\x98\x80\n|\"x\\\"y\"|true",
                               "NULL|NULL|NULL|NULL|NULL|NULL"}));
}

TEST_F(FilesSourceTest, bad_json_lines_are_refused_with_their_line) {
  options_.format = FileFormat::json;
  file("a.jsonl",
       "{\"n\": 1}\n{\"n\": 2\n[1]\n{\"n\": 1, \"n\": 2}\n{\"n\": \"\\ud800\"}\n{\"n\": 01}\nnot "
       "json\n{\"n\": 3} {}\n{\"n\": 4}");
  Loaded loaded = load();
  EXPECT_EQ(loaded.rows, (Rows{"1", "4"}));
  ASSERT_EQ(loaded.refused.size(), 7u);
  EXPECT_EQ(loaded.refused[0].locator, "a.jsonl:2");
  EXPECT_EQ(loaded.raws[0], "{\"n\": 2");
  EXPECT_EQ(loaded.refused[6].locator, "a.jsonl:8");
  file("b.jsonl", "{\"n\": 5}\n{\"n\": 6, \"new\": 1}\n{\"n\": \"7\"}\n{\"n\": 8.0}\n");
  loaded = load();
  EXPECT_EQ(loaded.rows, Rows{"5"});
  ASSERT_EQ(loaded.refused.size(), 3u);
  EXPECT_EQ(loaded.refused[0].column, "new");
}

TEST_F(FilesSourceTest, json_arrays) {
  options_.format = FileFormat::json;
  file("a.json", " [\n{\"n\": 1,\n \"t\": \"]}\\\"\"},\n{\"n\": 2}]\n");
  EXPECT_EQ(load().rows, (Rows{"1|]}\"", "2|NULL"}));
  pinned_.reset();
  progress_ = {};
  for (const char* bad : {"[{\"n\": 1}", "[{\"n\": 1} {\"n\": 2}]", "[{\"n\": 1}] x", "[{\"n\": }]",
                          "[1]", "[{\"n\": [1]"}) {
    file("a.json", bad);
    const Loaded loaded = load();
    ASSERT_TRUE(loaded.error) << bad;
    EXPECT_EQ(loaded.error->code, "source.bad_json") << bad;
  }
  file("a.json", "[]");
  EXPECT_EQ(load().error->code, "source.no_columns");
}

TEST_F(FilesSourceTest, parquet) {
  options_.format = FileFormat::parquet;
  const auto write = [this](const std::string& name, const std::string& select) {
    ASSERT_TRUE(connection_
                    ->execute("COPY (" + select + ") TO '" + (folder_ / name).string() +
                              "' (FORMAT parquet)")
                    .ok());
  };
  write("a.parquet", "SELECT 1 AS n, 'x' AS t");
  EXPECT_EQ(load().rows, Rows{"1|x"});
  write("b.parquet", "SELECT 2 AS n, 'y' AS t");
  EXPECT_EQ(load().rows, Rows{"2|y"});
  write("c.parquet", "SELECT 2 AS n, 5 AS t");
  EXPECT_EQ(load().error->code, "source.header_changed");
  fs::remove(folder_ / "c.parquet");
  const std::string whole(1'000, 'x');
  for (const std::string& bytes : {std::string(), std::string("PAR1") + whole, whole}) {
    file("d.parquet", bytes);
    const Loaded loaded = load();
    ASSERT_TRUE(loaded.error);
    EXPECT_EQ(loaded.error->code, "source.bad_file");
    EXPECT_NE(loaded.error->message.find("d.parquet"), std::string::npos);
  }
}

TEST_F(FilesSourceTest, every_row_is_either_kept_or_refused) {
  std::string text = "n,t\n";
  for (int i = 0; i < 20'000; ++i)
    text += i % 7 == 0 ? std::to_string(i) + "\n" : std::to_string(i) + ",x\n";
  file("a.csv", text);
  const Loaded loaded = load();
  EXPECT_EQ(loaded.rows.size() + loaded.refused.size(), 20'000u);
  EXPECT_EQ(loaded.refused.size(), 2'858u);
}

}  // namespace
}  // namespace tidemark

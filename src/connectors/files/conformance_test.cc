// The suite of sources over files of each format.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "connect/conformance/source_case.h"
#include "connectors/files/files_source.h"

namespace tidemark::conformance {
namespace {

class FilesWorld : public SourceWorld {
 public:
  explicit FilesWorld(FileFormat format) : format_(format) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / ("files_" + std::string(test->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    engine_ = duck::Engine::open({}).value();
    connection_ = engine_->connect().value();
  }
  ~FilesWorld() override { std::filesystem::remove_all(folder_); }

  duck::Connection& engine() override { return *connection_; }

  void add(const std::string& select) override {
    const std::string options = format_ == FileFormat::csv    ? "FORMAT csv, HEADER"
                                : format_ == FileFormat::json ? "FORMAT json"
                                                              : "FORMAT parquet";
    const std::filesystem::path path =
        folder_ / (hostile + std::to_string(files_++) + "." + options.substr(7, 3));
    const Status written = connection_->execute(
        "COPY (" + select + ") TO " + duck::quote_text(path.string()) + " (" + options + ")");
    EXPECT_TRUE(written.ok()) << written.error().describe();
  }

  std::unique_ptr<Source> open(LoadStrategy strategy, const std::string&) override {
    FilesOptions options;
    options.folder = folder_;
    options.patterns = {"*"};
    options.format = format_;
    options.reads_everything = strategy == LoadStrategy::full;
    return std::make_unique<FilesSource>(options, *connection_);
  }

 private:
  FileFormat format_;
  int files_ = 0;
  std::filesystem::path folder_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
};

// Types of text are found from the values, so those that print back.
const std::vector<std::string> texts = {
    "true", "'-9223372036854775808'::BIGINT",        "'007'", "1.25::DECIMAL(9,2)", "''",
    "' '",  "'it''s \\ \" ä, \U0001F600' || chr(10)"};
const std::vector<std::string> columns = {
    "true",
    "'-128'::TINYINT",
    "'-9223372036854775808'::BIGINT",
    "18446744073709551615::UBIGINT",
    "'nan'::DOUBLE",
    "'-0'::DOUBLE",
    "5e-324::DOUBLE",
    "'-0.01'::DECIMAL(4,2)",
    "'-0.99999999999999999999999999999999999999'::DECIMAL(38,38)",
    "''",
    "'it''s \\ ä \U0001F600' || chr(10)",
    "'\\x00\\xFF'::BLOB",
    "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID",
    "'0044-03-15 (BC)'::DATE",
    "'24:00:00'::TIME",
    "'1969-12-31 23:59:59.999999'::TIMESTAMP",
    "'2024-03-31 02:30:00+02'::TIMESTAMPTZ",
    "[1, NULL, 3]::INTEGER[]",
    "[]::VARCHAR[]"};

SourceKind files(FileFormat format, std::vector<std::string> values) {
  return {[format] { return std::make_unique<FilesWorld>(format); }, std::move(values), false,
          format != FileFormat::json};
}

INSTANTIATE_TEST_SUITE_P(Files, SourceReads,
                         testing::ValuesIn(source_reads({files(FileFormat::csv, texts),
                                                         files(FileFormat::json, texts),
                                                         files(FileFormat::parquet, columns)})));

}  // namespace
}  // namespace tidemark::conformance

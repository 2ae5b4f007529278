// The suite of sources over a SQLite file.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "connect/conformance/source_case.h"
#include "connectors/sqlite/source.h"

namespace tidemark::conformance {
namespace {

class SqliteWorld : public SourceWorld {
 public:
  SqliteWorld() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / ("sqlite_" + std::string(test->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "shop.db";
    database_ = std::make_unique<sqlite::Database>(
        sqlite::Database::open({.path = path_.string()}).value());
    engine_ = duck::Engine::open({}).value();
    connection_ = engine_->connect().value();
  }
  ~SqliteWorld() override {
    database_.reset();
    std::filesystem::remove_all(folder_);
  }

  duck::Connection& engine() override { return *connection_; }

  void add(const std::string& select) override {
    const Schema schema = connection_->describe(select).value();
    std::string columns;
    std::string values;
    for (const Column& column : schema.columns) {
      const std::string name = duck::quote_name(column.name);
      columns += (columns.empty() ? "" : ", ") + name + " " + sql_name(column.type);
      // What SQLite reads as a literal.
      values += (values.empty() ? "" : " || ',' || ") + std::string("coalesce(") +
                (column.type.kind == TypeKind::varchar
                     ? "'''' || replace(" + name + ", '''', '''''') || ''''"
                 : column.type.kind == TypeKind::blob ? "'x''' || hex(" + name + ") || ''''"
                                                      : name + "::VARCHAR") +
                ", 'NULL')";
    }
    const std::string table = sqlite::quote_identifier(hostile);
    run("CREATE TABLE IF NOT EXISTS " + table + " (" + columns + ")");
    const auto rows = connection_->query("SELECT " + values + " FROM (" + select + ")");
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    run("BEGIN");
    for (std::size_t row = 0; row < rows->rows(); ++row)
      run("INSERT INTO " + table + " VALUES (" + *rows->text(row, 0) + ")");
    run("COMMIT");
  }

  std::unique_ptr<Source> open(LoadStrategy strategy, const std::string& watermark) override {
    SourceSpec spec;
    spec.input = TableInput{{hostile, {}}};
    if (!watermark.empty()) spec.watermark = Name{watermark, {}};
    return SqliteSource::open(path_.string(), spec, strategy, false).value();
  }

 private:
  void run(const std::string& sql) {
    const Status done = database_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.error().describe();
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
};

// What SQLite stores as it is.
const SourceKind sqlite_file{
    [] { return std::make_unique<SqliteWorld>(); },
    {"true", "'-9223372036854775808'::BIGINT", "9223372036854775807", "5e-324::DOUBLE",
     "0.1::DOUBLE", "''", "'007'", "'it''s \\ \" ä, \U0001F600' || chr(10)", "'\\x00\\xFF'::BLOB",
     "''::BLOB"}};

INSTANTIATE_TEST_SUITE_P(Sqlite, SourceReads, testing::ValuesIn(source_reads({sqlite_file})));

}  // namespace
}  // namespace tidemark::conformance

#include "store/migrations.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "drivers/sqlite/database.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr Migration first{1, "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)"};
constexpr Migration second{2, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1"};
constexpr Migration broken{2, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET nothing = 1"};

class MigrationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-migrations-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::unique_ptr<SqlDatabase> as_store() {
    return std::move(open_sqlite_database(dir_ / "store.db", clock_)).value();
  }
  sqlite::Database open() {
    sqlite::OpenOptions options;
    options.path = (dir_ / "store.db").string();
    return std::move(sqlite::Database::open(options)).value();
  }
  static std::int64_t number(sqlite::Database& database, std::string_view sql) {
    auto rows = database.prepare(sql);
    EXPECT_TRUE(rows.ok() && *rows->step()) << sql;
    return rows->int64_at(0);
  }

  fs::path dir_;
  ManualClock clock_{UtcMicros(0)};
};

TEST_F(MigrationsTest, AnOlderFileIsBroughtForwardWithItsRows) {
  sqlite::Database database = open();
  ASSERT_TRUE(migrate(*as_store(), std::array{first}).ok());
  ASSERT_TRUE(migrate(*as_store(), std::array{first, second}).ok());
  ASSERT_TRUE(migrate(*as_store(), std::array{first, second}).ok());
  EXPECT_EQ(number(database, "SELECT y FROM a"), 2);
  EXPECT_EQ(number(database, "SELECT count(*) FROM tidemark_schema"), 2);
}

TEST_F(MigrationsTest, AFailedStepLeavesTheVersionBefore) {
  sqlite::Database database = open();
  ASSERT_TRUE(migrate(*as_store(), std::array{first}).ok());
  EXPECT_FALSE(migrate(*as_store(), std::array{first, broken}).ok());
  EXPECT_EQ(number(database, "SELECT max(version) FROM tidemark_schema"), 1);
  EXPECT_EQ(number(database, "SELECT count(*) FROM pragma_table_info('a')"), 1);
  ASSERT_TRUE(migrate(*as_store(), std::array{first, second}).ok());
}

TEST_F(MigrationsTest, ANewStoreHasAllStepsOrNone) {
  sqlite::Database database = open();
  EXPECT_FALSE(migrate(*as_store(), std::array{first, broken}).ok());
  EXPECT_EQ(number(database, "SELECT count(*) FROM sqlite_schema"), 0);
  ASSERT_TRUE(migrate(*as_store(), std::array{first, second}).ok());
  EXPECT_EQ(number(database, "SELECT count(*) FROM tidemark_schema"), 2);
}

TEST_F(MigrationsTest, ANewerFileIsRefusedAndLeftAlone) {
  {
    ASSERT_TRUE(SqlStore::open_sqlite(dir_ / "store.db", clock_).ok());
  }
  {
    ASSERT_TRUE(open().execute("INSERT INTO tidemark_schema VALUES (99, 'later', 99)").ok());
  }
  auto store = SqlStore::open_sqlite(dir_ / "store.db", clock_);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, "store.newer");
  EXPECT_NE(store.error().message.find("99"), std::string::npos);
}

TEST_F(MigrationsTest, ALaterVersionThatOnlyAddedIsUsed) {
  const int known = store_migrations().back().version;
  ASSERT_TRUE(SqlStore::open_sqlite(dir_ / "store.db", clock_).ok());
  const Migration adds{known + 1, "ALTER TABLE etl_jobs ADD COLUMN later TEXT", known};
  const Migration breaks{known + 2, "ALTER TABLE etl_jobs DROP COLUMN later"};
  std::vector<Migration> later(store_migrations().begin(), store_migrations().end());
  later.push_back(adds);
  ASSERT_TRUE(migrate(*as_store(), later).ok());
  auto store = SqlStore::open_sqlite(dir_ / "store.db", clock_);
  ASSERT_TRUE(store.ok()) << store.error().describe();
  JobRecord job;
  job.name = JobName("orders");
  EXPECT_TRUE((*store)->upsert_job(job).ok());
  // What was open goes on; what is opened after a step that breaks is refused.
  later.push_back(breaks);
  ASSERT_TRUE(migrate(*as_store(), later).ok());
  EXPECT_TRUE((*store)->list_jobs().ok());
  EXPECT_EQ(SqlStore::open_sqlite(dir_ / "store.db", clock_).error().code, "store.newer");
}

TEST_F(MigrationsTest, AFileWhoseStepsSayNothingIsBroughtForward) {
  sqlite::Database database = open();
  ASSERT_TRUE(
      database
          .execute("CREATE TABLE tidemark_schema (version INTEGER PRIMARY KEY, applied_at TEXT NOT "
                   "NULL) STRICT; CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1); "
                   "INSERT INTO tidemark_schema VALUES (1, 'before')")
          .ok());
  ASSERT_TRUE(migrate(*as_store(), std::array{first, second}).ok());
  EXPECT_EQ(number(database, "SELECT max(compatible_from) FROM tidemark_schema"), 2);
  EXPECT_EQ(migrate(*as_store(), std::array{first}).error().code, "store.newer");
}

TEST_F(MigrationsTest, VersionsHaveNoGaps) {
  int expected = 1;
  for (const Migration& step : store_migrations())
    EXPECT_EQ(step.version, expected++);
}

// Files that released versions wrote; this version must read every one. A new schema version adds
// its own.
TEST_F(MigrationsTest, ReadsTheFilesOfEarlierVersions) {
  std::ifstream file("src/store/testdata/store_v1.sql");
  ASSERT_TRUE(file.good()) << "tests run in the root of the source tree";
  std::stringstream sql;
  sql << file.rdbuf();
  {
    ASSERT_TRUE(open().execute(sql.str()).ok());
  }
  auto store = SqlStore::open_sqlite(dir_ / "store.db", clock_);
  ASSERT_TRUE(store.ok()) << store.error().message;
  auto runs = (*store)->list_runs({});
  ASSERT_TRUE(runs.ok()) << runs.error().message;
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ((*runs)[0].status(), RunStatus::failed);
  EXPECT_EQ((*runs)[0].error->code, "target.refused");
  EXPECT_EQ((*runs)[1].status(), RunStatus::success);
  EXPECT_EQ((*runs)[1].rows_loaded, RowCount(8));
  auto history = (*store)->get_run((*runs)[1].run);
  ASSERT_TRUE(history.ok()) << history.error().message;
  EXPECT_EQ(history->events.size(), 9u);
  EXPECT_EQ((*store)->list_jobs()->front().last_watermark, "c");
}

}  // namespace
}  // namespace tidemark

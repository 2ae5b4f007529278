#include "drivers/sqlite/database.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

namespace tidemark::sqlite {
namespace {

namespace fs = std::filesystem;

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-sqlite-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  OpenOptions options(Access access = Access::create_or_write) const {
    OpenOptions options;
    options.path = (dir_ / "a.db").string();
    options.access = access;
    options.busy_wait = std::chrono::milliseconds(20);
    return options;
  }
  Database opened() {
    auto database = Database::open(options());
    EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.error().message);
    return std::move(database).value();
  }
  static std::int64_t count(Database& database) {
    auto rows = database.prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(rows.ok());
    EXPECT_TRUE(*rows->step());
    return rows->int64_at(0);
  }

  fs::path dir_;
};

TEST_F(DatabaseTest, ValuesComeBackAsTheyWere) {
  Database database = opened();
  ASSERT_TRUE(
      database.execute("CREATE TABLE t (a INTEGER, b REAL, c VARCHAR(20), d BLOB, e)").ok());
  std::string text("a\0b\xff", 4);
  std::array bytes{std::byte{0}, std::byte{255}};
  auto insert = database.prepare("INSERT INTO t VALUES (?, ?, ?, ?, ?)");
  ASSERT_TRUE(insert.ok());
  EXPECT_EQ(insert->parameter_count(), 5);
  insert->bind_int64(0, std::numeric_limits<std::int64_t>::min())
      .bind_double(1, 0.1)
      .bind_text(2, text);
  ASSERT_TRUE(insert->bind_blob(3, bytes).bind_null(4).run().ok());
  ASSERT_TRUE(insert->bind_text(2, "").bind_blob(3, {}).bind_text(4, "x").run().ok());

  auto rows = database.prepare("SELECT a, b, c AS named, d, e, a + 1 FROM t ORDER BY rowid");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->column_count(), 6);
  EXPECT_EQ(rows->column_name(2), "named");
  EXPECT_EQ(rows->declared_type(2), "VARCHAR(20)");
  EXPECT_EQ(rows->declared_type(5), "");
  ASSERT_TRUE(*rows->step());
  EXPECT_EQ(rows->int64_at(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows->double_at(1), 0.1);
  EXPECT_EQ(rows->text_at(2), text);
  EXPECT_EQ(rows->storage_class(2), StorageClass::text);
  ASSERT_EQ(rows->bytes_at(3).size(), 2u);
  EXPECT_EQ(rows->bytes_at(3)[1], std::byte{255});
  EXPECT_TRUE(rows->is_null(4));
  EXPECT_FALSE(rows->optional_text_at(4).has_value());
  ASSERT_TRUE(*rows->step());
  EXPECT_EQ(rows->storage_class(2), StorageClass::text);
  EXPECT_EQ(rows->text_at(2), "");
  EXPECT_EQ(rows->storage_class(3), StorageClass::blob);
  EXPECT_EQ(rows->storage_class(4), StorageClass::text);
  EXPECT_FALSE(*rows->step());
}

TEST_F(DatabaseTest, ATransactionNotCommittedIsGone) {
  Database database = opened();
  ASSERT_TRUE(database.execute("CREATE TABLE t (a)").ok());
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_FALSE(database.in_transaction());
  EXPECT_EQ(count(database), 0);
  {
    auto transaction = Transaction::begin(database);
    ASSERT_TRUE(database.execute("INSERT INTO t VALUES (1)").ok());
    ASSERT_TRUE(transaction->commit().ok());
  }
  EXPECT_EQ(count(database), 1);
  EXPECT_EQ(database.changed_rows(), 1);
}

TEST_F(DatabaseTest, ASecondWriterIsToldBusy) {
  Database first = opened();
  Database second = opened();
  auto held = Transaction::begin(first);
  ASSERT_TRUE(held.ok());
  auto refused = Transaction::begin(second);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "store.busy");
  EXPECT_EQ(refused.error().retry, Retry::backoff);
}

TEST_F(DatabaseTest, ErrorsCarryTheAreaAndFaultOfTheOwner) {
  OpenOptions missing = options(Access::source);
  missing.area = "source";
  missing.fault = Fault::source;
  auto opened_missing = Database::open(missing);
  ASSERT_FALSE(opened_missing.ok());
  EXPECT_EQ(opened_missing.error().code, "source.cannot_open");
  EXPECT_EQ(opened_missing.error().fault, Fault::source);
  EXPECT_FALSE(fs::exists(missing.path));

  std::ofstream(missing.path) << std::string(4096, 'x');
  EXPECT_EQ(Database::open(missing).error().code, "source.not_a_database");
  EXPECT_EQ(Database::open(options()).error().code, "store.not_a_database");
}

TEST_F(DatabaseTest, ASourceCannotBeWritten) {
  {
    ASSERT_TRUE(opened().execute("CREATE TABLE t (a)").ok());
  }
  auto source = Database::open(options(Access::source));
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source->execute("INSERT INTO t VALUES (1)").error().code, "store.read_only");
  EXPECT_EQ(count(*source), 0);
}

TEST_F(DatabaseTest, ADamagedFileIsCorrupt) {
  {
    Database database = opened();
    ASSERT_TRUE(database.execute("CREATE TABLE t (a); PRAGMA wal_checkpoint(TRUNCATE)").ok());
    ASSERT_TRUE(
        database
            .execute(
                "INSERT INTO t VALUES (hex(randomblob(20000))); PRAGMA wal_checkpoint(TRUNCATE)")
            .ok());
  }
  std::fstream file(options().path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\xee');
  file.close();
  auto damaged = Database::open(options());
  Status used =
      damaged.ok() ? damaged->execute("SELECT * FROM t") : Status(std::move(damaged).error());
  ASSERT_FALSE(used.ok());
  EXPECT_EQ(used.error().code, "store.corrupt");
}

TEST_F(DatabaseTest, TheWalOfShortProcessesStaysSmall) {
  {
    ASSERT_TRUE(opened().execute("CREATE TABLE t (a)").ok());
  }
  std::uintmax_t largest = 0;
  for (int i = 0; i < 50; ++i) {
    {
      ASSERT_TRUE(opened().execute("INSERT INTO t VALUES (zeroblob(100000))").ok());
    }
    fs::path wal = options().path + "-wal";
    if (fs::exists(wal)) largest = std::max(largest, fs::file_size(wal));
  }
  EXPECT_LT(largest, 2u << 20);
  Database database = opened();
  EXPECT_EQ(count(database), 50);
}

TEST_F(DatabaseTest, OneStatementIsPrepared) {
  Database database = opened();
  EXPECT_TRUE(database.prepare("SELECT 1; -- and no more").ok());
  EXPECT_EQ(database.prepare("SELECT 1; SELECT 2").error().code, "store.sql_failed");
  EXPECT_EQ(database.prepare("-- nothing").error().code, "store.sql_failed");
  EXPECT_EQ(database.prepare("SELEKT 1").error().code, "store.sql_failed");
}

TEST_F(DatabaseTest, ABadBindIsReportedByStep) {
  Database database = opened();
  auto rows = database.prepare("SELECT ?");
  EXPECT_FALSE(rows->bind_int64(1, 5).step().ok());
  EXPECT_TRUE(*rows->bind_int64(0, 5).step());
}

TEST_F(DatabaseTest, AnotherThreadInterrupts) {
  Interrupter interrupter = opened().interrupter();
  interrupter.interrupt();  // the connection is gone already

  Database database = opened();
  interrupter = database.interrupter();
  std::atomic<bool> ended{false};
  std::thread other([&] {
    while (!ended) {
      interrupter.interrupt();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  auto endless = database.prepare(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
  auto stepped = endless->step();
  ended = true;
  other.join();
  ASSERT_FALSE(stepped.ok());
  EXPECT_EQ(stepped.error().code, "store.interrupted");
}

TEST_F(DatabaseTest, AFullVolumeIsNamed) {
  if (::mount("tmpfs", dir_.c_str(), "tmpfs", 0, "size=400k") != 0) GTEST_SKIP() << "may not mount";
  {
    Database database = opened();
    ASSERT_TRUE(database.execute("CREATE TABLE t (a); INSERT INTO t VALUES ('old')").ok());
    Status written = database.execute("INSERT INTO t VALUES (zeroblob(2000000))");
    EXPECT_FALSE(written.ok());
    if (!written.ok()) {
      EXPECT_EQ(written.error().code, "store.disk_full");
      EXPECT_NE(written.error().hint.find(dir_.string()), std::string::npos)
          << written.error().hint;
    }
    EXPECT_EQ(count(database), 1);
  }
  EXPECT_EQ(::umount(dir_.c_str()), 0);
}

TEST(Identifiers, AreQuoted) {
  EXPECT_EQ(quote_identifier("a\"b; drop"), "\"a\"\"b; drop\"");
  EXPECT_EQ(library_version(), "3.54.1");
}

}  // namespace
}  // namespace tidemark::sqlite

// What the tests of the store share: a store in each system, and time that passes in it.
#pragma once

#include <fixtures/postgres_server.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>

#include "store/postgres_database.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {

enum class System { sqlite, postgres };

inline std::string name_of(const ::testing::TestParamInfo<System>& info) {
  return info.param == System::sqlite ? "Sqlite" : "Postgres";
}

class StoreFixture : public ::testing::TestWithParam<System> {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    if (GetParam() == System::postgres) database_ = server().new_database();
    store_ = open();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  void add_jobs(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      JobRecord record;
      record.name = JobName(name);
      ASSERT_TRUE(store_->upsert_job(record).ok());
    }
  }

  static testing::PostgresServer& server() { return testing::PostgresServer::shared(); }
  // Another store of the same data, as another process would have it.
  std::unique_ptr<SqlStore> open() {
    auto store = GetParam() == System::sqlite ? SqlStore::open_sqlite(dir_ / "store.db", clock_)
                                              : SqlStore::open_postgres(options(), system_clock_);
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().describe());
    return std::move(store).value();
  }
  // A database of its own with the same data, beneath any store.
  std::unique_ptr<SqlDatabase> open_database() {
    auto database = GetParam() == System::sqlite ? open_sqlite_database(dir_ / "store.db", clock_)
                                                 : open_postgres_database(options(), system_clock_);
    EXPECT_TRUE(database.ok()) << (database.ok() ? "" : database.error().describe());
    return std::move(database).value();
  }
  PostgresStoreOptions options() const {
    PostgresStoreOptions options;
    options.conninfo = server().conninfo(database_);
    return options;
  }
  // A server's clock cannot be moved, so there what is stored becomes older.
  void pass(std::chrono::seconds duration) {
    clock_.advance(duration);
    if (GetParam() == System::sqlite) return;
    const auto older = [&](const std::string& table, const std::string& column) {
      server().psql(database_, "update tidemark." + table + " set " + column + " = to_char(" +
                                   column + "::timestamp - interval '" +
                                   std::to_string(duration.count()) +
                                   " s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    };
    older("etl_leases", "expires_at");
    older("etl_leases", "wanted_until");
    older("etl_runs", "run_start");
    older("etl_runs", "run_end");
    older("etl_servers", "seen_at");
  }

  std::filesystem::path dir_;
  std::string database_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  SystemClock system_clock_;
  std::unique_ptr<SqlStore> store_;
};

}  // namespace tidemark

// With it `pread` would be another name of `pread64`, and both are taken over here.
#undef _FILE_OFFSET_BITS

// What a store in SQLite asks of the disk: how often it waits for it, and how much it reads there.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "drivers/sqlite/database.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace {

std::atomic<int> syncs{0};
std::atomic<int> reads{0};

}  // namespace

// In the place of the C library's, for all of this program.
extern "C" {
int fsync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
ssize_t pread64(int file, void* bytes, size_t count, off_t offset) {
  ++reads;
  return ::syscall(SYS_pread64, file, bytes, count, offset);
}
ssize_t pread(int file, void* bytes, size_t count, off_t offset) {
  ++reads;
  return ::syscall(SYS_pread64, file, bytes, count, offset);
}
}

namespace tidemark {
namespace {

namespace fs = std::filesystem;

class DiskUseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-disk-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    store_ = open();
    for (const char* name_of_job : {"orders", "customers"}) {
      JobRecord job;
      job.name = JobName(name_of_job);
      ASSERT_TRUE(store_->upsert_job(job).ok());
    }
  }
  void TearDown() override {
    store_.reset();
    fs::remove_all(dir_);
  }
  fs::path path() const { return dir_ / "store.db"; }
  std::unique_ptr<SqlStore> open() { return SqlStore::open_sqlite(path(), clock_).value(); }
  FireRecord fire(std::int64_t at) const {
    FireRecord fire;
    fire.task = {JobName("orders"), FireTask::run};
    fire.fire = UtcMicros(at);
    fire.owner = "me";
    return fire;
  }
  RunStart start(const std::string& run) const {
    RunStart start;
    start.run = RunId(run);
    start.job = JobName("orders");
    start.started_at = UtcMicros(1);
    return start;
  }

  fs::path dir_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  std::unique_ptr<SqlStore> store_;
};

TEST_F(DiskUseTest, AFireWaitsForTheDiskWithItsRunOnly) {
  syncs = 0;
  FireRecord waits = fire(1'000'000);
  ASSERT_TRUE(store_->take_fire(waits, OnOpen::skip).ok());
  waits.state = FireState::running;
  waits.run = RunId("r1");
  ASSERT_TRUE(store_->update_fire(waits).ok());
  EXPECT_EQ(syncs, 0) << "who dies here has taken it, and a machine that falls here has not";
  EXPECT_EQ(open()->open_fires()->size(), 1u) << "others see it";

  syncs = 0;
  RunFinish end;
  end.run = RunId("r1");
  end.outcome = RunState::skipped;
  JobRecord job;
  job.name = JobName("orders");
  ASSERT_TRUE(store_->record_idle_run(job, start("r1"), end).ok());
  EXPECT_EQ(syncs, 1) << "the run, and the fire before it";
  waits.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(waits).ok());
  EXPECT_EQ(syncs, 1);
  ASSERT_TRUE(store_->begin_run(start("r2")).ok());
  EXPECT_EQ(syncs, 2);
}

TEST_F(DiskUseTest, WhatIsAskedBeforeEachRunDoesNotGrowWithThoseThatFoundNothing) {
  ASSERT_TRUE(store_->begin_run(start("open")).ok());
  store_.reset();
  {
    sqlite::OpenOptions options;
    options.path = path().string();
    auto database = sqlite::Database::open(options).value();
    // A run each ten seconds for some days, after one that loaded.
    const std::string runs =
        "INSERT INTO etl_runs (run_id, job_id, run_start, run_end, status, state, pid, plan_json, "
        "kind) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "SELECT 'idle' || i, j.job_id, printf('2026-%08d', i), printf('2026-%08d', i), 'skipped', "
        "'skipped', 1, '{}', 'run' FROM n, etl_jobs j WHERE j.name = 'orders'";
    const Status filled = database.execute(runs);
    ASSERT_TRUE(filled.ok()) << filled.error().describe();
  }
  store_ = open();
  ASSERT_TRUE(store_->unfinished_runs(JobName("customers")).ok());  // the schema is read by now
  reads = 0;
  EXPECT_EQ(store_->unfinished_runs(JobName("orders"))->size(), 1u);
  EXPECT_EQ(store_->unfinished_runs()->size(), 1u);
  EXPECT_FALSE(store_->last_loaded({JobName("orders"), StreamName("main")})->has_value());
  EXPECT_LT(reads, 60);
}

}  // namespace
}  // namespace tidemark

// Runs over a target that does what the test says, for what no real one does on demand: losing the
// answer to COMMIT.
#include "run/runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <utility>

#include "env/failpoints.h"
#include "run/hand_over.h"
#include "run/recovery.h"
#include "store/sql_store.h"

namespace tidemark {
namespace {

// What the target does, and what it was asked.
struct Script {
  CommitOutcome outcome = CommitOutcome::committed;
  bool arrived = true;  // whether the load is in the ledger when it is asked
  int asked = 0;
  bool reachable = true;  // whether it can be asked
  bool lose_target_at_commit = false;
  int reads = 0;  // of the source
  std::function<void()> before_write;
  std::optional<LedgerRow> head_at_take_over;
  std::vector<LoadRow> commits;
  std::vector<Fence> fences;  // the owners that announced themselves
  std::vector<LedgerRow> heads;
};

class ScriptedLoad : public LoadTxn {
 public:
  explicit ScriptedLoad(Script& script) : script_(script) {}
  Result<RowCount> write(const StagedTable& rows, const LoadTarget&, Cancel&) override {
    if (script_.before_write) script_.before_write();
    return rows.rows;
  }
  Result<RowCount> remove(const Removal&, const LoadTarget&, Cancel&) override {
    return RowCount(0);
  }
  Status quarantine(const StagedTable&, Supersedes, Cancel&) override { return {}; }
  Status close_refused(const StagedTable&, Cancel&) override { return {}; }
  std::int64_t bytes_sent() const override { return 77; }
  Result<CommitOutcome> commit(const LoadRow& load) override {
    script_.commits.push_back(load);
    if (script_.lose_target_at_commit) script_.reachable = false;
    return script_.outcome;
  }
  Result<bool> resolve(const LoadRow&, Cancel&) override {
    ++script_.asked;
    if (!script_.reachable) return target_error("scripted.gone", "gone", Retry::reconnect, "");
    return script_.arrived;
  }

 private:
  Script& script_;
};

class ScriptedSink : public Sink {
 public:
  explicit ScriptedSink(Script& script) : script_(script) {}
  SinkTraits traits() const override { return {}; }
  Result<std::optional<LedgerRow>> committed(const StreamId&, Cancel&) override {
    if (script_.heads.empty()) return std::optional<LedgerRow>();
    return std::optional(script_.heads.front());
  }
  Result<std::vector<LedgerRow>> take_over(const JobName&, Fence token, Cancel&) override {
    if (!script_.reachable) return target_error("scripted.gone", "gone", Retry::reconnect, "");
    script_.fences.push_back(token);
    if (script_.head_at_take_over) script_.heads = {*script_.head_at_take_over};
    return script_.heads;
  }
  Result<std::vector<Position>> history(const StreamId&, Cancel&) override {
    return std::vector<Position>();
  }
  Result<std::vector<SweepRow>> sweeps(const std::string&, Cancel&) override {
    return std::vector<SweepRow>();
  }
  Result<bool> loaded(const StreamId&, const RunId&, Cancel&) override { return script_.arrived; }
  Result<std::string> window_checksum(const StreamId&, Seq, Cancel&) override {
    return std::string();
  }
  Result<std::vector<Seq>> refused_windows(const StreamId&, Cancel&) override {
    return std::vector<Seq>();
  }
  Result<StagedTable> open_refused(const JobName&, const std::optional<StreamName>&,
                                   Cancel&) override {
    return internal_error("scripted.none", "no refused rows here");
  }
  Result<std::optional<Schema>> describe(const std::string&, Cancel&) override {
    if (script_.heads.empty()) return std::optional<Schema>();
    return std::optional(Schema{{{"id", Type::of(TypeKind::int64), true, {}}}, {}});
  }
  Result<TargetRows> rows(const std::string&, Cancel&) override {
    return internal_error("scripted.none", "no rows here");
  }
  Result<LoadPlan> plan(const LoadTarget&, Cancel&) override { return LoadPlan(); }
  Result<std::unique_ptr<LoadTxn>> begin(const LoadKey&, Cancel&) override {
    return std::unique_ptr<LoadTxn>(std::make_unique<ScriptedLoad>(script_));
  }

 private:
  Script& script_;
};

class ThreeRows : public Source {
 public:
  explicit ThreeRows(Script& script) : script_(script) {}
  Result<Schema> discover(Cancel&) override {
    Schema schema;
    schema.columns.push_back({"id", Type::of(TypeKind::int64), true, {}});
    return schema;
  }
  Result<WindowBound> upper(const Progress&, Cancel&) override {
    WindowBound bound;
    bound.window.hi = bound.window.top = Position{"3"};
    return bound;
  }
  Result<std::vector<Split>> split(const Window&, Cancel&) override {
    return std::vector<Split>{{"three rows"}};
  }
  Result<Extraction> open(const Split&, Cancel&) override {
    ++script_.reads;
    return Extraction(EngineScan{{}, "SELECT range AS id FROM range(3)", {}, {}});
  }
  Status verify(const Window&, Cancel&) override { return {}; }

 private:
  Script& script_;
};

// A process that was stopped for a while: the monotonic clock went on.
class StallingClock : public Clock {
 public:
  UtcMicros now_utc() const override { return clock_.now_utc(); }
  std::chrono::nanoseconds monotonic() const override { return clock_.monotonic() + added_.load(); }
  void sleep(std::chrono::milliseconds duration) const override { clock_.sleep(duration); }
  void add(std::chrono::nanoseconds duration) { added_ = added_.load() + duration; }

 private:
  SystemClock clock_;
  std::atomic<std::chrono::nanoseconds> added_{};
};

class ScriptedConnector : public Connector {
 public:
  explicit ScriptedConnector(Script& script) : script_(script) {}
  std::string_view name() const override { return "scripted"; }
  bool is_source() const override { return true; }
  bool is_sink() const override { return true; }
  Result<std::vector<StreamSpec>> streams(const ConnectionSpec&, const SourceSpec& source,
                                          const ConnectorContext&, Cancel&) const override {
    return std::vector<StreamSpec>{{StreamName("numbers"), source}};
  }
  Result<std::unique_ptr<Source>> open_source(const ConnectionSpec&, const StreamSpec&,
                                              LoadStrategy, const ConnectorContext&,
                                              Cancel&) const override {
    return std::unique_ptr<Source>(std::make_unique<ThreeRows>(script_));
  }
  Result<std::unique_ptr<Sink>> open_sink(const ConnectionSpec&, const ConnectorContext&,
                                          Cancel&) const override {
    return std::unique_ptr<Sink>(std::make_unique<ScriptedSink>(script_));
  }

 private:
  Script& script_;
};

class Silent : public RunObserver {
 public:
  void on(const RunEvent&) override {}
};

class RunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    namespace fs = std::filesystem;
    folder_ =
        fs::path(testing::TempDir()) /
        ("runner_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    project_.root = folder_;
    project_.stage.path = "stage";
    project_.segment_bytes = 100'000'000;
    project_.lease = std::chrono::seconds(30);
    ConnectionSpec connection;
    connection.name.value = "system";
    connection.connector = "scripted";
    project_.connections.push_back(connection);
    job_.name = JobName("numbers");
    job_.from.connection.value = job_.to.connection.value = "system";
    job_.from.input = TableInput{{"numbers", {}}};
    job_.to.table.value = "numbers";
    job_.to.load = LoadStrategy::append;
    connectors_.add(std::make_unique<ScriptedConnector>(script_));
    engine_ = duck::Engine::open({}).value();
    guards_ = std::make_unique<Guards>(project_, clock_);
    store_ = SqlStore::open_sqlite(folder_ / "store.db", clock_).value();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  RunnerParts parts() { return parts(clock_); }
  RunnerParts parts(const Clock& clock) {
    return {project_, connectors_, *store_, *engine_, files_,
            clock,    randomness_, silent_, *guards_};
  }
  std::vector<RunRecord> recover(bool go_on) {
    auto runs = recover_runs(parts(),
                             {[&](const JobName&) { return go_on; },
                              [&](const RunRecord& run) {
                                return LeftJob{job_, run.spec_hash == job_.content_hash
                                                         ? std::string()
                                                         : "the job's file has been changed"};
                              }},
                             cancel_);
    EXPECT_TRUE(runs.ok()) << runs.error().describe();
    return runs.ok() ? *runs : std::vector<RunRecord>();
  }
  RunHistory run() {
    Runner runner(parts());
    const RunId id = runner.new_id();
    auto record = runner.run(id, job_, {}, cancel_);
    EXPECT_TRUE(record.ok()) << record.error().describe();
    return store_->get_run(id).value();
  }
  static std::string states(const RunHistory& history) {
    std::string text;
    for (const EventRecord& event : history.events) {
      if (event.stream.get().empty() || !event.state_to) continue;
      text += (text.empty() ? "" : " ") + std::string(to_string(*event.state_to));
    }
    return text;
  }

  std::filesystem::path folder_;
  Script script_;
  ProjectSpec project_;
  JobSpec job_;
  ConnectorRegistry connectors_;
  SystemClock clock_;
  StallingClock stalled_;
  SystemFiles files_;
  SystemRandomness randomness_;
  Silent silent_;
  Cancel cancel_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<Guards> guards_;
  std::unique_ptr<SqlStore> store_;
};

TEST_F(RunnerTest, EachStepIsInTheStoreBeforeTheNext) {
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::success);
  EXPECT_EQ(states(history), "planned extracting staged checked loading committed done");
  EXPECT_EQ(history.run.rows_loaded, RowCount(3));
  EXPECT_EQ(script_.asked, 0);
  ASSERT_EQ(script_.commits.size(), 1U);
  EXPECT_EQ(script_.commits[0].rows, RowCount(3));
  EXPECT_EQ(store_->find_job(job_.name).value()->last_watermark, "3");
}

TEST_F(RunnerTest, WhatARunUsedIsKeptWithIt) {
  const RunHistory history = run();
  ASSERT_TRUE(history.run.use);
  EXPECT_GT(history.run.use->cpu_us, 0);
  EXPECT_GE(history.run.use->bytes_read, 3);
  EXPECT_EQ(history.run.use->bytes_written, 77);
}

TEST_F(RunnerTest, ALostAnswerToCommitIsAskedOfTheLedgerAndFoundThere) {
  script_.outcome = CommitOutcome::unknown;
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::success);
  EXPECT_EQ(states(history),
            "planned extracting staged checked loading commit_unknown committed done");
  EXPECT_EQ(script_.asked, 1);
  EXPECT_EQ(script_.commits.size(), 1U);
  EXPECT_EQ(history.run.rows_loaded, RowCount(3));
}

TEST_F(RunnerTest, ALostAnswerToCommitThatDidNotArriveFailsTheRunAndSaysSo) {
  script_.outcome = CommitOutcome::unknown;
  script_.arrived = false;
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::failed);
  EXPECT_EQ(states(history),
            "planned extracting staged checked loading commit_unknown loading failed");
  ASSERT_TRUE(history.run.error.has_value());
  EXPECT_EQ(history.run.error->code, "target.commit_lost");
  EXPECT_EQ(history.run.error->hint, "run the job again: nothing was loaded");
  EXPECT_EQ(history.run.rows_loaded, RowCount(0));
  EXPECT_EQ(store_->find_job(job_.name).value()->last_watermark, std::nullopt);
}

TEST_F(RunnerTest, ALoadThatIsInIsNotCalledFailedWhereTheStoreCannotBeTold) {
  script_.before_write = [] {
    failpoints::arm(Failpoint::store_commit, 1, [] { return std::optional("enospc"); });
  };
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::running);
  EXPECT_EQ(states(history), "planned extracting staged checked loading");

  const auto recovered = recover(true);
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].status(), RunStatus::success);
  EXPECT_EQ(recovered[0].rows_loaded, RowCount(3));
  EXPECT_EQ(script_.commits.size(), 1U);
}

TEST_F(RunnerTest, ACommitThatNobodyCanTellAboutStaysOpenUntilTheTargetIsAsked) {
  script_.outcome = CommitOutcome::unknown;
  script_.lose_target_at_commit = true;
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::running);
  EXPECT_EQ(states(history), "planned extracting staged checked loading commit_unknown");
  EXPECT_FALSE(store_->find_lease(job_.name).value()->expires_at.has_value());

  // The target is back, and has the load.
  script_.reachable = true;
  script_.lose_target_at_commit = false;
  const auto recovered = recover(true);
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].status(), RunStatus::success);
  EXPECT_EQ(recovered[0].rows_loaded, RowCount(3));
  EXPECT_EQ(script_.commits.size(), 1U);
}

TEST_F(RunnerTest, WhatIsNotInTheTargetIsLoadedFromTheSealedStage) {
  script_.outcome = CommitOutcome::unknown;
  script_.lose_target_at_commit = true;
  run();
  script_.reachable = true;
  script_.lose_target_at_commit = false;
  script_.arrived = false;
  script_.outcome = CommitOutcome::committed;
  const auto recovered = recover(true);
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(states(store_->get_run(recovered[0].run).value()),
            "planned extracting staged checked loading commit_unknown loading retry_wait staged "
            "checked loading committed done");
  EXPECT_EQ(script_.reads, 1);
  ASSERT_EQ(script_.commits.size(), 2U);
  EXPECT_EQ(script_.commits[0].load_id, script_.commits[1].load_id);
  ASSERT_EQ(script_.fences.size(), 2U);
  EXPECT_LT(script_.fences[0], script_.fences[1]);
}

TEST_F(RunnerTest, AJobThatNobodyStartsWaitsForWhoDoes) {
  script_.outcome = CommitOutcome::unknown;
  script_.lose_target_at_commit = true;
  run();
  script_.reachable = true;
  script_.lose_target_at_commit = false;
  script_.arrived = false;
  EXPECT_TRUE(recover(false).empty());
  auto left = store_->unfinished_runs().value();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].state, RunState::retry_wait);
  EXPECT_EQ(left[0].streams[0].error->code, "run.process_died");
  script_.outcome = CommitOutcome::committed;
  EXPECT_EQ(recover(true).size(), 1U);
}

TEST_F(RunnerTest, AJobWhoseFileChangedIsNotLoadedFromWhatTheOldOneRead) {
  script_.outcome = CommitOutcome::unknown;
  script_.lose_target_at_commit = true;
  run();
  script_.reachable = true;
  script_.lose_target_at_commit = false;
  script_.arrived = false;
  job_.content_hash = "another";
  const auto recovered = recover(true);
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].status(), RunStatus::failed);
  EXPECT_EQ(recovered[0].error->code, "run.process_died");
  EXPECT_EQ(script_.commits.size(), 1U);
}

TEST_F(RunnerTest, AJobThatAnotherProcessRunsIsLeftToIt) {
  ASSERT_TRUE(store_->upsert_job(job_record(job_, project_, clock_)).ok());
  const LeaseClaim other{job_.name, RunId("other"), "elsewhere/boot/1/1",
                         std::chrono::milliseconds(60'000), Fence(7)};
  EXPECT_EQ(store_->claim(other).value(), Fence(8));
  Runner runner(parts());
  auto record = runner.run(runner.new_id(), job_, {}, cancel_);
  ASSERT_FALSE(record.ok());
  EXPECT_EQ(record.error().code, "run.leased");
  EXPECT_NE(record.error().message.find("process 1 on elsewhere"), std::string::npos);
  EXPECT_TRUE(script_.commits.empty());
  EXPECT_TRUE(store_->list_runs({}).value().empty());
}

TEST_F(RunnerTest, ARunThatLostItsLeaseWritesNothingMore) {
  script_.before_write = [this] {
    // Stalled for longer than its lease: another one has taken the job meanwhile.
    ASSERT_TRUE(store_->give_back(job_.name, script_.fences.back()).ok());
    ASSERT_TRUE(store_
                    ->claim({job_.name, RunId("other"), "elsewhere/boot/1/1",
                             std::chrono::milliseconds(60'000), Fence(0)})
                    .ok());
    stalled_.add(std::chrono::seconds(25));
  };
  Runner runner(parts(stalled_));
  const RunId id = runner.new_id();
  auto record = runner.run(id, job_, {}, cancel_);
  ASSERT_FALSE(record.ok());
  EXPECT_EQ(record.error().code, "run.lease_lost");
  EXPECT_TRUE(script_.commits.empty());
  EXPECT_EQ(states(store_->get_run(id).value()), "planned extracting staged checked loading");
}

TEST_F(RunnerTest, AStoreThatWasLostGivesNoTokenThatAStageHas) {
  std::filesystem::create_directories(folder_ / "stage/numbers/main/1-4.partial");
  std::filesystem::create_directories(folder_ / "stage/numbers/main/1-6");
  EXPECT_EQ(run().run.status(), RunStatus::success);
  EXPECT_EQ(script_.fences, std::vector<Fence>{Fence(7)});
}

TEST_F(RunnerTest, AWindowThatWasLoadedBetweenPlanAndLeaseIsPlannedAgain) {
  script_.head_at_take_over = LedgerRow{{job_.name, StreamName("main")},
                                        Seq(1),
                                        Fence(1),
                                        {std::nullopt, Position{"2"}, std::nullopt},
                                        RunId("other"),
                                        ""};
  run();
  ASSERT_EQ(script_.commits.size(), 1U);
  EXPECT_EQ(script_.commits[0].seq, Seq(2));
}

TEST_F(RunnerTest, ARepairHasTheLeaseBeforeItCompares) {
  Runner runner(parts());
  const RunId id = runner.new_id();
  bool has_lease = false;
  const auto compare = [&](Planner&, duck::Connection&) -> Result<JobPlan> {
    const auto lease = store_->find_lease(job_.name);
    has_lease = lease.ok() && *lease && (*lease)->run == id && (*lease)->expires_at;
    return source_error("scripted.gone", "it cannot be compared");
  };
  const auto ran = runner.repair(id, job_, compare, cancel_);
  ASSERT_TRUE(ran.ok()) << ran.error().describe();
  EXPECT_EQ(ran->status(), RunStatus::failed);
  EXPECT_TRUE(has_lease);
  EXPECT_FALSE(store_->find_lease(job_.name).value()->expires_at) << "it is given back";
}

TEST_F(RunnerTest, ALoadThatWasThereAlreadyIsASuccess) {
  script_.outcome = CommitOutcome::already_committed;
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::success);
  EXPECT_EQ(states(history), "planned extracting staged checked loading committed done");
}

TEST_F(RunnerTest, ACancelBeforeTheLoadLeavesTheTargetAlone) {
  cancel_.request();
  const RunHistory history = run();
  EXPECT_EQ(history.run.status(), RunStatus::cancelled);
  EXPECT_TRUE(script_.commits.empty());
}

// Over a stage that all servers reach.
class HandedOver : public RunnerTest {
 protected:
  void SetUp() override {
    RunnerTest::SetUp();
    project_.stage.shared = true;
    RunOptions options;
    options.hand_over = &leaves_;
    Runner runner(parts());
    id_ = runner.new_id();
    const auto record = runner.run(id_, job_, options, cancel_);
    ASSERT_TRUE(record.ok()) << record.error().describe();
    ASSERT_TRUE(waits_for_load(*record));
    ASSERT_FALSE(store_->find_lease(job_.name).value()->expires_at) << "it was given back";
  }
  Result<RunRecord> load() {
    const auto job_of = [&](const RunRecord&) { return LeftJob{job_, {}}; };
    return go_on_with(parts(), id_, job_of, {&loads_, true}, cancel_);
  }
  std::string states_now() { return states(store_->get_run(id_).value()); }

  const HandOver leaves_{[](const RunId&) { return false; }, [](const Error&) { return false; }};
  const HandOver loads_{[](const RunId&) { return true; }, [](const Error&) { return true; }};
  RunId id_;
};

TEST_F(HandedOver, IsLoadedFromItsStageAndNotReadAgain) {
  EXPECT_TRUE(recover(false).empty()) << "nobody died";
  EXPECT_EQ(states_now(), "planned extracting staged");
  const auto record = load();
  ASSERT_TRUE(record.ok()) << record.error().describe();
  EXPECT_EQ(states_now(), "planned extracting staged checked loading committed done");
  EXPECT_EQ(script_.reads, 1);
  EXPECT_EQ(script_.commits.size(), 1U);
  EXPECT_LT(script_.fences.at(0), script_.fences.at(1));
}

TEST_F(HandedOver, NoOtherRunOfTheJobLoadsBeforeIt) {
  Runner runner(parts());
  const auto other = runner.run(runner.new_id(), job_, {}, cancel_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, "run.leased");
  EXPECT_NE(other.error().message.find(id_.get()), std::string::npos);
  EXPECT_TRUE(script_.commits.empty());
}

TEST_F(HandedOver, ALoadThatFailedIsTriedAgainFromTheStage) {
  script_.outcome = CommitOutcome::unknown;
  script_.arrived = false;
  const auto failed = load();
  ASSERT_TRUE(failed.ok()) << failed.error().describe();
  EXPECT_TRUE(waits_for_load(*failed));
  EXPECT_EQ(failed->error->code, "target.commit_lost");
  script_.outcome = CommitOutcome::committed;
  EXPECT_EQ(load()->status(), RunStatus::success);
  EXPECT_EQ(script_.reads, 1);
}

TEST_F(HandedOver, WhatItsTargetCannotBeAskedForStays) {
  script_.reachable = false;
  EXPECT_EQ(load().error().code, "scripted.gone");
  EXPECT_EQ(states_now(), "planned extracting staged");
}

TEST_F(HandedOver, WithoutItsStageTheRunEndsAndReadsNothing) {
  std::filesystem::remove_all(folder_ / "stage");
  const auto record = load();
  ASSERT_TRUE(record.ok()) << record.error().describe();
  EXPECT_EQ(record->error->code, "run.no_stage");
  EXPECT_EQ(record->error->retry, Retry::backoff);
  EXPECT_EQ(record->status(), RunStatus::failed);
  EXPECT_EQ(script_.reads, 1);
}

}  // namespace
}  // namespace tidemark

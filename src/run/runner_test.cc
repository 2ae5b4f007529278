// Runs over a target that does what the test says, for what no real one does on demand: losing the
// answer to COMMIT.
#include "run/runner.h"

#include <gtest/gtest.h>

#include <utility>

#include "store/sqlite_store.h"

namespace tidemark {
namespace {

// What the target does, and what it was asked.
struct Script {
  CommitOutcome outcome = CommitOutcome::committed;
  bool arrived = true;  // whether the load is in the ledger when it is asked
  int asked = 0;
  std::vector<LoadRow> commits;
};

class ScriptedLoad : public LoadTxn {
 public:
  explicit ScriptedLoad(Script& script) : script_(script) {}
  Result<RowCount> write(const StagedTable& rows, const LoadTarget&, Cancel&) override {
    return rows.rows;
  }
  Status quarantine(const StagedTable&, Supersedes, Cancel&) override { return {}; }
  Result<CommitOutcome> commit(const LoadRow& load) override {
    script_.commits.push_back(load);
    return script_.outcome;
  }

 private:
  Script& script_;
};

class ScriptedSink : public Sink {
 public:
  explicit ScriptedSink(Script& script) : script_(script) {}
  SinkTraits traits() const override { return {}; }
  Result<std::optional<LedgerRow>> committed(const StreamId&, Cancel&) override {
    return std::optional<LedgerRow>();
  }
  Result<std::vector<Position>> history(const StreamId&, Cancel&) override {
    return std::vector<Position>();
  }
  Result<bool> loaded(const StreamId&, const std::string&, Cancel&) override {
    ++script_.asked;
    return script_.arrived;
  }
  Result<std::optional<Schema>> describe(const std::string&, Cancel&) override {
    return std::optional<Schema>();
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
    return Extraction(EngineScan{{}, "SELECT range AS id FROM range(3)", {}, {}});
  }
  Status verify(const Window&, Cancel&) override { return {}; }
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
    return std::unique_ptr<Source>(std::make_unique<ThreeRows>());
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
    project_.stage = "stage";
    project_.segment_bytes = 100'000'000;
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
    store_ = SqliteStore::open(folder_ / "store.db", clock_).value();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  RunHistory run() {
    Runner runner({project_, connectors_, *store_, *engine_, files_, clock_, randomness_, silent_});
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
  SystemFiles files_;
  SystemRandomness randomness_;
  Silent silent_;
  Cancel cancel_;
  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<SqliteStore> store_;
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

}  // namespace
}  // namespace tidemark

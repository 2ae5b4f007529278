// What the tests of the rules share: a store in a file, a board that keeps what it was told, and
// runs that end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alert/rules.h"
#include "store/sql_store.h"
#include "store/sqlite_database.h"

namespace tidemark {

// What a run read.
struct Read {
  std::int64_t rows = 0;
  std::int64_t rejected = 0;
};

// Whatever holds at the moment, of each scope.
class KeptBoard final : public AlertBoard {
 public:
  Status holds(AlertScope scope, const std::vector<Alert>& now) override {
    told[scope] = now;
    ++times[scope];
    return {};
  }
  std::map<AlertScope, std::vector<Alert>> told;
  std::map<AlertScope, int> times;
};

class RulesTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds second{1};
  static constexpr std::chrono::minutes minute{1};

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-rules-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    store_ = SqlStore::open_sqlite(dir_ / "store.db", clock_).value();
    database_ = open_sqlite_database(dir_ / "store.db", clock_).value();
  }
  void TearDown() override {
    rules_.reset();
    database_.reset();
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  // A job that runs each hour.
  JobSpec& add_job(const std::string& name) {
    auto job = std::make_shared<JobSpec>();
    job->name = JobName(name);
    job->content_hash = name;
    job->schedule.every = std::chrono::hours(1);
    JobRecord record;
    record.name = job->name;
    EXPECT_TRUE(store_->upsert_job(record).ok());
    specs_.push_back(job);
    return *job;
  }

  AlertRules& rules() {
    if (!rules_) start_anew();
    return *rules_;
  }
  // As after a restart.
  void start_anew() {
    const AlertRulesParts parts{*database_, clock_, board_,
                                [this] { return std::optional(clock_.monotonic() - silent_); },
                                [this] { return sight_; }};
    AlertRulesOptions options;
    options.server = server_;
    options.name = server_;
    options.shared = shared_;
    rules_ = std::make_unique<AlertRules>(parts, settings_, options);
    rules_->set_jobs({specs_.begin(), specs_.end()});
  }

  // What is told now of that rule, after a look.
  std::vector<Alert> told(const std::string& rule) {
    const Status looked = rules().look();
    EXPECT_TRUE(looked.ok()) << (looked.ok() ? "" : looked.error().describe());
    return kept(rule);
  }
  std::vector<Alert> kept(const std::string& rule) const {
    std::vector<Alert> found;
    for (const auto& [scope, alerts] : board_.told) {
      std::copy_if(alerts.begin(), alerts.end(), std::back_inserter(found),
                   [&](const Alert& alert) { return alert.key.rule == rule; });
    }
    return found;
  }

  RunId begin_run(const std::string& job, const PlanSigns& signs = {},
                  RunKind kind = RunKind::run) {
    RunStart start;
    start.run = RunId("r" + std::to_string(++runs_));
    start.job = JobName(job);
    start.kind = kind;
    start.streams.push_back({StreamName("main"), Seq(runs_), Fence(1), Window{}, ""});
    start.signs = signs;
    EXPECT_TRUE(store_->begin_run(start).ok());
    return start.run;
  }
  void end_run(const RunId& run, RunState state, const char* code = "", Read read = {}) {
    StreamMark mark{RunState::planned, 1, Fence(1)};
    const auto move = [&](RunState to) {
      Transition step;
      step.run = run;
      step.stream = StreamName("main");
      step.expected = mark;
      step.to = to;
      step.counts.emplace();
      step.counts->rows_read = RowCount(read.rows);
      step.counts->rows_rejected = RowCount(read.rejected);
      return step;
    };
    if (state == RunState::done) {
      for (const RunState to : {RunState::extracting, RunState::staged, RunState::checked,
                                RunState::loading, RunState::committed}) {
        const auto moved = store_->transition(move(to));
        ASSERT_TRUE(moved.ok()) << moved.error().describe();
        mark = *moved;
      }
    }
    RunFinish finish;
    finish.run = run;
    finish.outcome = state;
    if (*code != '\0') finish.error = internal_error(code, "no");
    finish.last_steps.push_back(move(state));
    const Status finished = store_->finish_run(finish);
    ASSERT_TRUE(finished.ok()) << finished.error().describe();
  }
  // One that took no time.
  RunId run(const std::string& job, RunState state, const char* code = "",
            const PlanSigns& signs = {}, RunKind kind = RunKind::run) {
    const RunId id = begin_run(job, signs, kind);
    end_run(id, state, code);
    return id;
  }
  FireRecord take_fire(const std::string& job, UtcMicros at) {
    FireRecord fire = new_fire(JobName(job), at, "here");
    EXPECT_TRUE(store_->take_fire(fire, OnOpen::queue)->taken);
    return fire;
  }
  void set(FireRecord& fire, FireState state, std::int64_t attempts) {
    fire.state = state;
    fire.attempts = attempts;
    EXPECT_TRUE(store_->update_fire(fire).ok());
  }
  // The full hour before now.
  UtcMicros hour() const {
    const std::int64_t now = clock_.now_utc().get();
    return UtcMicros(now - now % 3'600'000'000);
  }

  std::filesystem::path dir_;
  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};  // 2026-11-21T14:00:00Z
  std::unique_ptr<SqlStore> store_;
  std::unique_ptr<SqlDatabase> database_;
  std::vector<std::shared_ptr<JobSpec>> specs_;
  KeptBoard board_;
  ServerSight sight_;
  std::chrono::nanoseconds silent_{0};  // the loop of the service
  AlertRulesSpec settings_ = AlertRulesSpec::defaults();
  std::string server_ = "here";
  bool shared_ = false;
  std::unique_ptr<AlertRules> rules_;
  int runs_ = 0;
};

}  // namespace tidemark

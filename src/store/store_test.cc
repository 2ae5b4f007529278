#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "env/process.h"
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

class StoreTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ASSERT_TRUE(store_->upsert_job(job()).ok());
  }
  static JobRecord job(const std::string& name = "orders") {
    JobRecord job;
    job.name = JobName(name);
    job.source_dsn = "host=db dbname=shop";
    job.target_table = "mart.orders";
    job.load_strategy = StoredStrategy::upsert;
    job.watermark_col = "updated_at";
    job.spec_hash = "h1";
    return job;
  }
  static PlannedStream plan(const std::string& stream = "orders") {
    return {StreamName(stream), Seq(3), Fence(7),
            Window{std::nullopt, Position{"b"}, Position{"c"}}};
  }
  RunStart start(const std::string& run, std::vector<PlannedStream> streams = {plan()}) {
    pass(std::chrono::seconds(1));
    return {RunId(run),       JobName("orders"), RunKind::run,      "h1", 42, {},
            Guarantee::exact, "{\"plan\":1}",    std::move(streams)};
  }
  static Transition step(const std::string& run, StreamMark from, RunState to) {
    Transition step;
    step.run = RunId(run);
    step.stream = StreamName("orders");
    step.expected = from;
    step.to = to;
    return step;
  }
  // Moves the stream on, state by state.
  StreamMark walk(const std::string& run, StreamMark mark, std::vector<RunState> states) {
    for (RunState state : states) {
      auto moved = store_->transition(step(run, mark, state));
      EXPECT_TRUE(moved.ok()) << (moved.ok() ? "" : moved.error().message);
      if (moved.ok()) mark = *moved;
    }
    return mark;
  }
  std::string error_of(const Transition& step) {
    auto moved = store_->transition(step);
    return moved.ok() ? "" : moved.error().code;
  }

  const StreamMark planned_{RunState::planned, 1, Fence(7)};
};

TEST_P(StoreTest, AJobKeepsItsWatermarkWhenItsFileChanges) {
  EXPECT_EQ(job_id_of(JobName("orders")).get(), job_id_of(JobName("orders")).get());
  EXPECT_NE(job_id_of(JobName("orders")).get(), job_id_of(JobName("order")).get());
  ASSERT_TRUE(store_->set_last_watermark(JobName("orders"), "2026-01-01").ok());
  JobRecord changed = job();
  changed.target_table = "mart.orders_v2";
  changed.enabled = false;
  ASSERT_TRUE(store_->upsert_job(changed).ok());
  auto found = store_->find_job(JobName("orders"));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->target_table, "mart.orders_v2");
  EXPECT_EQ((*found)->last_watermark, "2026-01-01");
  EXPECT_FALSE((*found)->enabled);
  EXPECT_EQ((*found)->load_strategy, StoredStrategy::upsert);
  EXPECT_FALSE(store_->find_job(JobName("none"))->has_value());
  EXPECT_EQ(store_->set_last_watermark(JobName("none"), "x").error().code, "store.unknown_job");
  EXPECT_EQ(store_->list_jobs()->size(), 1u);
}

TEST_P(StoreTest, WhatAJobSaidIsKeptForEachVersion) {
  JobRecord changed = job();
  changed.spec_hash = "h2";
  changed.spec_text = "{\"jobs/orders.yaml\":\"from: b\"}";
  ASSERT_TRUE(store_->upsert_job(changed).ok());
  ASSERT_TRUE(store_->begin_run(start("r2")).ok());
  EXPECT_EQ(store_->spec_text("h2").value(), changed.spec_text);
  EXPECT_TRUE(store_->spec_text("h1")->has_value());
  EXPECT_FALSE(store_->spec_text("h3")->has_value());
  EXPECT_EQ(store_->get_run(RunId("r2"))->run.spec_hash, "h1") << "as the run says, not the job";
}

TEST_P(StoreTest, UnfinishedRunsAreThoseOfAJobOrOfAllOldestFirst) {
  add_jobs({"zebras", "ants"});
  const auto begin = [&](const char* run, const char* job, std::int64_t at) {
    RunStart one = start(run);
    one.job = JobName(job);
    one.started_at = UtcMicros(at);
    return store_->begin_run(one);
  };
  ASSERT_TRUE(begin("r1", "zebras", 1'000'000).ok());
  ASSERT_TRUE(begin("r2", "ants", 2'000'000).ok());
  ASSERT_TRUE(begin("r3", "zebras", 3'000'000).ok());
  const auto ids = [](const std::vector<RunRecord>& runs) {
    std::vector<std::string> found;
    for (const RunRecord& run : runs)
      found.push_back(run.run.get());
    return found;
  };
  EXPECT_EQ(ids(store_->unfinished_runs().value()), (std::vector<std::string>{"r1", "r2", "r3"}));
  EXPECT_EQ(ids(store_->unfinished_runs(JobName("zebras")).value()),
            (std::vector<std::string>{"r1", "r3"}));
  EXPECT_TRUE(store_->unfinished_runs(JobName("orders"))->empty());
}

TEST_P(StoreTest, TheWindowIsStoredWhenTheRunBegins) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  auto unfinished = open()->unfinished_runs();
  ASSERT_TRUE(unfinished.ok());
  ASSERT_EQ(unfinished->size(), 1u);
  const RunRecord& run = unfinished->front();
  EXPECT_EQ(run.run, RunId("r1"));
  EXPECT_EQ(run.job, JobName("orders"));
  EXPECT_EQ(run.state, RunState::planned);
  EXPECT_EQ(run.status(), RunStatus::running);
  EXPECT_EQ(run.guarantee, Guarantee::exact);
  EXPECT_EQ(run.pid, 42);
  ASSERT_EQ(run.streams.size(), 1u);
  EXPECT_EQ(run.streams[0].mark, planned_);
  EXPECT_EQ(run.streams[0].window, plan().window);
  EXPECT_EQ(run.streams[0].seq, Seq(3));
}

TEST_P(StoreTest, AWholeRunIsToldBySumsAndEvents) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  StreamMark mark = walk("r1", planned_, {RunState::extracting});
  Transition staged = step("r1", mark, RunState::staged);
  staged.counts =
      StreamCounts{RowCount(10), RowCount(9), RowCount(0), RowCount(1), RowCount(0), 1234};
  staged.stage_dir = "stage/orders/orders/3-7";
  staged.message = "sealed";
  mark = *store_->transition(staged);
  EXPECT_EQ(mark.version, 3);
  mark = walk("r1", mark, {RunState::checked, RunState::loading});
  Transition committed = step("r1", mark, RunState::committed);
  committed.counts =
      StreamCounts{RowCount(10), RowCount(9), RowCount(8), RowCount(2), RowCount(8), 1234};
  mark = *store_->transition(committed);

  RunFinish finish{
      RunId("r1"), RunState::done, std::nullopt, "c", {step("r1", mark, RunState::done)}, "8 rows"};
  pass(std::chrono::seconds(5));
  ASSERT_TRUE(store_->finish_run(finish).ok());

  auto history = store_->get_run(RunId("r1"));
  ASSERT_TRUE(history.ok()) << history.error().message;
  const RunRecord& run = history->run;
  EXPECT_EQ(run.status(), RunStatus::success);
  EXPECT_EQ(run.rows_read, RowCount(10));
  EXPECT_EQ(run.rows_loaded, RowCount(8));
  EXPECT_EQ(run.rows_rejected, RowCount(2));
  EXPECT_EQ(run.bytes_staged, 1234);
  EXPECT_EQ(run.watermark_snapshot, "c");
  EXPECT_EQ(run.plan_json, "{\"plan\":1}");
  EXPECT_GE(run.ended_at->get() - run.started_at.get(), 5'000'000);
  EXPECT_LT(run.ended_at->get() - run.started_at.get(), 60'000'000);
  EXPECT_EQ(run.streams[0].stage_dir, "stage/orders/orders/3-7");
  EXPECT_EQ(run.streams[0].counts, *committed.counts);
  EXPECT_EQ(run.streams[0].mark.state, RunState::done);
  EXPECT_TRUE(run.streams[0].ended_at.has_value());
  ASSERT_EQ(history->events.size(), 9u);
  for (std::size_t i = 0; i < history->events.size(); ++i) {
    EXPECT_EQ(history->events[i].number, static_cast<std::int64_t>(i) + 1);
  }
  EXPECT_EQ(history->events[3].state_from, RunState::extracting);
  EXPECT_EQ(history->events[3].state_to, RunState::staged);
  EXPECT_EQ(history->events[3].step, "stage");
  EXPECT_EQ(history->events[3].message, "sealed");
  EXPECT_TRUE(store_->unfinished_runs()->empty());
  EXPECT_EQ(store_->finish_run(finish).error().code, "store.stale");
}

TEST_P(StoreTest, ABlockedWindowWaitsUntilALaterRunLoadsItsStream) {
  const auto blocked = [&](const std::string& run, const std::string& stream) {
    ASSERT_TRUE(store_->begin_run(start(run, {plan(stream)})).ok());
    Transition end = step(run, planned_, RunState::blocked);
    end.stream = StreamName(stream);
    ASSERT_TRUE(store_->transition(end).ok());
    ASSERT_TRUE(store_->finish_run({RunId(run), RunState::blocked, {}, {}, {}, ""}).ok());
  };
  const auto windows = [&] { return store_->blocked_windows(JobName("orders")).value(); };
  blocked("r1", "orders");
  blocked("r2", "items");
  const RunWindow orders{RunId("r1"), StreamName("orders"), Seq(3)};
  const RunWindow items{RunId("r2"), StreamName("items"), Seq(3)};
  EXPECT_EQ(windows(), (std::vector{orders, items}));
  // A run that fails, or that has not ended well yet, settles nothing.
  ASSERT_TRUE(store_->begin_run(start("r3")).ok());
  StreamMark mark = walk("r3", planned_,
                         {RunState::extracting, RunState::staged, RunState::checked,
                          RunState::loading, RunState::committed});
  EXPECT_EQ(windows(), (std::vector{orders, items}));
  walk("r3", mark, {RunState::done});
  EXPECT_EQ(windows(), std::vector{items});
  EXPECT_TRUE(store_->blocked_windows(JobName("other"))->empty());
}

TEST_P(StoreTest, WhatWasLoadedLastIsOfTheStreamAndEndedWell) {
  const auto loaded = [&](const std::string& stream) {
    return store_->last_loaded({JobName("orders"), StreamName(stream)}).value();
  };
  EXPECT_EQ(loaded("orders"), std::nullopt);
  const std::vector<RunState> to_done = {RunState::extracting, RunState::staged,
                                         RunState::checked,    RunState::loading,
                                         RunState::committed,  RunState::done};
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  walk("r1", planned_, to_done);
  ASSERT_TRUE(store_->begin_run(start("r2")).ok());
  walk("r2", planned_, {RunState::extracting, RunState::failed});
  EXPECT_EQ(loaded("orders"), (RunWindow{RunId("r1"), StreamName("orders"), Seq(3)}));
  EXPECT_EQ(loaded("items"), std::nullopt);
  EXPECT_EQ(*store_->last_loaded({JobName("other"), StreamName("orders")}), std::nullopt);
}

TEST_P(StoreTest, AStaleMarkChangesNothing) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  StreamMark mark = walk("r1", planned_, {RunState::extracting});
  EXPECT_EQ(error_of(step("r1", planned_, RunState::extracting)), "store.stale");
  StreamMark old_version = mark;
  old_version.version -= 1;
  EXPECT_EQ(error_of(step("r1", old_version, RunState::staged)), "store.stale");
  StreamMark other_fence = mark;
  other_fence.fence = Fence(8);
  EXPECT_EQ(error_of(step("r1", other_fence, RunState::staged)), "store.stale");
  StreamMark other_state = mark;
  other_state.state = RunState::staged;
  EXPECT_EQ(error_of(step("r1", other_state, RunState::checked)), "store.stale");
  EXPECT_EQ(error_of(step("none", mark, RunState::staged)), "run.unknown");

  auto history = store_->get_run(RunId("r1"));
  EXPECT_EQ(history->run.streams[0].mark, mark);
  EXPECT_EQ(history->events.size(), 3u);
}

TEST_P(StoreTest, AnIllegalTransitionChangesNothing) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  EXPECT_EQ(error_of(step("r1", planned_, RunState::done)), "store.illegal_transition");
  EXPECT_EQ(error_of(step("r1", planned_, RunState::committed)), "store.illegal_transition");
  EXPECT_EQ(store_->get_run(RunId("r1"))->run.streams[0].mark, planned_);
}

TEST_P(StoreTest, OfManyThreadsOneMovesTheStream) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  std::atomic<int> moved{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (store_->transition(step("r1", planned_, RunState::extracting)).ok()) ++moved;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(moved, 1);
}

TEST_P(StoreTest, ARunEndsOnlyWithItsStreamsAndNoBetter) {
  ASSERT_TRUE(store_->begin_run(start("r1", {plan("orders"), plan("items")})).ok());
  RunFinish finish{RunId("r1"), RunState::done};
  EXPECT_EQ(store_->finish_run(finish).error().code, "store.stream_open");
  Error error = target_error("target.refused", "it is read-only", Retry::never, "grant the right");
  Transition failed = step("r1", planned_, RunState::failed);
  failed.error = std::move(error).with_context("loading orders");
  Transition skipped = step("r1", planned_, RunState::skipped);
  skipped.stream = StreamName("items");
  finish.last_steps = {failed, skipped};
  EXPECT_EQ(store_->finish_run(finish).error().code, "store.illegal_transition");
  finish.outcome = RunState::extracting;
  EXPECT_EQ(store_->finish_run(finish).error().code, "store.illegal_transition");
  // Nothing of the refused ends was kept.
  EXPECT_EQ(store_->get_run(RunId("r1"))->run.state, RunState::planned);

  finish.outcome = RunState::failed;
  finish.error = failed.error;
  ASSERT_TRUE(store_->finish_run(finish).ok());
  auto history = store_->get_run(RunId("r1"));
  EXPECT_EQ(history->run.status(), RunStatus::failed);
  EXPECT_EQ(history->run.error->code, "target.refused");
  EXPECT_EQ(history->run.error->fault, "target");
  EXPECT_EQ(history->run.error->message, "it is read-only (while loading orders)");
  EXPECT_EQ(history->run.error->hint, "grant the right");
  EXPECT_EQ(history->run.streams[1].error->code, "target.refused");
  EXPECT_FALSE(history->run.streams[0].error.has_value());
  EXPECT_EQ(error_of(step("r1", planned_, RunState::extracting)), "store.stale");
}

TEST_P(StoreTest, ARetryCountsAsAnotherAttemptAndClearsTheError) {
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  Transition waiting = step("r1", planned_, RunState::retry_wait);
  waiting.error = source_error("source.gone", "the server went away", Retry::reconnect);
  StreamMark mark = *store_->transition(waiting);
  EXPECT_EQ(store_->last_run(JobName("orders"))->value().streams[0].error->code, "source.gone");
  walk("r1", mark, {RunState::planned, RunState::extracting});
  RunRecord run = store_->last_run(JobName("orders"))->value();
  EXPECT_EQ(run.attempt, 2);
  EXPECT_EQ(run.streams[0].attempt, 2);
  EXPECT_FALSE(run.streams[0].error.has_value());
}

TEST_P(StoreTest, AStreamMayBeFoundLater) {
  ASSERT_TRUE(store_->begin_run(start("r1", {})).ok());
  EXPECT_EQ(store_->get_run(RunId("r1"))->run.state, RunState::claimed);
  auto mark = store_->plan_stream(RunId("r1"), plan());
  ASSERT_TRUE(mark.ok()) << mark.error().message;
  EXPECT_EQ(*mark, planned_);
  EXPECT_FALSE(store_->plan_stream(RunId("r1"), plan()).ok());
  EXPECT_EQ(store_->plan_stream(RunId("none"), plan()).error().code, "run.unknown");
  EXPECT_EQ(store_->get_run(RunId("r1"))->run.state, RunState::planned);
}

TEST_P(StoreTest, AnIdleRunIsRecordedAtOnce) {
  RunFinish finish{
      RunId("r1"), RunState::skipped, std::nullopt, "c", {step("r1", planned_, RunState::skipped)},
      "idle"};
  JobRecord changed = job();
  changed.spec_hash = "h2";
  ASSERT_TRUE(store_->record_idle_run(changed, start("r1"), finish).ok());
  auto run = store_->last_run(JobName("orders"));
  EXPECT_EQ((*run)->status(), RunStatus::skipped);
  EXPECT_EQ((*run)->streams[0].mark.state, RunState::skipped);
  EXPECT_EQ((*store_->find_job(JobName("orders")))->spec_hash, "h2");
}

TEST_P(StoreTest, OldRunsAreForgottenButThoseThatSomebodyAsksFor) {
  const auto idle = [&](const std::string& run) {
    RunFinish finish{
        RunId(run), RunState::skipped, {}, {}, {step(run, planned_, RunState::skipped)}, ""};
    ASSERT_TRUE(store_->record_idle_run(job(), start(run), finish).ok());
  };
  const auto ended = [&](const std::string& run, std::int64_t seq, RunState as) {
    PlannedStream window = plan();
    window.seq = Seq(seq);
    ASSERT_TRUE(store_->begin_run(start(run, {window})).ok());
    std::vector<RunState> states{RunState::blocked};
    if (as == RunState::done) {
      states = {RunState::extracting, RunState::staged,    RunState::checked,
                RunState::loading,    RunState::committed, RunState::done};
    }
    walk(run, planned_, states);
    ASSERT_TRUE(store_->finish_run({RunId(run), as, {}, {}, {}, ""}).ok());
  };
  ended("loaded1", 1, RunState::done);
  idle("idle1");
  ended("blocked1", 2, RunState::blocked);
  ended("loaded2", 2, RunState::done);
  ended("blocked2", 3, RunState::blocked);
  idle("idle2");
  idle("idle3");
  ASSERT_TRUE(store_->begin_run(start("left", {})).ok());
  idle("idle4");
  idle("newest");
  const UtcMicros all(4'000'000'000'000'000);
  const auto forget = [&](const OldRuns& old, int limit) {
    return store_->forget_runs(old, limit).value();
  };
  const auto kept = [&] {
    std::vector<std::string> runs;
    const std::vector<RunRecord> found = store_->list_runs({}).value();
    for (const RunRecord& run : found)
      runs.push_back(run.run.get());
    return runs;
  };
  EXPECT_EQ(forget({}, 100), 0);
  EXPECT_EQ(forget({UtcMicros(1), UtcMicros(1)}, 100), 0);
  EXPECT_EQ(forget({all, {}}, 3), 3);
  EXPECT_EQ(kept(), (std::vector<std::string>{"newest", "idle4", "left", "blocked2", "loaded2",
                                              "blocked1", "loaded1"}));
  EXPECT_EQ(forget({all, {}}, 3), 1);
  // What was blocked waits as long as no later window was loaded.
  EXPECT_EQ(forget({{}, all}, 100), 1);
  EXPECT_EQ(kept(),
            (std::vector<std::string>{"newest", "left", "blocked2", "loaded2", "blocked1"}));
  EXPECT_EQ(store_->last_loaded({JobName("orders"), StreamName("orders")}).value()->run,
            RunId("loaded2"));
  EXPECT_EQ(store_->blocked_windows(JobName("orders"))->size(), 1U);
  ended("loaded3", 3, RunState::done);
  EXPECT_EQ(forget({all, all}, 100), 3);
  EXPECT_EQ(kept(), (std::vector<std::string>{"loaded3", "left", "blocked2"}));
  EXPECT_EQ(store_->get_run(RunId("loaded1")).error().code, "run.unknown");
}

TEST_P(StoreTest, HistoryIsNewestFirstAndPaged) {
  ASSERT_TRUE(store_->upsert_job(job("items")).ok());
  for (int i = 0; i < 5; ++i) {
    RunStart begun = start("r" + std::to_string(i), {});
    if (i == 2) begun.job = JobName("items");
    ASSERT_TRUE(store_->begin_run(begun).ok());
  }
  auto ids = [this](RunFilter filter) {
    std::string text;
    auto runs = store_->list_runs(filter);
    for (const RunRecord& run : *runs)
      text += run.run.get() + " ";
    return text;
  };
  EXPECT_EQ(ids({}), "r4 r3 r2 r1 r0 ");
  EXPECT_EQ(ids({.limit = 2}), "r4 r3 ");
  EXPECT_EQ(ids({.limit = 2, .before = RunId("r3")}), "r2 r1 ");
  EXPECT_EQ(ids({.job = JobName("orders")}), "r4 r3 r1 r0 ");
  EXPECT_EQ(ids({.job = JobName("orders"), .before = RunId("r3")}), "r1 r0 ");
  EXPECT_EQ(ids({.job = JobName("none")}), "");
  EXPECT_EQ(store_->list_runs({.before = RunId("none")}).error().code, "run.unknown");
  EXPECT_EQ(store_->get_run(RunId("none")).error().code, "run.unknown");
  EXPECT_EQ((*store_->last_run(JobName("items")))->run, RunId("r2"));
  EXPECT_FALSE(store_->last_run(JobName("none"))->has_value());
}

TEST_P(StoreTest, ARunNeedsItsJobAndAnIdOfItsOwn) {
  RunStart unknown = start("r1");
  unknown.job = JobName("none");
  EXPECT_EQ(store_->begin_run(unknown).error().code, "store.unknown_job");
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  EXPECT_EQ(store_->begin_run(start("r1")).error().code, "store.constraint");
}

LeaseClaim claim_of(const std::string& run, std::int64_t above = 0,
                    const std::string& holder = "elsewhere/boot/1/1") {
  return {JobName("orders"), RunId(run), holder, std::chrono::milliseconds(30'000), Fence(above)};
}

TEST_P(StoreTest, ALeaseIsOnesOnlyUntilItEnds) {
  EXPECT_FALSE(store_->find_lease(JobName("orders")).value().has_value());
  EXPECT_EQ(store_->claim(claim_of("r1")).value(), Fence(1));
  EXPECT_EQ(store_->claim(claim_of("r2")).error().code, "run.leased");
  pass(std::chrono::seconds(20));
  ASSERT_TRUE(store_->renew(JobName("orders"), Fence(1), std::chrono::seconds(30)).ok());
  pass(std::chrono::seconds(20));
  EXPECT_EQ(store_->claim(claim_of("r2")).error().code, "run.leased");
  pass(std::chrono::seconds(10));
  EXPECT_EQ(store_->claim(claim_of("r2", 6)).value(), Fence(7));
  EXPECT_EQ(store_->renew(JobName("orders"), Fence(1), std::chrono::seconds(30)).error().code,
            "run.lease_lost");
  ASSERT_TRUE(store_->give_back(JobName("orders"), Fence(1)).ok());
  EXPECT_EQ(store_->claim(claim_of("r3")).error().code, "run.leased");
  ASSERT_TRUE(store_->give_back(JobName("orders"), Fence(7)).ok());
  EXPECT_EQ(store_->claim(claim_of("r3")).value(), Fence(8));
}

TEST_P(StoreTest, OfManyThreadsAndServersOneClaimsTheLease) {
  const auto other = open();
  for (std::int64_t turn = 1; turn <= 3; ++turn) {
    std::atomic<int> claimed{0};
    std::atomic<int> leased{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        SqlStore& store = i % 2 == 0 ? *store_ : *other;
        const auto token = store.claim(claim_of("r" + std::to_string(i)));
        if (token.ok() && *token == Fence(turn)) ++claimed;
        if (!token.ok() && token.error().code == "run.leased") ++leased;
      });
    }
    for (std::thread& thread : threads)
      thread.join();
    EXPECT_EQ(claimed, 1);
    EXPECT_EQ(leased, 7);
    ASSERT_TRUE(store_->give_back(JobName("orders"), Fence(turn)).ok());
  }
}

// Each thread has a run of its own; what they write is in each other's way at most.
TEST_P(StoreTest, RunsOfManyThreadsAndServersLoseNoStep) {
  const auto other = open();
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    RunStart begun = start("r" + std::to_string(i));
    threads.emplace_back([&, begun, i] {
      SqlStore& store = i % 2 == 0 ? *store_ : *other;
      if (!store.begin_run(begun).ok()) ++failed;
      StreamMark mark = planned_;
      for (RunState state : {RunState::extracting, RunState::staged, RunState::checked}) {
        auto moved = store.transition(step(begun.run.get(), mark, state));
        if (!moved.ok()) ++failed;
        if (moved.ok()) mark = *moved;
      }
      RunFinish finish;
      finish.run = begun.run;
      finish.outcome = RunState::failed;
      finish.last_steps.push_back(step(begun.run.get(), mark, RunState::failed));
      if (!store.finish_run(finish).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(store_->unfinished_runs()->empty());
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(store_->get_run(RunId("r" + std::to_string(i)))->events.size(), 7U);
}

TEST_P(StoreTest, ALeaseOfAProcessThatIsGoneIsFree) {
  std::string gone = this_process();
  gone.back() = gone.back() == '1' ? '2' : '1';
  EXPECT_EQ(store_->claim(claim_of("r1", 0, gone)).value(), Fence(1));
  EXPECT_EQ(store_->claim(claim_of("r2", 0, this_process())).value(), Fence(2));
  EXPECT_EQ(store_->claim(claim_of("r3")).error().code, "run.leased");
}

TEST_P(StoreTest, ARunThatWasTakenOverIsMovedByItsNewOwnerOnly) {
  ASSERT_TRUE(store_->begin_run(start("r1", {plan("orders"), plan("lines")})).ok());
  const StreamMark mark = walk("r1", planned_, {RunState::extracting, RunState::staged});
  ASSERT_TRUE(store_->claim(claim_of("r1")).ok());
  const auto taken = store_->take_over(RunId("r1"), Fence(9));
  ASSERT_TRUE(taken.ok()) << taken.error().describe();
  for (const StreamRecord& stream : taken->streams)
    EXPECT_EQ(stream.mark.fence, Fence(9));
  EXPECT_EQ(error_of(step("r1", mark, RunState::checked)), "store.stale");
  const StreamMark theirs{RunState::staged, mark.version + 1, Fence(9)};
  auto waits = store_->transition(step("r1", theirs, RunState::retry_wait));
  ASSERT_TRUE(waits.ok()) << waits.error().message;
  Transition again = step("r1", *waits, RunState::planned);
  again.replanned = {StreamName("orders"), Seq(4), Fence(9), Window{}};
  ASSERT_TRUE(store_->transition(again).ok());
  const RunRecord run = store_->get_run(RunId("r1")).value().run;
  EXPECT_EQ(run.attempt, 2);
  EXPECT_EQ(run.streams[1].seq, Seq(4));
  EXPECT_FALSE(run.streams[1].window.hi.has_value());
}

TEST_P(StoreTest, ARunIsNotTakenBackFromANewerOwner) {
  ASSERT_TRUE(store_->begin_run(start("r1", {plan("orders"), plan("lines")})).ok());
  ASSERT_TRUE(store_->take_over(RunId("r1"), Fence(9)).ok());
  EXPECT_EQ(store_->take_over(RunId("r1"), Fence(8)).error().code, "store.stale");
  EXPECT_EQ(store_->take_over(RunId("r1"), Fence(9)).error().code, "store.stale");
  const RunHistory history = store_->get_run(RunId("r1")).value();
  for (const StreamRecord& stream : history.run.streams)
    EXPECT_EQ(stream.mark, (StreamMark{RunState::planned, 2, Fence(9)}));
}

TEST_P(StoreTest, TheEndOfARunGivesItsLeaseBack) {
  ASSERT_TRUE(store_->claim(claim_of("r1")).ok());
  ASSERT_TRUE(store_->begin_run(start("r1")).ok());
  RunFinish finish;
  finish.run = RunId("r1");
  finish.outcome = RunState::failed;
  finish.last_steps.push_back(step("r1", planned_, RunState::failed));
  ASSERT_TRUE(store_->finish_run(finish).ok());
  EXPECT_FALSE(store_->find_lease(JobName("orders")).value()->expires_at.has_value());
}

TEST_P(StoreTest, WhatASourceWantsToRememberIsKeptWithTheWindow) {
  const StreamId orders{JobName("orders"), StreamName("orders")};
  EXPECT_EQ(*store_->source_memory(orders), "");
  PlannedStream planned = plan();
  planned.memory = "one";
  ASSERT_TRUE(store_->begin_run(start("r1", {planned})).ok());
  EXPECT_EQ(*open()->source_memory(orders), "one");
  EXPECT_EQ(*store_->source_memory({JobName("orders"), StreamName("lines")}), "");
  // A window that says nothing leaves it, as one that was never stored does.
  ASSERT_TRUE(store_->begin_run(start("r2")).ok());
  planned.memory = "two";
  EXPECT_FALSE(store_->begin_run(start("r2", {planned})).ok());
  EXPECT_EQ(*store_->source_memory(orders), "one");
  planned.stream = StreamName("lines");
  ASSERT_TRUE(store_->plan_stream(RunId("r2"), planned).ok());
  EXPECT_EQ(*store_->source_memory({JobName("orders"), StreamName("lines")}), "two");
  ASSERT_TRUE(store_->transition(step("r1", planned_, RunState::retry_wait)).ok());
  Transition again = step("r1", {RunState::retry_wait, 2, Fence(7)}, RunState::planned);
  again.replanned = plan();
  again.replanned->memory = "three";
  ASSERT_TRUE(store_->transition(again).ok());
  EXPECT_EQ(*store_->source_memory(orders), "three");
}

TEST_P(StoreTest, TextsAreKeptByteForByte) {
  PlannedStream odd = plan("a\"b'c\n\xff");
  odd.window.lo = Position{std::string("x\0y", 3)};
  ASSERT_TRUE(store_->begin_run(start("r1", {odd})).ok());
  RunRecord run = open()->get_run(RunId("r1"))->run;
  EXPECT_EQ(run.streams[0].stream, odd.stream);
  EXPECT_EQ(run.streams[0].window, odd.window);
}

INSTANTIATE_TEST_SUITE_P(Systems, StoreTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

}  // namespace
}  // namespace tidemark

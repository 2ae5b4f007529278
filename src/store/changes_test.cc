// What jobs watch, as the store has it, and the fires that are taken for it; in each system.
#include "store/store_fixture_test.h"

namespace tidemark {
namespace {

const UtcMicros noon(1'795'348'800'000'000);

class ChangesTest : public StoreFixture {
 protected:
  static SeenChange seen(const std::string& sign) { return {JobName("a"), "file in", sign, {}}; }
  static FireOffer offer(UtcMicros at, OnOpen on_open = OnOpen::skip) {
    return {new_fire(JobName("a"), at, "here"), on_open};
  }
  std::optional<SeenChange> stored() {
    const auto list = store_->seen_changes({JobName("a")}).value();
    return list.empty() ? std::nullopt : std::optional(list.front());
  }
};

INSTANTIATE_TEST_SUITE_P(Systems, ChangesTest, ::testing::Values(System::sqlite, System::postgres),
                         name_of);

TEST_P(ChangesTest, AChangeIsTakenOnceWhoeverSeesIt) {
  add_jobs({"a"});
  const auto other = open();
  EXPECT_TRUE(store_->take_change(offer(noon), seen("x"), std::nullopt)->taken);
  EXPECT_FALSE(
      other->take_change(offer(UtcMicros(noon.get() + 5)), seen("x"), std::nullopt)->taken);
  EXPECT_EQ(stored()->sign, "x");
  EXPECT_EQ(store_->list_fires(JobName("a"), 10)->size(), 1U);
}

TEST_P(ChangesTest, OneThatGoesOnLeavesTheChangeForLater) {
  add_jobs({"a"});
  FireRecord fire = store_->take_change(offer(noon), seen("x"), std::nullopt)->fire;
  const UtcMicros next(noon.get() + 10);
  const auto before = stored();
  EXPECT_FALSE(store_->take_change(offer(next), seen("x y"), before)->taken);
  EXPECT_EQ(stored()->sign, "x") << "nothing of it is lost";
  fire.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(fire).ok());
  EXPECT_TRUE(store_->take_change(offer(next), seen("x y"), before)->taken);
  EXPECT_EQ(stored()->sign, "x y");
  EXPECT_TRUE(
      store_->take_change(offer(UtcMicros(noon.get() + 20), OnOpen::queue), seen("z"), stored())
          ->taken)
      << "with `overlap: queue` it waits";
}

TEST_P(ChangesTest, AClockThatWentBackTakesNoFireTwice) {
  add_jobs({"a"});
  FireRecord fire = store_->take_change(offer(noon), seen("x"), std::nullopt)->fire;
  fire.state = FireState::done;
  ASSERT_TRUE(store_->update_fire(fire).ok());
  const auto again = store_->take_change(offer(UtcMicros(5)), seen("y"), stored());
  ASSERT_TRUE(again.ok() && again->taken);
  EXPECT_EQ(again->fire.fire.get(), noon.get() + 1);
}

TEST_P(ChangesTest, WhatIsNotedIsAsOneHasSeenIt) {
  add_jobs({"a"});
  EXPECT_TRUE(*store_->note_change(seen("x"), std::nullopt));
  EXPECT_FALSE(*store_->note_change(seen("y"), std::nullopt));
  EXPECT_FALSE(*store_->note_change(seen("y"), seen("other")));
  EXPECT_EQ(stored()->sign, "x");
  EXPECT_TRUE(*store_->note_change(seen("y"), stored()));
  EXPECT_EQ(stored()->sign, "y");
  EXPECT_TRUE(store_->list_fires(JobName("a"), 10)->empty());
}

TEST_P(ChangesTest, LoadsAreRunsThatLoadedSomethingAndEnded) {
  add_jobs({"a", "b"});
  const auto run = [&](const char* id, const char* job, std::int64_t rows, bool ends) {
    RunStart start;
    start.run = RunId(id);
    start.job = JobName(job);
    PlannedStream stream;
    stream.stream = StreamName("s");
    stream.seq = Seq(1);
    start.streams.push_back(stream);
    ASSERT_TRUE(store_->begin_run(start).ok());
    Transition step;
    step.run = start.run;
    step.stream = stream.stream;
    step.to = RunState::extracting;
    step.counts = StreamCounts();
    step.counts->rows_loaded = RowCount(rows);
    const auto moved = store_->transition(step);
    ASSERT_TRUE(moved.ok()) << moved.error().describe();
    if (!ends) return;
    RunFinish finish;
    finish.run = start.run;
    finish.outcome = RunState::failed;
    Transition end = step;
    end.expected = *moved;
    end.to = RunState::failed;
    end.error = internal_error("target.gone", "it failed for another of its streams");
    finish.last_steps = {end};
    const Status finished = store_->finish_run(finish);
    ASSERT_TRUE(finished.ok()) << finished.error().describe();
  };
  EXPECT_EQ(*store_->loads_of({JobName("a")}), "");
  run("idle", "a", 0, true);
  run("going", "a", 5, false);
  run("first", "a", 5, true);
  run("other", "b", 7, true);
  EXPECT_EQ(*store_->loads_of({JobName("a")}), "first");
  EXPECT_EQ(*store_->loads_of({JobName("a"), JobName("b")}), "first other");
}

}  // namespace
}  // namespace tidemark

#include "schedule/run_signs.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

RunEvent event(const char* run, RunStep step, std::int64_t rows = 0, const char* message = "") {
  return {RunId(run), {JobName("orders"), StreamName("main")}, step, rows, 0, message};
}

TEST(RunSignsTest, ARunMovesWhenWhatItSaysIsNew) {
  ManualClock clock{UtcMicros(1'000'000)};
  RunSigns signs(clock);
  signs.on(event("r1", RunStep::extract, 10));
  clock.advance(std::chrono::seconds(60));
  signs.on(event("r1", RunStep::extract, 10));
  EXPECT_EQ(signs.signs().at(RunId("r1")).moved_at, UtcMicros(1'000'000));
  signs.on(event("r1", RunStep::extract, 11));
  EXPECT_EQ(signs.signs().at(RunId("r1")).moved_at, UtcMicros(61'000'000));
  EXPECT_EQ(signs.signs().at(RunId("r1")).rows, 11);
  signs.forget(RunId("r1"));
  EXPECT_TRUE(signs.signs().empty());
}

TEST(RunSignsTest, NotesAreOfTheNewestRun) {
  ManualClock clock{UtcMicros(0)};
  RunSigns signs(clock);
  signs.on(event("r1", RunStep::plan));
  signs.on(event("r1", RunStep::plan, 0, "a transaction holds the watermark"));
  signs.on(event("r1", RunStep::load, 0, "something else"));
  signs.forget(RunId("r1"));
  ASSERT_EQ(signs.notes().size(), 1U);
  EXPECT_EQ(signs.notes().at("a transaction holds the watermark"),
            std::vector<JobName>{JobName("orders")});
  signs.on(event("r2", RunStep::plan));
  EXPECT_TRUE(signs.notes().empty());
  for (int number = 0; number < 100; ++number)
    signs.on(event("r2", RunStep::plan, 0, std::to_string(number).c_str()));
  EXPECT_LE(signs.notes().size(), 8U);
}

}  // namespace
}  // namespace tidemark

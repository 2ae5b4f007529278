#include "schedule/run_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tidemark {
namespace {

QueuedRun a_run(const std::string& job, std::int64_t fire, int priority = 0,
                const std::string& pool = {}) {
  return {JobName(job), UtcMicros(fire), priority, pool};
}

std::string taken(RunQueue& queue) {
  const auto run = queue.take();
  return run ? run->task.job.get() + std::to_string(run->fire.get()) : "none";
}

TEST(RunQueue, AJobRunsOnceAtATimeAndItsFiresInTheirOrder) {
  RunQueue queue({.running_max = 4});
  for (int fire = 1; fire <= 3; ++fire)
    EXPECT_TRUE(queue.add(a_run("a", fire)));
  EXPECT_EQ(taken(queue), "a1");
  EXPECT_EQ(taken(queue), "none");
  queue.ended(JobName("a"));
  EXPECT_EQ(taken(queue), "a2");
  EXPECT_EQ(queue.waiting(), 1U);
  EXPECT_TRUE(queue.is_running(JobName("a")));
}

TEST(RunQueue, AJobIsNotComparedWhileItRuns) {
  RunQueue queue({.running_max = 4});
  const Task verify(JobName("a"), FireTask::verify);
  queue.add({verify, UtcMicros(1), -1, ""});
  queue.add(a_run("a", 1));
  queue.add(a_run("b", 1));
  EXPECT_EQ(taken(queue), "a1");
  EXPECT_EQ(taken(queue), "b1");
  EXPECT_EQ(taken(queue), "none");
  EXPECT_EQ(queue.waiting_of(verify), 1U);
  queue.ended(JobName("a"));
  const auto compared = queue.take();
  ASSERT_TRUE(compared);
  EXPECT_EQ(compared->task, verify);
  EXPECT_TRUE(queue.is_busy(verify));
  EXPECT_FALSE(queue.is_busy(JobName("a")));
  EXPECT_TRUE(queue.add(a_run("a", 2)));
  EXPECT_EQ(taken(queue), "none");
  queue.ended(JobName("a"));
  EXPECT_EQ(taken(queue), "a2");
}

TEST(RunQueue, JobsTakeTurns) {
  RunQueue queue({.running_max = 1});
  for (int fire = 1; fire <= 100; ++fire)
    queue.add(a_run("busy", fire));
  queue.add(a_run("b", 1));
  queue.add(a_run("c", 1));
  std::vector<std::string> order;
  for (int number = 0; number < 5; ++number) {
    const auto run = queue.take();
    ASSERT_TRUE(run);
    order.push_back(run->task.job.get());
    queue.ended(run->task.job);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"busy", "b", "c", "busy", "busy"}));
}

TEST(RunQueue, PriorityGoesFirstAndPoolsHaveTheirPlaces) {
  RunQueue queue({.running_max = 3, .pools = {{"night", 1}}});
  queue.add(a_run("n1", 1, 0, "night"));
  queue.add(a_run("n2", 1, 5, "night"));
  queue.add(a_run("day", 1, 1));
  queue.add(a_run("backfill", 1, -1));
  EXPECT_EQ(taken(queue), "n21");
  EXPECT_EQ(taken(queue), "day1");
  EXPECT_EQ(taken(queue), "backfill1") << "the pool `night` is full";
  EXPECT_EQ(taken(queue), "none") << "and so is the whole";
  queue.ended(JobName("day"));
  EXPECT_EQ(taken(queue), "none");
  queue.ended(JobName("n2"));
  EXPECT_EQ(taken(queue), "n11");
}

TEST(RunQueue, IsBoundedAndSaysSo) {
  RunQueue queue({.running_max = 1, .waiting_max = 2});
  queue.add(a_run("a", 1));
  queue.add(a_run("b", 1));
  EXPECT_FALSE(queue.add(a_run("c", 1)));
  EXPECT_EQ(queue.forget(JobName("b")), 1U);
  EXPECT_EQ(queue.waiting(), 1U);
  EXPECT_EQ(taken(queue), "a1");
  EXPECT_EQ(taken(queue), "none");
}

TEST(RunQueue, AHundredThousandAreFair) {
  RunQueue queue({.running_max = 8, .waiting_max = 100'000});
  for (int fire = 0; fire < 100; ++fire) {
    for (int job = 0; job < 1000; ++job)
      queue.add(a_run("job" + std::to_string(job), fire));
  }
  EXPECT_EQ(queue.waiting(), 100'000U);
  std::map<std::string, int> begun;
  std::vector<JobName> running;
  for (int number = 0; number < 50'000; ++number) {
    const auto run = queue.take();
    ASSERT_TRUE(run);
    ++begun[run->task.job.get()];
    running.push_back(run->task.job);
    if (running.size() == 8) {
      queue.ended(running.front());
      running.erase(running.begin());
    }
  }
  const auto [least, most] = std::minmax_element(
      begun.begin(), begun.end(),
      [](const auto& left, const auto& right) { return left.second < right.second; });
  EXPECT_EQ(begun.size(), 1000U);
  EXPECT_LE(most->second - least->second, 1);
}

}  // namespace
}  // namespace tidemark

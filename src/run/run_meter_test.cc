#include "run/run_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::ElementsAre;

// Keeps the processor busy for so much of this thread's time.
void burn(milliseconds time) {
  const ThreadTime thread;
  const auto until = thread.used() + time;
  while (thread.used() < until) {
  }
}

TEST(RunMeter, TimeIsSharedOutInTheProportionOfOwnThreads) {
  EXPECT_THAT(share_out(nanoseconds(900), {nanoseconds(20), nanoseconds(10)}),
              ElementsAre(nanoseconds(600), nanoseconds(300)));
  EXPECT_THAT(share_out(nanoseconds(7), {nanoseconds(0), nanoseconds(0)}),
              ElementsAre(nanoseconds(3), nanoseconds(4)));
  EXPECT_THAT(share_out(nanoseconds(7), {nanoseconds(5)}), ElementsAre(nanoseconds(7)));
  EXPECT_THAT(share_out(nanoseconds(100), {nanoseconds(0), nanoseconds(1)}),
              ElementsAre(nanoseconds(0), nanoseconds(100)));
}

TEST(RunMeter, ARunAloneHasWhatOtherThreadsDoForIt) {
  ProcessorShares shares;
  burn(milliseconds(30));  // before it began
  RunMeter meter(shares);
  std::thread engine([] { burn(milliseconds(60)); });
  engine.join();
  burn(milliseconds(20));
  const RunUse use = meter.take();
  EXPECT_GE(use.cpu_us, 80'000);
  EXPECT_LT(use.cpu_us, 105'000);
  EXPECT_LT(meter.take().cpu_us, 10'000);
}

TEST(RunMeter, SeveralRunsHaveTogetherWhatWasUsed) {
  ProcessorShares shares;
  const auto before = processor_time();
  RunUse first;
  RunUse second;
  std::thread one([&] {
    RunMeter meter(shares);
    burn(milliseconds(60));
    first = meter.take();
  });
  std::thread two([&] {
    RunMeter meter(shares);
    burn(milliseconds(20));
    second = meter.take();
  });
  one.join();
  two.join();
  EXPECT_GE(first.cpu_us, 60'000);
  const auto used =
      std::chrono::duration_cast<std::chrono::microseconds>(processor_time() - before);
  EXPECT_LE(first.cpu_us + second.cpu_us, used.count() + 1'000);
  EXPECT_GE(first.cpu_us + second.cpu_us, 79'000);
}

TEST(RunMeter, BytesAreTakenOnce) {
  ProcessorShares shares;
  RunMeter meter(shares);
  meter.add_read(100);
  meter.add_read(20);
  meter.add_written(7);
  const RunUse use = meter.take();
  EXPECT_EQ(use.bytes_read, 120);
  EXPECT_EQ(use.bytes_written, 7);
  EXPECT_EQ(meter.take().bytes_read, 0);
}

}  // namespace
}  // namespace tidemark

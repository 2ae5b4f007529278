#include "env/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidemark {
namespace {

TEST(ProcessTest, ThisOneIsNotGone) {
  EXPECT_FALSE(process_is_gone(this_process()));
  EXPECT_EQ(describe_process(this_process()), "process " + std::to_string(::getpid()));
}

TEST(ProcessTest, AKilledChildIsGoneEvenBeforeItsParentLooks) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string self = this_process();
    static_cast<void>(!::write(pipe_ends[1], self.data(), self.size()));
    ::pause();
    ::_exit(0);
  }
  char text[512];
  const ssize_t size = ::read(pipe_ends[0], text, sizeof text);
  ASSERT_GT(size, 0);
  const std::string process(text, static_cast<std::size_t>(size));
  EXPECT_FALSE(process_is_gone(process));
  ::kill(child, SIGSTOP);
  EXPECT_FALSE(process_is_gone(process));
  ::kill(child, SIGKILL);
  // It ends at once, but not yet for its parent.
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(process_is_gone(process));
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(process_is_gone(process));
}

TEST(ProcessTest, APidUsedAgainIsAnotherProcess) {
  std::string other = this_process();
  other.back() = other.back() == '1' ? '2' : '1';
  EXPECT_TRUE(process_is_gone(other));
}

// Two machines may have one name; where a store is shared, another boot may be another machine.
TEST(ProcessTest, OfAnotherBootNothingIsKnownWhereMachinesShare) {
  const std::string self = this_process();
  std::string other = self;
  other.back() = other.back() == '1' ? '2' : '1';
  EXPECT_TRUE(process_is_gone_here(other));
  EXPECT_FALSE(process_is_gone_here(self));
  other.insert(other.find('/') + 1, "0");
  EXPECT_TRUE(process_is_gone(other));
  EXPECT_FALSE(process_is_gone_here(other));
  EXPECT_FALSE(process_is_gone_here("elsewhere/boot/1/1"));
  EXPECT_FALSE(process_is_gone_here(""));
}

TEST(ProcessTest, NothingIsKnownOfOtherMachinesAndOldForms) {
  EXPECT_FALSE(process_is_gone("elsewhere/boot/1/1"));
  EXPECT_FALSE(process_is_gone("nonsense"));
  EXPECT_FALSE(process_is_gone(""));
  EXPECT_EQ(describe_process("elsewhere/boot/17/1"), "process 17 on elsewhere");
}

}  // namespace
}  // namespace tidemark

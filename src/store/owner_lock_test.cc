#include "store/owner_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace tidemark {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class OwnerLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tidemark-lock-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    ASSERT_EQ(::pipe(ready_), 0);
  }
  void TearDown() override {
    ::close(ready_[0]);
    ::close(ready_[1]);
    fs::remove_all(dir_);
  }
  Result<OwnerLock> acquire(milliseconds wait) {
    return OwnerLock::acquire(dir_, {::getpid(), "", "run orders"}, wait, clock_, cancel_);
  }
  // A process that takes the lock, says so, and keeps it for `hold`.
  pid_t start_holder(milliseconds hold) {
    pid_t child = ::fork();
    if (child == 0) {
      auto lock = OwnerLock::acquire(dir_, {::getpid(), "r7", "run items"}, milliseconds(0), clock_,
                                     cancel_);
      if (!lock.ok() || ::write(ready_[1], "x", 1) != 1) ::_exit(1);
      clock_.sleep(hold);
      ::_exit(0);
    }
    char byte;
    EXPECT_EQ(::read(ready_[0], &byte, 1), 1);
    return child;
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  fs::path dir_;
  int ready_[2];
  SystemClock clock_;
  Cancel cancel_;
};

TEST_F(OwnerLockTest, ASecondProcessIsToldWhoHoldsIt) {
  pid_t child = start_holder(milliseconds(60'000));
  auto refused = acquire(milliseconds(0));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "run.project_busy");
  EXPECT_NE(refused.error().message.find(std::to_string(child)), std::string::npos)
      << refused.error().message;
  EXPECT_NE(refused.error().message.find("run r7"), std::string::npos) << refused.error().message;
  auto holder = lock_holder(dir_);
  ASSERT_TRUE(holder.ok() && holder->has_value());
  EXPECT_EQ(**holder, (LockHolder{child, "r7", "run items"}));
  end(child);
}

TEST_F(OwnerLockTest, AKilledHolderIsNoHolder) {
  pid_t child = start_holder(milliseconds(60'000));
  end(child);
  EXPECT_FALSE(lock_holder(dir_)->has_value());
  auto lock = acquire(milliseconds(0));
  ASSERT_TRUE(lock.ok()) << lock.error().message;
  EXPECT_EQ((*lock_holder(dir_))->pid, ::getpid());
}

TEST_F(OwnerLockTest, WaitsUntilItIsFree) {
  pid_t child = start_holder(milliseconds(150));
  EXPECT_FALSE(acquire(milliseconds(20)).ok());
  EXPECT_TRUE(acquire(milliseconds(10'000)).ok());
  ::waitpid(child, nullptr, 0);
}

TEST_F(OwnerLockTest, ACancelEndsTheWait) {
  pid_t child = start_holder(milliseconds(60'000));
  cancel_.request();
  EXPECT_EQ(acquire(milliseconds(60'000)).error().code, "run.cancelled");
  end(child);
}

TEST_F(OwnerLockTest, ShowsTheRunAndGoesWithTheObject) {
  {
    auto lock = acquire(milliseconds(0));
    ASSERT_TRUE(lock.ok());
    ASSERT_TRUE(lock->show_run(RunId("a-long-run-id")).ok());
    ASSERT_TRUE(lock->show_run(RunId("r2")).ok());
    EXPECT_EQ((*lock_holder(dir_))->run, "r2");
    OwnerLock moved = std::move(*lock);
    EXPECT_FALSE(acquire(milliseconds(0)).ok());
  }
  EXPECT_FALSE(lock_holder(dir_)->has_value());
  EXPECT_TRUE(acquire(milliseconds(0)).ok());
}

TEST_F(OwnerLockTest, StrangeTextInTheFileDoesNoHarm) {
  std::ofstream(dir_ / "lock") << "pid x\n\n" << std::string(10'000, 'y');
  auto lock = acquire(milliseconds(0));
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(**lock_holder(dir_), (LockHolder{::getpid(), "", "run orders"}));
  EXPECT_EQ(OwnerLock::acquire(dir_ / "none", {}, milliseconds(0), clock_, cancel_).error().code,
            "env.not_found");
  EXPECT_FALSE(lock_holder(dir_ / "none")->has_value());
}

}  // namespace
}  // namespace tidemark

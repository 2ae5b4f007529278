// SharedGuards: keeps the limits of guards together with other processes, over the store.
//
// A thread of its own tells the store about once a second what the guards of this process use, and
// them what is theirs; sooner where somebody waits. While nobody uses a guard, it does nothing.
// What a guard was given it may use for two thirds of the time after which others take it, counted
// from before it was asked for; so a process that stood still stops using it before others begin.
//
// Owned by whoever owns the guards, and destroyed before them; then everything is given up, where
// the store can be reached.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "connect/guard.h"
#include "store/guard_shares.h"

namespace tidemark {

class SharedGuards {
 public:
  // Called by the thread when there is something to share, and again after an error.
  using Open = std::function<Result<std::unique_ptr<GuardShares>>()>;
  // Guards without a limit stay as they are.
  SharedGuards(const Guards& guards, Open open, const Clock& clock);
  ~SharedGuards();
  SharedGuards(const SharedGuards&) = delete;
  SharedGuards& operator=(const SharedGuards&) = delete;

 private:
  struct Member {
    std::string connection;
    Guard* guard;
    bool is_told = false;  // the store knows of something that is used
  };
  enum class Next { when_asked, soon, later };
  void ask();
  void keep();
  Next exchange();
  Result<bool> exchange_of(const std::vector<Member*>& members,
                           const std::vector<GuardReport>& reports);

  const Open open_;
  const Clock& clock_;
  std::vector<Member> members_;          // of the thread
  std::unique_ptr<GuardShares> shares_;  // of the thread
  std::mutex mutex_;                     // guards what follows
  std::condition_variable changed_;
  bool is_asked_ = false;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tidemark

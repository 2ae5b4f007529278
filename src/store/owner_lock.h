// OwnerLock: one process owns a project. An flock on `.tidemark/lock`, whose text says who holds
// it.
//
// Move-only; held from `acquire` to the destructor by one object of the process. The kernel frees
// it when the process dies, however it dies, so a file left behind never blocks. `acquire` blocks
// up to `wait`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/named.h"
#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

struct LockHolder {
  std::int64_t pid = 0;
  std::string run;      // empty between runs
  std::string command;  // e.g. `run orders`
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};

class OwnerLock {
 public:
  // `dir` is the `.tidemark` folder. Error `run.project_busy`, naming run and pid of the holder,
  // when it is still held after `wait`; `store.not_local` on a network file system, where such
  // locks cannot be trusted.
  static Result<OwnerLock> acquire(const std::filesystem::path& dir, const LockHolder& self,
                                   std::chrono::milliseconds wait, const Clock& clock,
                                   const Cancel& cancel);

  OwnerLock(OwnerLock&& other) noexcept;
  OwnerLock& operator=(OwnerLock&& other) noexcept;
  ~OwnerLock();

  // Says in the file which run is going on now, for whoever waits.
  Status show_run(const RunId& run);

 private:
  OwnerLock(int descriptor, LockHolder self, std::filesystem::path path);
  void release();
  Status write_holder();

  int descriptor_;
  LockHolder self_;
  std::filesystem::path path_;
};

// Who holds the lock now; nothing when it is free. Does not block.
Result<std::optional<LockHolder>> lock_holder(const std::filesystem::path& dir);

}  // namespace tidemark

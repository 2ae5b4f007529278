// RefusalLog: requests that were refused for want of a token or a role, for the audit log: one
// entry a minute for those that are alike, so that nobody fills a disk by asking.
//
// Holds `groups_max` of them at most; what is more is counted together. Whoever adds never waits
// for the store: a thread writes, a minute after the first. Safe from any thread. The log outlives
// it; what is left at its end is written then.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "access/access.h"
#include "store/audit_log.h"

namespace tidemark {

class RefusalLog {
 public:
  static constexpr std::size_t groups_max = 100;

  explicit RefusalLog(AuditLog& log) : log_(log) {}
  ~RefusalLog();
  RefusalLog(const RefusalLog&) = delete;
  RefusalLog& operator=(const RefusalLog&) = delete;

  void add(const Deed& deed);
  // What was added so far. What could not be written is tried again with what comes.
  Status write();

 private:
  struct Alike {
    Deed deed;  // the last one
    std::int64_t times = 0;
  };
  // Address, token, reason, what was asked for.
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  using Groups = std::map<Key, Alike>;

  void add(const Deed& deed, std::int64_t times);  // under mutex_
  void write_now_and_then();

  AuditLog& log_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  // Guarded by mutex_.
  Groups groups_;
  std::int64_t others_ = 0;
  bool stops_ = false;
  std::thread writer_;  // since the first was added
};

}  // namespace tidemark

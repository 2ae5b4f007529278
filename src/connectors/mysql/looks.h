// Looks: the looks at one server of all who ask for one at the same time.
//
// InnoDB makes its list of transactions anew only when nobody has read it for 100 ms, so those who
// look beside each other keep it old for all. Here one looks with its own session; who asked before
// it began takes what it saw. Shared by all sources of a connection; safe from any thread; look()
// blocks, and returns soon after `cancel`.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "connectors/mysql/in_flight.h"

namespace tidemark::mysql {

class Looks {
 public:
  // What is in flight at some moment from now on, on `server`, as server_identity() of `session`
  // says. As the free look() otherwise.
  Result<std::optional<Seen>> look(Connection& session, const std::string& server, Cancel& cancel);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool looking_ = false;
  std::int64_t begun_ = 0;  // how many looks have begun
  std::string server_;      // of the last look that succeeded
  std::int64_t number_ = 0;
  Seen seen_;
};

}  // namespace tidemark::mysql

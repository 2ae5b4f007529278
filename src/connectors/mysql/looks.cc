#include "connectors/mysql/looks.h"

#include <chrono>
#include <utility>

namespace tidemark::mysql {
namespace {

constexpr std::chrono::milliseconds ask_cancel_every{50};

}  // namespace

Result<std::optional<Seen>> Looks::look(Connection& session, const std::string& server,
                                        Cancel& cancel) {
  std::int64_t number = 0;
  {
    std::unique_lock lock(mutex_);
    const std::int64_t before = begun_;
    while (looking_) {
      TM_CHECK(cancel.check());
      changed_.wait_for(lock, ask_cancel_every);
      if (number_ > before && server_ == server) return std::optional(seen_);
    }
    looking_ = true;
    number = ++begun_;
  }
  auto seen = mysql::look(session, cancel);
  const std::lock_guard lock(mutex_);
  looking_ = false;
  if (seen.ok() && *seen) {
    seen_ = **seen;
    server_ = server;
    number_ = number;
  }
  changed_.notify_all();
  return seen;
}

}  // namespace tidemark::mysql

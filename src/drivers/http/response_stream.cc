#include "drivers/http/response_stream.h"

#include <algorithm>

#include "drivers/http/server_core.h"

namespace tidemark {

ResponseStream::ResponseStream(ServerCore& core, std::uint64_t session, std::size_t bytes_max)
    : session_(session), bytes_max_(bytes_max), core_(&core) {}

bool ResponseStream::send(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr || ended_ || overrun_) return false;
  overrun_ = text.size() > bytes_max_ - kept_.size();
  if (overrun_) {
    std::string().swap(kept_);
  } else {
    kept_.append(text);
  }
  nudge();
  return !overrun_;
}

void ResponseStream::end() {
  const std::lock_guard lock(mutex_);
  if (core_ == nullptr || ended_) return;
  ended_ = true;
  nudge();
}

bool ResponseStream::is_open() const {
  const std::lock_guard lock(mutex_);
  return core_ != nullptr && !ended_ && !overrun_;
}

std::string ResponseStream::take(std::size_t bytes_max) {
  const std::lock_guard lock(mutex_);
  nudged_ = false;
  std::string taken = kept_.substr(0, bytes_max);
  kept_.erase(0, taken.size());
  return taken;
}

bool ResponseStream::is_over() const {
  const std::lock_guard lock(mutex_);
  return ended_ && kept_.empty();
}

bool ResponseStream::is_overrun() const {
  const std::lock_guard lock(mutex_);
  return overrun_;
}

void ResponseStream::cut() {
  const std::lock_guard lock(mutex_);
  core_ = nullptr;
  std::string().swap(kept_);
}

void ResponseStream::nudge() {
  if (nudged_) return;
  nudged_ = true;
  core_->nudge(session_);
}

}  // namespace tidemark

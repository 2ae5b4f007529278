#include "api/shared_answer.h"

namespace tidemark {

Answer SharedAnswer::get(const std::function<Answer()>& ask) {
  std::unique_lock lock(mutex_);
  const auto now = clock_.monotonic();
  if (last_ && last_->ok() && now - asked_at_ < holds_for) return *last_;
  if (is_asking_) {
    if (waiting_ >= waiting_max)
      return internal_error("api.busy", "too many wait for the same answer already", Retry::backoff,
                            "ask again in a moment");
    ++waiting_;
    answered_.wait(lock, [&, before = asked_] { return asked_ != before; });
    --waiting_;
    return *last_;
  }
  is_asking_ = true;
  lock.unlock();
  Answer answer = ask();
  lock.lock();
  is_asking_ = false;
  ++asked_;
  asked_at_ = now;
  last_ = answer;
  answered_.notify_all();
  return answer;
}

}  // namespace tidemark

#include "api/kept_answers.h"

#include <algorithm>

namespace tidemark {

Result<std::optional<HttpResponse>> KeptAnswers::begin(const Key& key, const std::string& digest) {
  const std::lock_guard lock(mutex_);
  make_room();
  const auto [found, is_new] = kept_.emplace(key, Kept{digest, clock_.monotonic(), std::nullopt});
  if (is_new) return std::optional<HttpResponse>();
  if (found->second.digest != digest)
    return user_error("api.other_body",
                      "the Idempotency-Key `" + key.second + "` was sent with another request",
                      "send another key with each request, and the same only with the same");
  if (!found->second.answer)
    return user_error("api.in_progress",
                      "the request with that Idempotency-Key is being done at this moment",
                      "ask again in a moment");
  return found->second.answer;
}

void KeptAnswers::keep(const Key& key, const HttpResponse& answer) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found != kept_.end()) found->second.answer = answer;
}

void KeptAnswers::forget(const Key& key) {
  const std::lock_guard lock(mutex_);
  kept_.erase(key);
}

// Those that are past their time go, and where there are too many, the oldest that was answered.
void KeptAnswers::make_room() {
  const auto now = clock_.monotonic();
  std::erase_if(kept_, [&](const auto& one) { return now - one.second.begun > kept_for; });
  if (kept_.size() < answers_max) return;
  const auto oldest =
      std::min_element(kept_.begin(), kept_.end(), [](const auto& left, const auto& right) {
        const auto rank = [](const Kept& kept) { return std::pair(!kept.answer, kept.begun); };
        return rank(left.second) < rank(right.second);
      });
  kept_.erase(oldest);
}

}  // namespace tidemark

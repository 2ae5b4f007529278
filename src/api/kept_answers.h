// KeptAnswers: what requests with an Idempotency-Key were answered, so that one that is said again
// is not done again.
//
// In memory, bounded, for a day: a request that is said again after the process ended is done
// again. Owned by who serves; any thread.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "drivers/http/http.h"
#include "env/clock.h"

namespace tidemark {

class KeptAnswers {
 public:
  // Of one client: a token, and the key of its choice.
  using Key = std::pair<std::string, std::string>;
  static constexpr std::size_t answers_max = 10'000;
  static constexpr std::chrono::hours kept_for{24};

  explicit KeptAnswers(const Clock& clock) : clock_(clock) {}

  // Nothing: it is to be done now, and keep() or forget() says what came of it. `api.other_body`
  // where the key was for something else, `api.in_progress` where it is done at this moment.
  // `digest`: of what is asked.
  Result<std::optional<HttpResponse>> begin(const Key& key, const std::string& digest);
  void keep(const Key& key, const HttpResponse& answer);
  void forget(const Key& key);

 private:
  struct Kept {
    std::string digest;
    std::chrono::nanoseconds begun;
    std::optional<HttpResponse> answer;
  };
  void make_room();

  const Clock& clock_;
  std::mutex mutex_;
  std::map<Key, Kept> kept_;  // guarded by mutex_
};

}  // namespace tidemark

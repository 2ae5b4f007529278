// KeptAnswers: what requests with an Idempotency-Key were answered, so that one that is said again
// is not done again.
//
// In the store, bounded, for a day. What such a request begins has its id before it is begun: a
// process that comes after one that was killed meanwhile finds it by that, or begins it under the
// same id. Owned by who serves; any thread; blocks on the store.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "drivers/http/http.h"
#include "store/answer_table.h"

namespace tidemark {

class KeptAnswers {
 public:
  // The database outlives it.
  explicit KeptAnswers(SqlDatabase& store) : table_(store) {}

  struct Asked {
    std::string digest;       // of what is asked
    std::string id;           // of what it is to begin
    bool begins_run = false;  // whose id that is
  };
  // What a request is to be answered, or how it is to be done now; keep() or forget() says then
  // what came of it.
  struct Begun {
    std::optional<HttpResponse> answer;
    std::string id;
    bool again = false;  // it may have been begun under that id by a process that is gone
  };
  // `api.other_body` where the key was for something else, `api.in_progress` where it is done at
  // this moment, `api.unknown_outcome` where nobody can tell whether it was.
  Result<Begun> begin(const AnswerKey& key, const Asked& asked);
  // Durable when they return; where they fail, who says it again is told that the outcome is
  // unknown, or finds the run.
  Status keep(const AnswerKey& key, const HttpResponse& answer);
  Status forget(const AnswerKey& key);

 private:
  Result<Begun> decide(const AnswerKey& key, const Asked& asked);

  AnswerTable table_;
  std::mutex mutex_;
  std::set<AnswerKey> done_now_;  // guarded by mutex_
};

}  // namespace tidemark

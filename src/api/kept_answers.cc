#include "api/kept_answers.h"

#include <algorithm>

#include "env/process.h"

namespace tidemark {
namespace {

HttpResponse response_of(const StoredAnswer& answer) {
  HttpResponse response;
  response.status = answer.status;
  const char* const kind = answer.status < 400 ? "application/json" : "application/problem+json";
  response.headers = {{"Content-Type", kind}};
  if (!answer.location.empty()) response.headers.push_back({"Location", answer.location});
  response.body = answer.body;
  return response;
}

StoredAnswer stored(const HttpResponse& response) {
  const auto location =
      std::find_if(response.headers.begin(), response.headers.end(),
                   [](const HttpHeader& header) { return header.name == "Location"; });
  return {response.status, location == response.headers.end() ? "" : location->value,
          response.body};
}

// A run, which was perhaps not begun. A fault promises none.
bool is_promise(const StoredAnswer& answer) {
  return answer.status < 400;
}

Error in_progress() {
  return user_error("api.in_progress",
                    "the request with that Idempotency-Key is being done at this moment",
                    "ask again in a moment");
}

}  // namespace

Result<KeptAnswers::Begun> KeptAnswers::begin(const AnswerKey& key, const Asked& asked) {
  const std::lock_guard lock(mutex_);
  TM_TRY(Begun begun, decide(key, asked));
  if (!begun.answer) done_now_.insert(key);
  return begun;
}

Result<KeptAnswers::Begun> KeptAnswers::decide(const AnswerKey& key, const Asked& asked) {
  const std::string me = this_process();
  TM_TRY(const BegunRequest found, table_.begin(key, {asked.digest, asked.id, me, {}, {}}));
  const AskedRequest& before = found.request;
  if (found.is_new) return Begun{{}, asked.id, false};
  if (before.digest != asked.digest)
    return user_error("api.other_body",
                      "the Idempotency-Key `" + key.key + "` was sent with another request",
                      "send another key with each request, and the same only with the same");
  if (done_now_.contains(key)) return in_progress();
  // Of an owner elsewhere nobody is certain that it is gone: one that is old counts as gone, also
  // where it answered. What it promised is looked for then, and not begun where it is there.
  const bool is_left = before.owner != me && (found.owner_is_gone || found.is_old);
  if (before.answer && !(is_left && asked.begins_run && is_promise(*before.answer)))
    return Begun{response_of(*before.answer), {}, false};
  if (!before.answer && before.owner != me && !is_left) return in_progress();
  if (!asked.begins_run)
    return user_error("api.unknown_outcome",
                      "the service ended while the request with that Idempotency-Key was done",
                      "look whether it was, and send it with another key where it was not");
  TM_TRY(const bool is_mine, table_.take_over(key, before.owner, me));
  if (!is_mine) return in_progress();  // another process was quicker
  return Begun{{}, before.id, true};
}

Status KeptAnswers::keep(const AnswerKey& key, const HttpResponse& answer) {
  Status kept = table_.keep(key, stored(answer));
  const std::lock_guard lock(mutex_);
  done_now_.erase(key);
  return kept;
}

Status KeptAnswers::forget(const AnswerKey& key) {
  Status forgotten = table_.forget(key);
  const std::lock_guard lock(mutex_);
  done_now_.erase(key);
  return forgotten;
}

}  // namespace tidemark

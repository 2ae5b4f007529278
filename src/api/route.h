// Route: one thing that can be asked over HTTP: by which method and path, who may, and who answers.
//
// Values; the handlers say their own thread rule: each is called from several threads at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "base/named.h"
#include "base/result.h"
#include "drivers/http/http.h"
#include "drivers/json/json.h"

namespace tidemark {

// A request that the router has read and found good: every part decoded and valid UTF-8.
struct ApiRequest {
  std::string id;    // of the request: the client's own, or one that was given to it
  Principal who;     // of a route that is open: nobody
  std::string peer;  // the client's address
  std::map<std::string, std::string> path;   // what stands for `{name}` in the pattern
  std::map<std::string, std::string> query;  // each once, and only those that the route knows
  JsonValue body;                            // null where there is none
  std::string pattern;                       // of the route
  std::optional<std::string> last_event;     // of a client that comes back to a stream of events
  // Of an edit: the state of the document that it is an edit of.
  std::optional<std::string> if_match;
  std::optional<std::string> if_none_match;
  // Of what the request begins or makes. The same where it is said again with its key.
  std::string new_id;
  // It may have been begun already under that id, by a process that is gone.
  bool again = false;
  std::optional<std::string> traceparent;  // as it came

  const std::string& at(const char* name) const { return path.at(name); }
  std::optional<std::string> asked(const char* name) const;
  // From `min` to `max`; `api.bad_parameter` for anything else.
  Result<int> number(const char* name, int otherwise, int min, int max) const;
  // `true` or `false`.
  Result<bool> flag(const char* name) const;
  // One of the words; empty where it was not asked.
  Result<std::string> word(const char* name, const std::vector<std::string>& words) const;
};

// Whether somebody whose token is for some jobs may.
enum class Reach {
  project,  // no: it tells of all jobs, or changes what they share
  job,      // where `{job}` is one of those
  each,     // yes: the handler leaves out or refuses what is of other jobs
};

using Answer = Result<HttpResponse>;

struct Route {
  const char* method;
  const char* pattern;       // `/v1/jobs/{job}`
  const char* operation;     // its name in the API document
  std::optional<Role> role;  // nothing: without a token; health alone
  Reach reach = Reach::project;
  std::vector<std::string> query;  // the parameters it knows
  std::size_t body_max = 0;        // 0: none is taken
  std::function<Answer(const ApiRequest&)> answer;
  // In the place of `answer`: an answer without an end. An Error is the answer where none has
  // begun.
  std::function<Status(const ApiRequest&, HttpExchange&)> stream = {};
  // Of a route that changes something: the deed for the audit log, as `run.start`; empty: it reads.
  const char* deed = "";
  // Said again with the same Idempotency-Key it is not done again.
  bool once = false;
  // What it begins is a run, whose id is `new_id`.
  bool begins_run = false;
  // Beside JSON the body may be YAML, which is `text` of an object then.
  bool takes_yaml = false;
  // What the deed was on, for the audit log; nothing: what the path names first.
  std::string (*object)(const ApiRequest&) = nullptr;
};

// A job that a token is not for is to it as if it were not there: its client is told
// `user.no_job`. The code here is another, so that it stands in the audit log as refused.
inline constexpr const char* other_job_code = "access.other_job";
Status check_job(const Principal& who, const std::string& job);
Error no_job(const std::string& job);

inline constexpr std::size_t document_body_max = 1'000'000;

HttpResponse json_answer(int status, const JsonValue& document);
// 201 or 202, with where it is.
HttpResponse made_answer(int status, std::string location, const JsonValue& document);

}  // namespace tidemark

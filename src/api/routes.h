// Routes: everything that can be asked over HTTP, as docs/api/openapi.yaml says it. What is asked
// often is answered out of the store and the jobs that are served; the rest is commands, whose
// documents are those of `--json`.
//
// The handlers borrow what ApiContext refers to, which outlives them, and are called from several
// threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/store_access.h"
#include "api/operations.h"
#include "api/route.h"
#include "api/run_streams.h"
#include "api/served_jobs.h"
#include "connect/question.h"
#include "run/job_edit.h"
#include "spec/project_spec.h"
#include "store/sql_session.h"

namespace tidemark {

struct ApiContext {
  const ProjectSpec& project;
  const ServedJobs& jobs;
  SqlDatabase& store;
  StoreAccess& access;
  Operations& operations;
  RunStreams& streams;
  const Clock& clock;
  // A run that the service does by itself is to end, for that reason; false: it does not do it.
  std::function<bool(const RunId&, const std::string&)> cancel_run;
  // Whether the service does its work; else why not. Any thread.
  std::function<Status()> is_ready;
  // What the service tells of itself, in the text of Prometheus. Any thread.
  std::function<std::string()> metrics;
  // A job of the store is put or taken out, and served when this returns; see run/job_edit.h. Any
  // thread.
  std::function<Result<EditedJob>(const JobEdit&)> edit_job;
  // A connection is asked; see run/ask.h. Any thread.
  std::function<Result<BoundedAnswer>(const std::string& connection, const Question&, Cancel&)> ask;
};

std::vector<Route> all_routes(const ApiContext& context);

// For this folder only: the parts of it.
std::vector<Route> service_routes(const ApiContext& context);
std::vector<Route> job_routes(const ApiContext& context);
std::vector<Route> job_edit_routes(const ApiContext& context);
std::vector<Route> quarantine_routes(const ApiContext& context);
std::vector<Route> run_routes(const ApiContext& context);
std::vector<Route> operation_routes(const ApiContext& context);
std::vector<Route> backfill_routes(const ApiContext& context);
std::vector<Route> stage_routes(const ApiContext& context);
std::vector<Route> access_routes(const ApiContext& context);
std::vector<Route> alert_routes(const ApiContext& context);

using Handler = Answer (*)(const ApiContext&, const ApiRequest&);
std::function<Answer(const ApiRequest&)> handled_by(const ApiContext& context, Handler handler);

// The arguments of a command, built so that no value is taken for an option.
class CommandWords {
 public:
  explicit CommandWords(std::vector<std::string> command);
  CommandWords& flag(const char* option, bool is_set);
  CommandWords& value(const char* option, const std::optional<std::string>& value);
  // The words that stand alone; last.
  std::vector<std::string> with(const std::vector<std::string>& words = {});

 private:
  std::vector<std::string> list_;
};

// `user.no_connection` where the project has none of that name.
Status check_connection(const ApiContext& context, const std::string& name);
// The handler of questions; it counts those that go on.
std::function<Answer(const ApiRequest&)> bounded_query(const ApiContext& context);

// What a command prints, waited for.
Result<JsonValue> document_of_command(const ApiContext& context, const ApiRequest& request,
                                      std::vector<std::string> arguments);
Answer answer_of(const ApiContext& context, const ApiRequest& request,
                 std::vector<std::string> arguments);
// What a request begins: 202, with the operation.
struct Begun {
  const char* what;  // as the API document names it
  std::string on;
  std::string job;      // empty: of the project
  bool is_run = false;  // of one run, whose id is the operation's
};
Answer begin(const ApiContext& context, const ApiRequest& request, const Begun& begun,
             std::vector<std::string> arguments);
// `user.no_job` where it is not served.
Result<const ServedJob*> served_job(const JobTable& jobs, const std::string& name);
// What an edit of that version of a job sends as If-Match; `state`: of the document around it.
std::string version_tag(std::int64_t version, std::string_view state = {});
JsonValue run_summary(const RunRecord& run);
Result<std::optional<RunStatus>> status_asked(const ApiRequest& request);
// The job whose rows a run loads: of a trial the one that it tries.
std::string job_of(const RunRecord& run);

}  // namespace tidemark

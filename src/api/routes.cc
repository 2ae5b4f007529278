#include "api/routes.h"

#include <utility>

#include "base/assert.h"
#include "run/job_finder.h"
#include "store/pages.h"

namespace tidemark {
namespace {

// So long a request may wait for a command.
constexpr std::chrono::seconds answer_max{60};

}  // namespace

std::vector<Route> all_routes(const ApiContext& context) {
  std::vector<Route> routes;
  for (auto* part :
       {service_routes, job_routes, job_edit_routes, quarantine_routes, run_routes,
        operation_routes, backfill_routes, stage_routes, access_routes, alert_routes}) {
    for (Route& route : part(context))
      routes.push_back(std::move(route));
  }
  return routes;
}

std::function<Answer(const ApiRequest&)> handled_by(const ApiContext& context, Handler handler) {
  return [&context, handler](const ApiRequest& request) { return handler(context, request); };
}

CommandWords::CommandWords(std::vector<std::string> command) : list_(std::move(command)) {
  list_.emplace_back("--json");
}

CommandWords& CommandWords::flag(const char* option, bool is_set) {
  if (is_set) list_.emplace_back(option);
  return *this;
}

CommandWords& CommandWords::value(const char* option, const std::optional<std::string>& value) {
  if (value) list_.push_back(std::string(option) + "=" + *value);
  return *this;
}

std::vector<std::string> CommandWords::with(const std::vector<std::string>& words) {
  if (!words.empty()) list_.emplace_back("--");
  list_.insert(list_.end(), words.begin(), words.end());
  return std::move(list_);
}

Result<JsonValue> document_of_command(const ApiContext& context, const ApiRequest& request,
                                      std::vector<std::string> arguments) {
  const Command command{std::move(arguments), std::nullopt, request.id};
  return context.operations.answer_of(command, answer_max);
}

Answer answer_of(const ApiContext& context, const ApiRequest& request,
                 std::vector<std::string> arguments) {
  TM_TRY(const JsonValue document, document_of_command(context, request, std::move(arguments)));
  return json_answer(200, document);
}

namespace {

// The operation of a run that a process began which is gone; nothing where it did not.
Result<std::optional<Operation>> begun_before(const ApiContext& context, const ApiRequest& request,
                                              const Begun& begun) {
  if (auto known = context.operations.find(request.new_id)) return known;
  const auto run = one_run(context.store, RunId(request.new_id));
  if (!run.ok() && run.error().code == "run.unknown") return std::optional<Operation>();
  if (!run.ok()) return run.error();
  Operation operation;
  operation.id = request.new_id;
  operation.what = begun.what;
  operation.on = begun.on;
  operation.job = begun.job;
  operation.request = request.id;
  operation.run = run->run;
  operation.began_at = run->started_at;
  operation.ended_at = run->ended_at;
  if (run->ended_at) {
    const bool is_well = run->status() == RunStatus::success || run->status() == RunStatus::skipped;
    operation.state = is_well ? OperationState::done : OperationState::failed;
  }
  return std::optional(std::move(operation));
}

}  // namespace

Answer begin(const ApiContext& context, const ApiRequest& request, const Begun& begun,
             std::vector<std::string> arguments) {
  const std::string location = (begun.is_run ? "/v1/runs/" : "/v1/operations/") + request.new_id;
  if (request.again && begun.is_run) {
    TM_TRY(const auto before, begun_before(context, request, begun));
    if (before) return made_answer(202, location, operation_document(*before));
  }
  Operation wanted;
  wanted.id = request.new_id;
  wanted.what = begun.what;
  wanted.on = begun.on;
  wanted.job = begun.job;
  Command command{std::move(arguments), std::nullopt, request.id};
  if (begun.is_run) {
    wanted.run = RunId(request.new_id);
    command.run = wanted.run;
    command.traceparent = request.traceparent.value_or("");
  }
  TM_TRY(const Operation operation,
         context.operations.begin(std::move(wanted), std::move(command)));
  return made_answer(202, location, operation_document(operation));
}

Result<const ServedJob*> served_job(const JobTable& jobs, const std::string& name) {
  const auto found = jobs.find(name);
  if (found == jobs.end()) return no_job(name);
  return found->second.get();
}

JsonValue run_summary(const RunRecord& run) {
  JsonValue json;
  json.set("run_id", run.run.get()).set("job", run.job.get());
  json.set("status", to_string(run.status())).set("state", to_string(run.state));
  json.set("started_at", to_text(run.started_at));
  json.set("ended_at", run.ended_at ? JsonValue(to_text(*run.ended_at)) : JsonValue());
  json.set("rows_read", run.rows_read.get()).set("rows_loaded", run.rows_loaded.get());
  return json.set("rows_rejected", run.rows_rejected.get());
}

Result<std::optional<RunStatus>> status_asked(const ApiRequest& request) {
  using enum RunStatus;
  constexpr RunStatus all[] = {running, success, failed, skipped, cancelled, blocked};
  std::vector<std::string> words;
  for (const RunStatus status : all)
    words.emplace_back(to_string(status));
  TM_TRY(const std::string word, request.word("status", words));
  for (const RunStatus status : all) {
    if (to_string(status) == word) return std::optional(status);
  }
  return std::optional<RunStatus>();
}

std::string job_of(const RunRecord& run) {
  return JobFinder::base_of(run.job).get();
}

}  // namespace tidemark

#include <algorithm>
#include <memory>
#include <utility>

#include "api/body.h"
#include "api/openapi_text.h"
#include "api/routes.h"
#include "api/shared_answer.h"
#include "base/version.h"
#include "drivers/duckdb/engine.h"

namespace tidemark {
namespace {

constexpr int page_max = 1'000;
constexpr int page_usual = 100;

Answer live(const ApiContext&, const ApiRequest&) {
  return json_answer(200, JsonValue().set("status", "ok"));
}

Answer ready(const ApiContext& context, const ApiRequest&) {
  const Status is_ready = context.is_ready();
  if (is_ready.ok()) return json_answer(200, JsonValue().set("status", "ok"));
  // Without a token nobody is told more than what kind of trouble it is.
  const bool leaves = is_ready.error().code == "api.busy";
  return json_answer(
      503,
      JsonValue().set("status", leaves ? "leaving" : "failing").set("why", is_ready.error().code));
}

Answer get_metrics(const ApiContext& context, const ApiRequest&) {
  return HttpResponse{
      200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, context.metrics()};
}

Answer get_document(const ApiContext&, const ApiRequest&) {
  return HttpResponse{200, {{"Content-Type", "application/yaml"}}, std::string(openapi_text)};
}

Answer get_version(const ApiContext&, const ApiRequest&) {
  return json_answer(
      200, JsonValue().set("tidemark", version_text).set("engine", duck::Engine::version()));
}

Answer get_me(const ApiContext&, const ApiRequest& request) {
  JsonArray jobs;
  for (const std::string& pattern : request.who.jobs)
    jobs.emplace_back(pattern);
  JsonValue json;
  json.set("token", request.who.token).set("name", request.who.name);
  json.set("role", to_string(request.who.role));
  return json_answer(200, json.set("jobs", std::move(jobs)));
}

// Many may look at it all the time: it is asked for once a second. It is the same for all who may,
// so it is kept by the route, which lives as long as what it asks.
std::function<Answer(const ApiRequest&)> shared_status(const ApiContext& context) {
  const auto shared = std::make_shared<SharedAnswer>(context.clock);
  return [&context, shared](const ApiRequest& request) {
    return shared->get(
        [&] { return answer_of(context, request, CommandWords({"status"}).with()); });
  };
}

Answer look_at_all(const ApiContext& context, const ApiRequest& request) {
  return answer_of(context, request, CommandWords({"doctor"}).with());
}

Answer get_project(const ApiContext& context, const ApiRequest&) {
  const ProjectSpec& project = context.project;
  JsonArray connections;
  for (const ConnectionSpec& connection : project.connections) {
    connections.push_back(
        JsonValue().set("name", connection.name.value).set("system", connection.connector));
  }
  JsonValue json;
  json.set("jobs", static_cast<std::int64_t>(context.jobs.now()->size()));
  json.set("store", project.store.sqlite_path() ? "sqlite" : "postgres");
  json.set("workers", project.workers);
  return json_answer(200, json.set("connections", std::move(connections)));
}

Answer validate_project(const ApiContext& context, const ApiRequest& request) {
  return answer_of(context, request, CommandWords({"validate"}).with());
}

Answer schedule_of(const ApiContext& context, const ApiRequest& request,
                   const std::vector<std::string>& jobs) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  CommandWords arguments({"schedule"});
  arguments.value("--from", request.asked("from"))
      .value("--to", request.asked("to"))
      .value("--limit", std::to_string(limit));
  const Command command{arguments.with(jobs), std::nullopt, request.id};
  TM_TRY(const JsonValue all, context.operations.answer_of(command, std::chrono::seconds(60)));
  JsonArray shown;
  for (const JsonValue& one : *all.array()) {
    TM_TRY(const std::string job, one.string_at("job"));
    if (request.who.is_for(job)) shown.push_back(one);
  }
  return json_answer(200, JsonValue(std::move(shown)));
}

Answer get_schedule(const ApiContext& context, const ApiRequest& request) {
  return schedule_of(context, request, {});
}

Answer get_report(const ApiContext& context, const ApiRequest& request) {
  CommandWords arguments({"report"});
  arguments.value("--week", request.asked("week"))
      .value("--from", request.asked("from"))
      .value("--to", request.asked("to"))
      .value("--job", request.asked("job"));
  return answer_of(context, request, arguments.with());
}

Answer get_job_schedule(const ApiContext& context, const ApiRequest& request) {
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  return schedule_of(context, request, {job->spec().name.get()});
}

Answer list_connections(const ApiContext& context, const ApiRequest& request) {
  return answer_of(context, request, CommandWords({"connection", "show"}).with());
}

Answer test_connection(const ApiContext& context, const ApiRequest& request) {
  const std::string& name = request.at("connection");
  TM_CHECK(check_connection(context, name));
  return answer_of(context, request, CommandWords({"connection", "test"}).with({name}));
}

}  // namespace

std::vector<Route> service_routes(const ApiContext& context) {
  using enum Role;
  const std::vector<std::string> times{"from", "to", "limit"};
  return {
      {"GET", "/health/live", "live", std::nullopt, Reach::each, {}, 0, handled_by(context, live)},
      {"GET",
       "/health/ready",
       "ready",
       std::nullopt,
       Reach::each,
       {},
       0,
       handled_by(context, ready)},
      {"GET",
       "/metrics",
       "get_metrics",
       viewer,
       Reach::project,
       {},
       0,
       handled_by(context, get_metrics)},
      {"GET",
       "/v1/openapi.yaml",
       "get_document",
       viewer,
       Reach::each,
       {},
       0,
       handled_by(context, get_document)},
      {"GET",
       "/v1/version",
       "get_version",
       viewer,
       Reach::each,
       {},
       0,
       handled_by(context, get_version)},
      {"GET", "/v1/me", "get_me", viewer, Reach::each, {}, 0, handled_by(context, get_me)},
      {"GET", "/v1/status", "get_status", viewer, Reach::project, {}, 0, shared_status(context)},
      {"POST",
       "/v1/doctor",
       "look_at_all",
       operator_,
       Reach::project,
       {},
       0,
       handled_by(context, look_at_all),
       {},
       "doctor"},
      {"GET",
       "/v1/project",
       "get_project",
       viewer,
       Reach::project,
       {},
       0,
       handled_by(context, get_project)},
      {"POST",
       "/v1/project/validate",
       "validate_project",
       viewer,
       Reach::project,
       {},
       0,
       handled_by(context, validate_project)},
      {"GET", "/v1/schedule", "get_schedule", viewer, Reach::each, times, 0,
       handled_by(context, get_schedule)},
      {"GET",
       "/v1/report",
       "get_report",
       viewer,
       Reach::project,
       {"week", "from", "to", "job"},
       0,
       handled_by(context, get_report)},
      {"GET", "/v1/jobs/{job}/schedule", "get_job_schedule", viewer, Reach::job, times, 0,
       handled_by(context, get_job_schedule)},
      {"GET",
       "/v1/connections",
       "list_connections",
       viewer,
       Reach::project,
       {},
       0,
       handled_by(context, list_connections)},
      {"POST",
       "/v1/connections/{connection}/test",
       "test_connection",
       operator_,
       Reach::project,
       {},
       0,
       handled_by(context, test_connection),
       {},
       "connection.test"},
      {"POST",
       "/v1/connections/{connection}/query",
       "query_connection",
       operator_,
       Reach::project,
       {},
       document_body_max,
       bounded_query(context),
       {},
       "connection.query"}};
}

}  // namespace tidemark

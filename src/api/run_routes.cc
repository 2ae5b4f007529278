#include <algorithm>
#include <charconv>
#include <utility>

#include "api/body.h"
#include "api/cursor.h"
#include "api/documents.h"
#include "api/routes.h"
#include "store/pages.h"

namespace tidemark {
namespace {

constexpr int page_max = 1'000;
constexpr int page_usual = 100;
// Where most may be of other jobs.
constexpr int looked_at_min = 500;

Error unknown(const std::string& run) {
  return user_error("run.unknown", "there is no run " + run, "GET /v1/runs lists them");
}

// One that the store does not know yet, while it is being planned.
std::optional<RunRecord> planned_run(const ApiContext& context, const std::string& id) {
  const auto operation = context.operations.find(id);
  if (!operation || !operation->run || operation->ended_at) return std::nullopt;
  RunRecord run;
  run.run = *operation->run;
  run.job = JobName(operation->job);
  run.started_at = operation->began_at;
  return run;
}

// `run.unknown` also where the token is not for its job.
Result<RunRecord> find_run(const ApiContext& context, const ApiRequest& request) {
  const std::string& id = request.at("run");
  auto found = one_run(context.store, RunId(id));
  if (!found.ok() && found.error().code != "run.unknown") return found;
  std::optional<RunRecord> run;
  if (found.ok()) {
    run = *std::move(found);
  } else {
    run = planned_run(context, id);
  }
  if (!run || !request.who.is_for(job_of(*run))) return unknown(id);
  return *std::move(run);
}

// A page of the runs that a token is for: of one for some jobs those of others are passed over.
Answer list_runs(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  RunsAsked asked;
  asked.limit = request.who.jobs.empty() ? limit + 1 : std::max(limit + 1, looked_at_min);
  TM_TRY(asked.status, status_asked(request));
  if (const auto job = request.asked("job")) {
    TM_CHECK(check_job(request.who, *job));
    asked.job = JobName(*job);
  }
  TM_TRY(const std::vector<std::string> behind, read_cursor(request));
  if (!behind.empty()) {
    TM_TRY(const UtcMicros at, parse_utc(behind.front()));
    asked.behind = {at, RunId(behind.back())};
  }
  JsonArray runs;
  JsonValue next;
  while (true) {
    TM_TRY(const std::vector<RunRecord> page, page_of_runs(context.store, asked));
    for (const RunRecord& run : page) {
      if (!request.who.is_for(job_of(run))) continue;
      if (runs.size() == static_cast<std::size_t>(limit)) {
        next = make_cursor(request, {to_text(asked.behind->first), asked.behind->second.get()});
        break;
      }
      runs.push_back(run_summary(run));
      asked.behind = {run.started_at, run.run};
    }
    if (!next.is_null() || page.size() < static_cast<std::size_t>(asked.limit)) break;
    asked.behind = {page.back().started_at, page.back().run};
  }
  return json_answer(200, JsonValue().set("runs", std::move(runs)).set("next", std::move(next)));
}

Answer get_run(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const RunRecord run, find_run(context, request));
  auto history = whole_run(context.store, run.run);
  if (!history.ok() && history.error().code == "run.unknown")
    return json_answer(200, history_document({run, {}}, context.project.prices));
  if (!history.ok()) return history.error();
  return json_answer(200, history_document(*history, context.project.prices));
}

Result<std::int64_t> last_event(const ApiRequest& request) {
  if (!request.last_event) return 0;
  const std::string& text = *request.last_event;
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && number >= 0) return number;
  return user_error("api.bad_event_id", "the Last-Event-ID is no number of an event",
                    "send the `id` of the last event that came");
}

Status stream_events(const ApiContext& context, const ApiRequest& request, HttpExchange& exchange) {
  TM_TRY(const RunRecord run, find_run(context, request));
  TM_TRY(const std::int64_t after, last_event(request));
  HttpResponse head;
  head.headers = {{"Content-Type", "text/event-stream"},
                  {"Cache-Control", "no-store"},
                  {"X-Content-Type-Options", "nosniff"},
                  {"X-Request-Id", request.id}};
  return context.streams.open(exchange, std::move(head), run.run, after);
}

Answer cancel_run(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const RunRecord run, find_run(context, request));
  if (run.ended_at)
    return user_error("run.ended", "the run " + run.run.get() + " has ended",
                      "GET /v1/runs/" + run.run.get() + " tells how");
  const bool is_done_here = context.operations.cancel_run(run.run) ||
                            context.cancel_run(run.run, request.who.name + " cancelled it");
  if (is_done_here) return json_answer(202, run_summary(run));
  return user_error("run.elsewhere", "this service does not do the run " + run.run.get(),
                    "it is another server's, or was begun by a command: cancel it there");
}

Answer replay_run(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  CommandWords arguments({"replay"});
  arguments.flag("--as-it-was", body.flag("as_it_was"))
      .flag("--allow-empty", body.flag("allow_empty"))
      .value("--to", body.text("to"));
  TM_CHECK(body.end());
  if (body.text("to") && !request.who.jobs.empty())
    return user_error("access.other_jobs",
                      "the token `" + request.who.token +
                          "` is for some jobs, and `to` may name a connection that others use",
                      "ask for a token without `jobs`");
  TM_TRY(const RunRecord run, find_run(context, request));
  return begin(context, request, {"replay_run", run.run.get(), job_of(run), true},
               arguments.with({run.run.get()}));
}

bool may_see(const ApiRequest& request, const Operation& operation) {
  return operation.job.empty() ? request.who.jobs.empty() : request.who.is_for(operation.job);
}

Error unknown_operation(const std::string& id) {
  return user_error("api.unknown_operation", "there is no operation `" + id + "`",
                    "they are kept for an hour, and end with the process: what a run did, GET "
                    "/v1/runs tells");
}

Result<Operation> find_operation(const ApiContext& context, const ApiRequest& request) {
  const std::string& id = request.at("operation");
  auto operation = context.operations.find(id);
  if (!operation || !may_see(request, *operation)) return unknown_operation(id);
  return *std::move(operation);
}

Answer list_operations(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  JsonArray list;
  for (const Operation& operation : context.operations.list()) {
    if (list.size() == static_cast<std::size_t>(limit)) break;
    if (may_see(request, operation)) list.push_back(operation_document(operation));
  }
  return json_answer(200, JsonValue().set("operations", std::move(list)));
}

Answer get_operation(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const Operation operation, find_operation(context, request));
  return json_answer(200, operation_document(operation));
}

Answer cancel_operation(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const Operation operation, find_operation(context, request));
  TM_TRY(const Operation asked, context.operations.cancel(operation.id));
  return json_answer(202, operation_document(asked));
}

}  // namespace

std::vector<Route> run_routes(const ApiContext& context) {
  using enum Role;
  return {{"GET",
           "/v1/runs",
           "list_runs",
           viewer,
           Reach::each,
           {"limit", "cursor", "job", "status"},
           0,
           handled_by(context, list_runs)},
          {"GET",
           "/v1/runs/{run}",
           "get_run",
           viewer,
           Reach::each,
           {},
           0,
           handled_by(context, get_run)},
          {"GET",
           "/v1/runs/{run}/events",
           "get_run_events",
           viewer,
           Reach::each,
           {},
           0,
           {},
           [&context](const ApiRequest& request, HttpExchange& exchange) {
             return stream_events(context, request, exchange);
           }},
          {"POST",
           "/v1/runs/{run}/cancel",
           "cancel_run",
           operator_,
           Reach::each,
           {},
           0,
           handled_by(context, cancel_run),
           {},
           "run.cancel"},
          {"POST",
           "/v1/runs/{run}/replay",
           "replay_run",
           operator_,
           Reach::each,
           {},
           document_body_max,
           handled_by(context, replay_run),
           {},
           "run.replay",
           true,
           true}};
}

std::vector<Route> operation_routes(const ApiContext& context) {
  using enum Role;
  return {{"GET",
           "/v1/operations",
           "list_operations",
           viewer,
           Reach::each,
           {"limit"},
           0,
           handled_by(context, list_operations)},
          {"GET",
           "/v1/operations/{operation}",
           "get_operation",
           viewer,
           Reach::each,
           {},
           0,
           handled_by(context, get_operation)},
          {"DELETE",
           "/v1/operations/{operation}",
           "cancel_operation",
           operator_,
           Reach::each,
           {},
           0,
           handled_by(context, cancel_operation),
           {},
           "operation.cancel"}};
}

}  // namespace tidemark

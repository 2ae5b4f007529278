#include <utility>

#include "api/body.h"
#include "api/routes.h"

namespace tidemark {
namespace {

constexpr std::chrono::seconds answer_max{60};

Result<JsonValue> ask(const ApiContext& context, const ApiRequest& request,
                      std::vector<std::string> arguments) {
  return context.operations.answer_of({std::move(arguments), std::nullopt, request.id}, answer_max);
}

// `backfill.unknown` also where the token is not for its job.
Result<JsonValue> find_backfill(const ApiContext& context, const ApiRequest& request) {
  const std::string& id = request.at("backfill");
  TM_TRY(JsonValue document, ask(context, request, CommandWords({"backfill"}).with({"show", id})));
  TM_TRY(const std::string job, document.string_at("job"));
  if (request.who.is_for(job)) return document;
  return user_error("backfill.unknown", "there is no backfill " + id,
                    "GET /v1/backfills lists them");
}

Answer get_backfill(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const JsonValue document, find_backfill(context, request));
  return json_answer(200, document);
}

Answer list_backfills(const ApiContext& context, const ApiRequest& request) {
  std::vector<std::string> words{"list"};
  if (const auto job = request.asked("job")) {
    TM_CHECK(check_job(request.who, *job));
    words.push_back(*job);
  }
  TM_TRY(const JsonValue all, ask(context, request, CommandWords({"backfill"}).with(words)));
  JsonArray shown;
  for (const JsonValue& one : *all.array()) {
    TM_TRY(const std::string job, one.string_at("job"));
    if (request.who.is_for(job)) shown.push_back(one);
  }
  return json_answer(200, JsonValue(std::move(shown)));
}

Answer start_backfill(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  CommandWords arguments({"backfill"});
  const auto from = body.text("from");
  const bool dry_run = body.flag("dry_run");
  const auto downstream = body.flag_or_nothing("downstream");
  arguments.value("--from", from)
      .value("--to", body.text("to"))
      .value("--by", body.text("by"))
      .value("--order", body.text("order"))
      .value("--rate-share", body.text("rate_share"))
      .value("--from-stage", body.text("from_stage"))
      .flag("--dry-run", dry_run)
      .flag("--detach", !dry_run)
      .flag("--downstream", downstream.value_or(false))
      .flag("--no-downstream", downstream && !*downstream)
      .flag("--allow-empty", body.flag("allow_empty"))
      .flag("--in-quiet-hours", body.flag("in_quiet_hours"));
  TM_CHECK(body.end());
  if (downstream.value_or(false) && !request.who.jobs.empty())
    return user_error("access.other_jobs",
                      "the token `" + request.who.token +
                          "` is for some jobs, and `downstream` runs those behind this one",
                      "leave it out, or ask for a token without `jobs`");
  if (!from)
    return user_error("api.bad_body", "`from` is missing",
                      "write there a value of the job's watermark, for example \"2026-01-01\"");
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  TM_TRY(const JsonValue document, ask(context, request, arguments.with({job->spec().name.get()})));
  if (dry_run) return json_answer(200, document);
  TM_TRY(const std::string id, document.string_at("backfill_id"));
  return made_answer(201, "/v1/backfills/" + id, document);
}

// `pause`, `resume`, `cancel` or `retry`.
Answer change(const ApiContext& context, const ApiRequest& request, const char* verb) {
  TM_TRY([[maybe_unused]] const JsonValue before, find_backfill(context, request));
  CommandWords arguments({"backfill"});
  const std::string word = verb;
  // Services run its parts, not this request.
  arguments.flag("--detach", word == "resume" || word == "retry");
  const std::string& id = request.at("backfill");
  TM_TRY([[maybe_unused]] const JsonValue after, ask(context, request, arguments.with({word, id})));
  return get_backfill(context, request);
}

auto with_change(const ApiContext& context, const char* verb) {
  return [&context, verb](const ApiRequest& request) { return change(context, request, verb); };
}

}  // namespace

std::vector<Route> backfill_routes(const ApiContext& context) {
  using enum Role;
  return {{"POST",
           "/v1/jobs/{job}/backfills",
           "start_backfill",
           operator_,
           Reach::job,
           {},
           document_body_max,
           handled_by(context, start_backfill),
           {},
           "backfill.start",
           true},
          {"GET",
           "/v1/backfills",
           "list_backfills",
           viewer,
           Reach::each,
           {"job"},
           0,
           handled_by(context, list_backfills)},
          {"GET",
           "/v1/backfills/{backfill}",
           "get_backfill",
           viewer,
           Reach::each,
           {},
           0,
           handled_by(context, get_backfill)},
          {"POST",
           "/v1/backfills/{backfill}/pause",
           "pause_backfill",
           operator_,
           Reach::each,
           {},
           0,
           with_change(context, "pause"),
           {},
           "backfill.pause"},
          {"POST",
           "/v1/backfills/{backfill}/resume",
           "resume_backfill",
           operator_,
           Reach::each,
           {},
           0,
           with_change(context, "resume"),
           {},
           "backfill.resume"},
          {"POST",
           "/v1/backfills/{backfill}/cancel",
           "cancel_backfill",
           operator_,
           Reach::each,
           {},
           0,
           with_change(context, "cancel"),
           {},
           "backfill.cancel"},
          {"POST",
           "/v1/backfills/{backfill}/retry",
           "retry_backfill",
           operator_,
           Reach::each,
           {},
           0,
           with_change(context, "retry"),
           {},
           "backfill.retry"}};
}

}  // namespace tidemark

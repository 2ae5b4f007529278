#include <functional>
#include <iterator>
#include <utility>

#include "alert/documents.h"
#include "api/body.h"
#include "api/cursor.h"
#include "api/routes.h"
#include "base/units.h"
#include "store/alert_table.h"

namespace tidemark {
namespace {

constexpr int page_max = 1'000;
constexpr int page_usual = 100;
constexpr std::chrono::milliseconds silence_max = std::chrono::hours(24 * 366);

// Of who has a token for some jobs, that what is not one of theirs is not there.
bool is_for(const Principal& who, const AlertRecord& alert) {
  return who.jobs.empty() || (!alert.job.empty() && who.is_for(alert.job));
}

// AlertTable keeps the account of silences in their own transaction.
AuditEntry by(const ApiRequest& request, const char* what, const std::string& on, int status) {
  AuditEntry deed;
  deed.request = request.id;
  deed.token = request.who.token;
  deed.name = request.who.name;
  deed.peer = request.peer;
  deed.what = what;
  deed.on = on;
  deed.status = status;
  return deed;
}

// What the request filters by; nothing: it takes all.
Result<std::function<bool(const AlertRecord&)>> wanted_by(const ApiRequest& request) {
  const auto job = request.asked("job");
  const auto rule = request.asked("rule");
  TM_TRY(const std::string severity, request.word("severity", {"warning", "critical"}));
  if (job) TM_CHECK(check_job(request.who, *job));
  std::function<bool(const AlertRecord&)> wanted;
  if (request.who.jobs.empty() && !job && !rule && severity.empty()) return wanted;
  wanted = [who = request.who, job, rule, severity](const AlertRecord& alert) {
    return is_for(who, alert) && (!job || alert.job == *job) &&
           (!rule || is_like(*rule, alert.rule)) &&
           (severity.empty() || alert.severity == severity);
  };
  return wanted;
}

Answer list_alerts(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  TM_TRY(const std::string state, request.word("state", {"open", "all"}));
  AlertTable::Filter filter{state == "all", limit + 1};
  TM_TRY(filter.is_wanted, wanted_by(request));
  TM_TRY(const std::vector<std::string> behind, read_cursor(request));
  if (!behind.empty()) {
    TM_TRY(const UtcMicros at, parse_utc(behind.front()));
    filter.behind = {at, behind.back()};
  }
  TM_TRY(AlertsThen then, AlertTable(context.store).list(filter));
  JsonValue next;
  if (std::ssize(then.alerts) > limit) {
    then.alerts.pop_back();
    const AlertRecord& last = then.alerts.back();
    next = make_cursor(request, {to_text(last.opened_at), last.id});
  }
  JsonArray alerts;
  for (const AlertRecord& alert : then.alerts)
    alerts.push_back(alert_document(alert, then.silences));
  JsonArray silences;
  for (const SilenceRecord& silence : then.silences) {
    if (request.who.jobs.empty()) silences.push_back(silence_document(silence));
  }
  JsonValue json;
  json.set("alerts", std::move(alerts)).set("next", std::move(next));
  json.set("alerts_total", then.total);
  return json_answer(200, json.set("silences", std::move(silences)));
}

Answer get_alert(const ApiContext& context, const ApiRequest& request) {
  AlertTable table(context.store);
  const std::string& id = request.at("alert");
  TM_TRY(const AlertRecord alert, table.find(id));
  if (!is_for(request.who, alert)) {
    return user_error("alert.unknown", "there is no alert `" + id + "`",
                      "`GET /v1/alerts?state=all` lists the ids of all");
  }
  TM_TRY(const AlertsThen then, table.open());
  return json_answer(200, alert_document(alert, then.silences));
}

Answer create_silence(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto rule = body.text("rule");
  const auto lasts = body.text("for");
  const auto reason = body.text("reason");
  SilenceRecord wanted;
  wanted.subject = body.text("subject").value_or("");
  wanted.job = body.text("job").value_or("");
  TM_CHECK(body.end());
  if (!rule || rule->empty() || !lasts || !reason)
    return user_error("api.bad_body", "a silence has a `rule`, a time `for` and a `reason`",
                      "write for example {\"rule\": \"data_*\", \"for\": \"2h\", \"reason\": "
                      "\"...\"}");
  TM_TRY(const std::chrono::milliseconds duration, parse_duration(*lasts));
  if (duration > silence_max)
    return user_error("api.bad_body", "a silence lasts for a year at most", "write for example 7d");
  wanted.rule = *rule;
  wanted.reason = *reason;
  wanted.made_by = request.who.name;
  TM_TRY(const SilenceRecord made,
         AlertTable(context.store)
             .silence(std::move(wanted), duration, by(request, "alert.silence", *rule, 201)));
  return json_answer(201, silence_document(made));
}

Answer end_silence(const ApiContext& context, const ApiRequest& request) {
  const std::string& id = request.at("silence");
  TM_TRY([[maybe_unused]] const SilenceRecord ended,
         AlertTable(context.store).unsilence(id, by(request, "alert.unsilence", id, 204)));
  return HttpResponse{204, {}, {}};
}

// A channel that fails is an answer, and no failure of the request.
Answer try_channels(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto channel = body.text("channel");
  TM_CHECK(body.end());
  std::vector<std::string> names;
  if (channel) names.push_back(*channel);
  return answer_of(context, request, CommandWords({"alert", "test"}).with(names));
}

}  // namespace

std::vector<Route> alert_routes(const ApiContext& context) {
  using enum Role;
  return {{"GET",
           "/v1/alerts",
           "list_alerts",
           viewer,
           Reach::each,
           {"limit", "cursor", "state", "job", "rule", "severity"},
           0,
           handled_by(context, list_alerts)},
          {"GET",
           "/v1/alerts/{alert}",
           "get_alert",
           viewer,
           Reach::each,
           {},
           0,
           handled_by(context, get_alert)},
          {"POST",
           "/v1/silences",
           "create_silence",
           operator_,
           Reach::project,
           {},
           document_body_max,
           handled_by(context, create_silence)},
          {"DELETE",
           "/v1/silences/{silence}",
           "end_silence",
           operator_,
           Reach::project,
           {},
           0,
           handled_by(context, end_silence)},
          {"POST",
           "/v1/alerts/test",
           "try_channels",
           operator_,
           Reach::project,
           {},
           document_body_max,
           handled_by(context, try_channels),
           {},
           "alert.test"}};
}

}  // namespace tidemark

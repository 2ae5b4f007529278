#include <utility>

#include "api/body.h"
#include "api/cursor.h"
#include "api/routes.h"
#include "base/units.h"

namespace tidemark {
namespace {

constexpr int page_max = 1'000;
constexpr int page_usual = 100;
constexpr std::chrono::milliseconds lifetime_usual = std::chrono::hours(24 * 90);
constexpr std::chrono::milliseconds lifetime_max = std::chrono::hours(24 * 731);

JsonValue time_or_null(const std::optional<UtcMicros>& at) {
  return at ? JsonValue(to_text(*at)) : JsonValue();
}

JsonValue token_document(const TokenRecord& token) {
  JsonArray jobs;
  for (const std::string& pattern : token.jobs)
    jobs.emplace_back(pattern);
  JsonValue json;
  json.set("token", token.id).set("name", token.name).set("role", token.role);
  json.set("jobs", std::move(jobs)).set("created_at", to_text(token.created_at));
  json.set("expires_at", time_or_null(token.expires_at));
  json.set("used_at", time_or_null(token.used_at));
  return json.set("revoked_at", time_or_null(token.revoked_at));
}

// StoreAccess keeps the account of what is done with tokens in their own transaction.
Deed by(const ApiRequest& request) {
  Deed deed;
  deed.request = request.id;
  deed.token = request.who.token;
  deed.name = request.who.name;
  deed.peer = request.peer;
  return deed;
}

Answer list_tokens(const ApiContext& context, const ApiRequest&) {
  TM_TRY(const TokensThen then, context.access.tokens());
  JsonArray list;
  for (const TokenRecord& token : then.tokens)
    list.push_back(token_document(token));
  return json_answer(200, JsonValue().set("tokens", std::move(list)));
}

Answer create_token(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto name = body.text("name");
  const auto role_name = body.text("role");
  const auto expires = body.text("expires");
  NewToken wanted;
  wanted.jobs = body.texts("jobs");
  TM_CHECK(body.end());
  const auto role = role_of(role_name.value_or(""));
  if (!name || !role)
    return user_error("api.bad_body", "a token has a `name` and a `role`",
                      "the role is one of viewer, operator, editor, admin");
  wanted.name = *name;
  wanted.role = *role;
  wanted.lifetime = lifetime_usual;
  if (expires) {
    TM_TRY(wanted.lifetime, parse_duration(*expires));
  }
  if (*wanted.lifetime > lifetime_max)
    return user_error("api.bad_body", "a token that is made here lives for two years at most",
                      "write for example 90d");
  Deed deed = by(request);
  deed.status = 201;
  TM_TRY(const MadeToken made, context.access.make(wanted, std::move(deed)));
  return json_answer(201, token_document(made.record).set("secret", made.text.reveal()));
}

Answer revoke_token(const ApiContext& context, const ApiRequest& request) {
  Deed deed = by(request);
  deed.status = 204;
  TM_TRY([[maybe_unused]] const TokenRecord token,
         context.access.revoke(request.at("token"), std::move(deed)));
  return HttpResponse{204, {}, {}};
}

Answer list_audit(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  TM_TRY(const std::vector<std::string> behind, read_cursor(request));
  AuditFilter filter{limit + 1, std::nullopt};
  if (!behind.empty()) filter.before = behind.front();
  TM_TRY(std::vector<AuditEntry> entries, context.access.audit(filter));
  const bool has_more = entries.size() > static_cast<std::size_t>(limit);
  if (has_more) entries.pop_back();
  JsonArray deeds;
  for (const AuditEntry& entry : entries) {
    JsonValue json;
    json.set("at", to_text(entry.at)).set("request_id", entry.request).set("token", entry.token);
    json.set("name", entry.name).set("peer", entry.peer).set("what", entry.what);
    deeds.push_back(json.set("on", entry.on).set("status", entry.status));
  }
  return json_answer(
      200, JsonValue()
               .set("deeds", std::move(deeds))
               .set("next",
                    has_more ? JsonValue(make_cursor(request, {entries.back().id})) : JsonValue()));
}

}  // namespace

std::vector<Route> access_routes(const ApiContext& context) {
  using enum Role;
  return {{"GET",
           "/v1/tokens",
           "list_tokens",
           admin,
           Reach::project,
           {},
           0,
           handled_by(context, list_tokens)},
          {"POST",
           "/v1/tokens",
           "create_token",
           admin,
           Reach::project,
           {},
           document_body_max,
           handled_by(context, create_token)},
          {"DELETE",
           "/v1/tokens/{token}",
           "revoke_token",
           admin,
           Reach::project,
           {},
           0,
           handled_by(context, revoke_token)},
          {"GET",
           "/v1/audit",
           "list_audit",
           admin,
           Reach::project,
           {"limit", "cursor"},
           0,
           handled_by(context, list_audit)}};
}

}  // namespace tidemark

#include "api/server.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "api/client_address.h"
#include "api/problem.h"
#include "drivers/hash/hash.h"
#include "drivers/json/utf8.h"

namespace tidemark {
namespace {

constexpr std::size_t request_id_max = 64;
constexpr std::size_t key_max = 128;

// One that can stand in a line of a log as it is.
bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= request_id_max &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' ||
                  c == '.';
         });
}

bool is_sane_key(std::string_view key) {
  return !key.empty() && key.size() <= key_max &&
         std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

// What stands behind `Bearer`; empty where the header is none of that kind.
std::string bearer_of(const HttpRequest& head) {
  const auto header = head.header("authorization");
  constexpr std::string_view scheme = "bearer ";
  if (!header || header->size() <= scheme.size()) return {};
  if (lower(header->substr(0, scheme.size())) != scheme) return {};
  return std::string(header->substr(scheme.size()));
}

// HEAD is asked as GET, and the server leaves out the body.
std::string method_of(const HttpRequest& head) {
  return head.method == "HEAD" ? "GET" : head.method;
}

bool is_type(std::string_view type, std::string_view wanted) {
  std::string name = lower(type.substr(0, type.find(';')));
  while (!name.empty() && name.back() == ' ')
    name.pop_back();
  return name == wanted;
}

// An answer that another try may change is not kept.
bool is_settled(int status) {
  return status < 500 && status != 401 && status != 403 && status != 409 && status != 429;
}

// For want of a token, a role or a right.
bool is_refusal(const Error& error) {
  return error.code.starts_with("access.");
}

// Whom or what a deed was on, for the audit log.
std::string object_of(const std::map<std::string, std::string>& path) {
  return path.empty() ? std::string() : path.begin()->second;
}

bool names_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

}  // namespace

HttpHandlers Api::handlers() {
  return {[this](const HttpRequest& head) { return admit(head); },
          [this](HttpExchange& exchange) { handle(exchange); },
          [this](int status, std::string_view what) { return refuse(status, what); }};
}

std::string Api::id_of(const HttpRequest& head) {
  const auto sent = head.header("x-request-id");
  if (sent && is_sane_id(*sent)) return std::string(*sent);
  return new_run_id(parts_.clock, parts_.randomness).get();
}

// Who asks comes before what there is: without a token nothing is told, not even which paths there
// are.
Result<Api::Entered> Api::enter(const HttpRequest& head, std::string& allow) {
  return enter_as(head, allow, [&](const std::string& bearer) {
    return parts_.access.enter(bearer, client_of(head));
  });
}

std::optional<Result<Api::Entered>> Api::enter_at_once(const HttpRequest& head,
                                                       std::string& allow) {
  bool is_known = true;
  auto entered = enter_as(head, allow, [&](const std::string& bearer) -> Result<Principal> {
    auto who = parts_.access.enter_at_once(bearer, client_of(head));
    is_known = who.has_value();
    return is_known ? *std::move(who) : Result<Principal>(Principal{});
  });
  if (!is_known) return std::nullopt;
  return entered;
}

Result<Api::Entered> Api::enter_as(
    const HttpRequest& head, std::string& allow,
    const std::function<Result<Principal>(const std::string&)>& who) {
  Entered entered;
  auto match = router_.match(head.path);
  const auto found = [&]() -> const Route* {
    if (!match.ok()) return nullptr;
    const auto route = match->methods.find(method_of(head));
    return route == match->methods.end() ? nullptr : route->second;
  };
  entered.route = found();
  const bool is_open = entered.route != nullptr && !entered.route->role;
  if (!is_open) {
    const std::string bearer = bearer_of(head);
    if (bearer.empty()) {
      return user_error("access.denied", "there is no token with the request",
                        "send `Authorization: Bearer TOKEN`; `tidemark token create` makes one");
    }
    TM_TRY(entered.who, who(bearer));
  }
  TM_TRY(entered.match, std::move(match));
  if (entered.match.methods.empty())
    return user_error("api.unknown_path", "there is nothing at `" + head.path + "`",
                      "GET /v1/openapi.yaml tells the paths");
  allow = entered.match.allow();
  if (head.method == "OPTIONS") return entered;
  if (entered.route == nullptr)
    return user_error("api.unknown_method", head.method + " is not for this path",
                      "use one of " + allow);
  return entered;
}

std::string Api::client_of(const HttpRequest& raw) const {
  return client_address(raw, parts_.proxies);
}

void Api::note_refusal(const Error& error, const HttpRequest& raw, const std::string& id) {
  if (!is_refusal(error)) return;
  Deed deed;
  deed.request = id;
  deed.peer = client_of(raw);
  deed.what = error.code;
  deed.status = status_of(error);
  deed.is_refusal = true;
  // It is refused either way.
  static_cast<void>(parts_.access.note(deed));
}

Status Api::check_role(const Entered& entered, const HttpRequest& raw, const std::string& id) {
  const Route& route = *entered.route;
  if (!route.role || entered.who.may(*route.role)) return {};
  const Error refused = user_error(
      "access.role",
      "the token `" + entered.who.token + "` is of a " + std::string(to_string(entered.who.role)) +
          ", and this takes the role " + std::string(to_string(*route.role)),
      "ask who has the role, or for a token that has it");
  TM_CHECK(note({entered, object_of(entered.match.path)}, raw, id, status_of(refused), true));
  return refused;
}

HttpAdmission Api::admit(const HttpRequest& head) {
  HttpAdmission admission;
  std::string allow;
  // This thread serves all connections, so it waits for nobody. Who cannot be told at once may send
  // a body, of which there is a limit for all together, and is asked for after it.
  const auto entered = enter_at_once(head, allow);
  if (!entered) {
    admission.body_max = document_body_max;
    return admission;
  }
  if (entered->ok()) {
    const Route* const route = (*entered)->route;
    admission.body_max = route == nullptr ? 0 : route->body_max;
    return admission;
  }
  const std::string id = id_of(head);
  const LogScope scope({{}, {}, id});
  note_refusal(entered->error(), head, id);
  HttpResponse response = problem(entered->error(), id);
  tell(head, nullptr, response.status, {});
  if (response.status == 405) response.headers.push_back({"Allow", allow});
  admission.refusal = complete(std::move(response), head, id);
  return admission;
}

HttpResponse Api::refuse(int status, std::string_view what) {
  const std::string id = new_run_id(parts_.clock, parts_.randomness).get();
  const Error error = status < 500 ? user_error("api.bad_request", std::string(what))
                                   : internal_error("api.failed", std::string(what));
  return complete(problem(status, error, id), {}, id);
}

void Api::handle(HttpExchange& exchange) {
  const HttpRequest& raw = exchange.request();
  const std::string id = id_of(raw);
  const LogScope scope({{}, {}, id});
  const auto begun = parts_.clock.monotonic();
  std::string allow;
  const Entered* known = nullptr;
  const auto answer = [&](HttpResponse response) {
    tell(raw, known, response.status, parts_.clock.monotonic() - begun);
    if (!allow.empty() && (response.status == 405 || raw.method == "OPTIONS"))
      response.headers.push_back({"Allow", allow});
    exchange.answer(complete(std::move(response), raw, id));
  };
  // It was let in once; a token may have been revoked since.
  const auto entered = enter(raw, allow);
  if (!entered.ok()) {
    note_refusal(entered.error(), raw, id);
    return answer(problem(entered.error(), id));
  }
  known = &*entered;
  if (entered->route == nullptr) return answer({204, {}, {}});
  const Status may = check_role(*entered, raw, id);
  if (!may.ok()) return answer(problem(may.error(), id));
  const auto request = read(raw, *entered, id);
  if (!request.ok()) {
    const Error& error = request.error();
    if (is_refusal(error))
      static_cast<void>(
          note({*entered, object_of(entered->match.path)}, raw, id, status_of(error), true));
    return answer(problem(error, id));
  }
  if (!entered->route->stream) return answer(perform(*entered, *request, raw));
  if (raw.method == "HEAD") return answer({200, {{"Content-Type", "text/event-stream"}}, {}});
  const Status streamed = entered->route->stream(*request, exchange);
  if (!streamed.ok()) return answer(problem(streamed.error(), id));
  tell(raw, known, 200, parts_.clock.monotonic() - begun);
}

// By its route, not by its path, which may be anything.
void Api::tell(const HttpRequest& raw, const Entered* known, int status,
               std::chrono::nanoseconds took) {
  if (!parts_.log.tells(LogLevel::debug, LogComponent::api)) return;
  const bool is_route = known != nullptr && known->route != nullptr;
  const std::string what =
      method_of(raw) + (is_route ? " " + std::string(known->route->pattern) : std::string());
  parts_.log.tell(LogLevel::debug, LogComponent::api, what,
                  {{"status", status},
                   {"ms", std::chrono::duration<double, std::milli>(took).count()},
                   {"who", known == nullptr ? std::string_view() : known->who.name},
                   {"peer", client_of(raw)}});
}

Result<ApiRequest> Api::read(const HttpRequest& raw, const Entered& entered,
                             const std::string& id) {
  ApiRequest request;
  request.id = id;
  request.who = entered.who;
  request.peer = client_of(raw);
  request.path = entered.match.path;
  request.pattern = entered.route->pattern;
  const auto header = [&](std::string_view name) {
    const auto found = raw.header(name);
    return found ? std::optional(std::string(*found)) : std::nullopt;
  };
  request.last_event = header("last-event-id");
  request.if_match = header("if-match");
  request.if_none_match = header("if-none-match");
  request.traceparent = header("traceparent");
  if (entered.route->reach == Reach::project && !request.who.jobs.empty())
    return user_error(
        "access.other_jobs",
        "the token `" + request.who.token + "` is for some jobs, and this is of the whole project",
        "ask for a token without `jobs`");
  if (entered.route->reach == Reach::job) TM_CHECK(check_job(request.who, request.at("job")));
  TM_TRY(request.query, read_query(raw.query, entered.route->query));
  if (raw.body.empty()) return request;
  if (entered.route->body_max == 0)
    return user_error("api.no_body", "no body is taken here", "send none");
  const auto type = raw.header("content-type");
  if (type && entered.route->takes_yaml && is_type(*type, "application/yaml")) {
    if (!is_utf8(raw.body))
      return user_error("api.bad_body", "the body is no UTF-8 text", "send it as UTF-8");
    request.body.set("text", raw.body);
    return request;
  }
  if (!type || !is_type(*type, "application/json"))
    return user_error("api.not_json", "the body is no JSON, as its Content-Type says",
                      "send JSON, with `Content-Type: application/json`");
  auto body = parse_json(raw.body);
  if (!body.ok()) {
    return user_error("json.invalid", "the body cannot be read: " + body.error().message,
                      "send one JSON object, as UTF-8");
  }
  request.body = *std::move(body);
  return request;
}

HttpResponse Api::perform(const Entered& entered, const ApiRequest& request,
                          const HttpRequest& raw) {
  const auto key = raw.header("idempotency-key");
  if (!key || !entered.route->once) {
    Answered answered = answer(entered, request, raw);
    return answered.noted.ok() ? std::move(answered.response)
                               : problem(503, answered.noted.error(), request.id);
  }
  if (is_sane_key(*key)) return perform_once(entered, request, raw, std::string(*key));
  return problem(user_error("api.bad_key", "the Idempotency-Key is none",
                            "write 1 to 128 visible characters of ASCII"),
                 request.id);
}

HttpResponse Api::perform_once(const Entered& entered, const ApiRequest& request,
                               const HttpRequest& raw, const std::string& key) {
  const AnswerKey whose{request.who.token, key};
  const std::string digest = sha256_hex(raw.path + "?" + raw.query + "\n" + raw.body);
  const std::string id = new_run_id(parts_.clock, parts_.randomness).get();
  auto begun = parts_.answers.begin(whose, {digest, id, entered.route->begins_run});
  if (!begun.ok()) return problem(begun.error(), request.id);
  if (begun->answer) return *std::move(begun->answer);
  ApiRequest asked = request;
  asked.new_id = begun->id;
  asked.again = begun->again;
  Answered answered = answer(entered, asked, raw);
  // What was done stays done, also where its account could not be kept: then nobody is told now,
  // and who asks again is.
  const Status kept = is_settled(answered.response.status)
                          ? parts_.answers.keep(whose, answered.response)
                          : parts_.answers.forget(whose);
  if (!kept.ok())
    parts_.log.tell_error(LogLevel::warn, LogComponent::api, "the answer is not kept",
                          kept.error());
  return answered.noted.ok() ? std::move(answered.response)
                             : problem(503, answered.noted.error(), request.id);
}

Api::Answered Api::answer(const Entered& entered, const ApiRequest& asked, const HttpRequest& raw) {
  ApiRequest request = asked;
  if (request.new_id.empty()) request.new_id = new_run_id(parts_.clock, parts_.randomness).get();
  auto answered = entered.route->answer(request);
  HttpResponse response =
      answered.ok() ? *std::move(answered) : problem(answered.error(), request.id);
  const bool is_refused = !answered.ok() && is_refusal(answered.error());
  if (*entered.route->deed == '\0' && !is_refused) return {std::move(response), {}};
  // Who did what is kept before anybody is told that it was done.
  const std::string on =
      entered.route->object == nullptr ? object_of(request.path) : entered.route->object(request);
  Status noted = note({entered, on}, raw, request.id, response.status, is_refused);
  return {std::move(response), std::move(noted)};
}

Status Api::note(const Done& done, const HttpRequest& raw, const std::string& id, int status,
                 bool is_refused) {
  const Entered& entered = done.entered;
  Deed deed;
  deed.request = id;
  deed.token = entered.who.token;
  deed.name = entered.who.name;
  deed.peer = client_of(raw);
  deed.what = *entered.route->deed == '\0' ? entered.route->operation : entered.route->deed;
  deed.on = done.on;
  deed.status = status;
  deed.is_refusal = is_refused;
  // Each deed of a request is told. A refusal is one of its token and route, so that who asks
  // again and again is counted: there the request is a field (see Log::tell).
  if (is_refused) {
    parts_.log.tell(LogLevel::info, LogComponent::api, deed.what + " refused to " + deed.name,
                    {{"request", id}, {"status", status}, {"on", deed.on}});
  } else {
    parts_.log.tell(LogLevel::info, LogComponent::api,
                    deed.what + (deed.on.empty() ? "" : " " + deed.on) + " by " + deed.name,
                    {{"status", status}});
  }
  Status noted = parts_.access.note(deed);
  if (noted.ok()) return {};
  return std::move(noted).error().with_context("keeping the audit log of request " + id);
}

HttpResponse Api::complete(HttpResponse response, const HttpRequest& raw,
                           const std::string& id) const {
  if (response.status == 200 && method_of(raw) == "GET" && !response.body.empty()) {
    const auto own = std::find_if(response.headers.begin(), response.headers.end(),
                                  [](const HttpHeader& header) { return header.name == "ETag"; });
    const std::string tag =
        own == response.headers.end() ? "\"" + xxh3_hex(response.body) + "\"" : own->value;
    if (own == response.headers.end()) response.headers.push_back({"ETag", tag});
    const auto known = raw.header("if-none-match");
    if (known && names_tag(*known, tag)) {
      response.status = 304;
      response.body.clear();
      std::erase_if(response.headers,
                    [](const HttpHeader& header) { return header.name == "Content-Type"; });
    }
  }
  if (response.status == 429 || response.status == 503)
    response.headers.push_back({"Retry-After", "5"});
  response.headers.push_back({"X-Request-Id", id});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  return response;
}

}  // namespace tidemark

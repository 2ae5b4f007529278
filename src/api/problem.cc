#include "api/problem.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/route.h"

namespace tidemark {
namespace {

// The first line that fits counts; a prefix ends with a dot.
struct CodeStatus {
  std::string_view code;
  int status;
};
constexpr std::array code_statuses{
    // What was asked cannot be read.
    CodeStatus{"api.unknown_path", 404},
    CodeStatus{"api.unknown_method", 405},
    CodeStatus{"api.not_json", 415},
    CodeStatus{"api.too_large", 413},
    CodeStatus{"api.in_progress", 409},
    CodeStatus{"api.other_body", 422},
    CodeStatus{"api.unknown_outcome", 409},
    CodeStatus{"api.no_if_match", 428},
    CodeStatus{"api.unknown_operation", 404},
    CodeStatus{"api.operation_ended", 409},
    CodeStatus{"api.busy", 503},
    CodeStatus{"api.too_slow", 503},
    CodeStatus{"user.too_slow", 503},
    CodeStatus{"api.no_document", 500},
    CodeStatus{"api.failed", 500},
    CodeStatus{"api.", 400},
    CodeStatus{"json.", 400},
    CodeStatus{"user.usage", 400},
    // Who asks.
    CodeStatus{"access.denied", 401},
    CodeStatus{"access.locked", 429},
    CodeStatus{other_job_code, 404},
    CodeStatus{"access.", 403},
    // What is asked for is not there.
    CodeStatus{"run.unknown", 404},
    CodeStatus{"token.unknown", 404},
    CodeStatus{"alert.unknown", 404},
    CodeStatus{"alert.unknown_channel", 404},
    CodeStatus{"silence.unknown", 404},
    CodeStatus{"audit.bad_cursor", 400},
    CodeStatus{"backfill.unknown", 404},
    CodeStatus{"user.no_job", 404},
    CodeStatus{"user.no_version", 404},
    CodeStatus{"user.no_row", 404},
    CodeStatus{"user.no_connection", 404},
    CodeStatus{"user.no_stage", 404},
    CodeStatus{"user.no_store", 404},
    CodeStatus{"connect.unknown", 404},
    CodeStatus{"store.unknown_job", 404},
    // It is, and stands in the way: later, or when a person has decided.
    CodeStatus{"run.leased", 409},
    CodeStatus{"run.ended", 409},
    CodeStatus{"run.elsewhere", 409},
    CodeStatus{"run.project_busy", 409},
    CodeStatus{"run.settings_changed", 409},
    CodeStatus{"user.backfill_state", 409},
    CodeStatus{"user.job_in_file", 409},
    CodeStatus{"user.job_changed", 412},
    CodeStatus{"user.row_changed", 412},
    CodeStatus{"user.row_closed", 409},
    CodeStatus{"user.row_not_open", 409},
    CodeStatus{"user.row_stopped", 409},
    CodeStatus{"plan.replay_superseded", 409},
    CodeStatus{"plan.replay_ahead", 409},
    CodeStatus{"plan.replay_stale", 409},
    CodeStatus{"blocked.", 409},
    CodeStatus{"store.stale", 409},
    // The project's files, or what they say of the systems.
    CodeStatus{"user.", 422},
    CodeStatus{"query.", 422},
    CodeStatus{"spec.", 422},
    CodeStatus{"plan.", 422},
    CodeStatus{"run.cancelled", 503},
    CodeStatus{"store.", 503},
};

bool fits(std::string_view pattern, std::string_view code) {
  return pattern.back() == '.' ? code.starts_with(pattern) : code == pattern;
}

}  // namespace

int status_of(const Error& error) {
  const auto found =
      std::find_if(code_statuses.begin(), code_statuses.end(),
                   [&](const CodeStatus& one) { return fits(one.code, error.code); });
  if (found != code_statuses.end()) return found->status;
  switch (error.fault) {
    case Fault::user:
      return 422;
    case Fault::source:
    case Fault::target:
      return 502;
    case Fault::internal:
      return error.retry == Retry::never ? 500 : 503;
  }
  return 500;
}

std::string_view status_words(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

namespace {

JsonValue document(int status, const Error& error, std::string_view request_id) {
  // Nobody is told that a job is there which its token is not for.
  const std::string code = error.code == other_job_code ? "user.no_job" : error.code;
  JsonArray context;
  for (const std::string& what : error.context)
    context.emplace_back(what);
  JsonValue json;
  json.set("type", "about:blank").set("title", status_words(status)).set("status", status);
  json.set("detail", error.message).set("code", code).set("fault", to_string(error.fault));
  json.set("hint", error.hint).set("context", std::move(context));
  return json.set("request_id", request_id);
}

}  // namespace

JsonValue problem_document(const Error& error, std::string_view request_id) {
  return document(status_of(error), error, request_id);
}

HttpResponse problem(const Error& error, std::string_view request_id) {
  return problem(status_of(error), error, request_id);
}

HttpResponse problem(int status, const Error& error, std::string_view request_id) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "application/problem+json"}};
  if (status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  response.body = to_json(document(status, error, request_id), JsonLayout::compact) + "\n";
  return response;
}

}  // namespace tidemark

#include <utility>

#include "api/body.h"
#include "api/routes.h"

namespace tidemark {
namespace {

// A job of the request's, or all; whoever is for some jobs names one.
Result<std::vector<std::string>> words_of(const ApiRequest& request,
                                          const std::optional<std::string>& job) {
  if (job) {
    TM_CHECK(check_job(request.who, *job));
    return std::vector<std::string>{*job};
  }
  if (request.who.jobs.empty()) return std::vector<std::string>();
  return user_error("access.other_jobs", "the token `" + request.who.token + "` is for some jobs",
                    "name one of them: `job`");
}

Answer list_stages(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const std::vector<std::string> words, words_of(request, request.asked("job")));
  return answer_of(context, request, CommandWords({"stage", "list"}).with(words));
}

Answer verify_stages(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto job = body.text("job");
  TM_CHECK(body.end());
  TM_TRY(const std::vector<std::string> words, words_of(request, job));
  const std::string name = job.value_or("");
  return begin(context, request, {"verify_stages", name, name},
               CommandWords({"stage", "verify"}).with(words));
}

Answer clean_stages(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto job = body.text("job");
  CommandWords arguments({"stage", "clean"});
  const bool gone = body.flag("gone");
  arguments.flag("--dry-run", body.flag("dry_run")).flag("--gone", gone);
  TM_CHECK(body.end());
  if (gone && !request.who.jobs.empty())
    return user_error("access.other_jobs",
                      "the token `" + request.who.token +
                          "` is for some jobs, and those that are "
                          "gone are of the whole project",
                      "leave out `gone`");
  TM_TRY(const std::vector<std::string> words, words_of(request, job));
  const std::string name = job.value_or("");
  return begin(context, request, {"clean_stages", name, name}, arguments.with(words));
}

}  // namespace

std::vector<Route> stage_routes(const ApiContext& context) {
  using enum Role;
  return {{"GET",
           "/v1/stages",
           "list_stages",
           viewer,
           Reach::each,
           {"job"},
           0,
           handled_by(context, list_stages)},
          {"POST",
           "/v1/stages/verify",
           "verify_stages",
           operator_,
           Reach::each,
           {},
           document_body_max,
           handled_by(context, verify_stages),
           {},
           "stage.verify",
           true},
          {"POST",
           "/v1/stages/clean",
           "clean_stages",
           operator_,
           Reach::each,
           {},
           document_body_max,
           handled_by(context, clean_stages),
           {},
           "stage.clean",
           true}};
}

}  // namespace tidemark

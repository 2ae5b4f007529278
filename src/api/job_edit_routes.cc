#include <charconv>
#include <utility>

#include "api/body.h"
#include "api/documents.h"
#include "api/problem.h"
#include "api/routes.h"

namespace tidemark {
namespace {

JsonValue document(const StoredJob& job) {
  JsonValue json;
  json.set("job", job.name).set("version", job.version);
  json.set("text", job.text ? JsonValue(*job.text) : JsonValue());
  return json.set("by", job.set_by).set("at", to_text(job.set_at));
}

JsonValue edited_document(const EditedJob& edited) {
  return document(edited.job).set("served", edited.is_served);
}

HttpResponse tagged(HttpResponse response, const StoredJob& job) {
  response.headers.push_back({"ETag", version_tag(job.version)});
  return response;
}

Error no_precondition() {
  return user_error("api.no_if_match", "an edit says which version of the job it is an edit of",
                    "send `If-Match` with the `ETag` of GET /v1/jobs/{job}, or for a new job "
                    "`If-None-Match: *`");
}

// What stands in `"v3"`, or in `"v3-..."` as GET of a job says it.
std::optional<std::int64_t> version_in(std::string_view tag) {
  if (!tag.starts_with("\"v") || !tag.ends_with('"') || tag.size() < 4) return std::nullopt;
  const std::string_view inner = tag.substr(2, tag.size() - 3);
  const std::string_view digits = inner.substr(0, inner.find('-'));
  std::int64_t version = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  const bool is_whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  return is_whole && version > 0 ? std::optional(version) : std::nullopt;
}

Result<std::int64_t> version_matched(const ApiContext& context, const ApiRequest& request) {
  if (const auto version = version_in(*request.if_match)) return *version;
  const Error changed = user_error("user.job_changed", "the If-Match is no version of that job",
                                   "send the `ETag` of GET /v1/jobs/{job}, as it is");
  if (*request.if_match != "*") return changed;
  TM_TRY(const auto newest, StoredJobTable(context.store).newest(request.at("job")));
  if (!newest || !newest->text) return changed;
  return newest->version;
}

// 0: of none.
Result<std::int64_t> version_edited(const ApiContext& context, const ApiRequest& request,
                                    bool may_be_new) {
  const bool is_new = request.if_none_match == "*";
  if (is_new && may_be_new && !request.if_match) return std::int64_t{0};
  if (!request.if_match || request.if_none_match) return no_precondition();
  return version_matched(context, request);
}

// The faults are told as `validate` tells them.
HttpResponse faulty(const ApiRequest& request, const EditedJob& edited) {
  const std::size_t count = edited.faults.size();
  std::string message = (count == 1 ? std::string("a fault") : std::to_string(count) + " faults") +
                        ", and nothing was stored:\n" + edited.faults.print();
  message.pop_back();  // the line break behind the last one
  const Error error = user_error("user.job_faults", std::move(message));
  HttpResponse response = problem(error, request.id);
  JsonValue document = problem_document(error, request.id);
  const JsonValue faults = faults_document(edited.faults);
  document.set("faults", *faults.find("faults"));
  response.body = to_json(document, JsonLayout::compact) + "\n";
  return response;
}

Answer put_job(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto text = body.text("text");
  TM_CHECK(body.end());
  if (!text)
    return user_error("api.bad_body", "`text` is missing",
                      "send what the job's file would say, as `application/yaml` or as `text`");
  JobEdit edit;
  edit.job = request.at("job");
  edit.text = *text;
  edit.by = request.who.name;
  TM_TRY(edit.of, version_edited(context, request, true));
  TM_TRY(const EditedJob edited, context.edit_job(edit));
  if (!edited.faults.empty()) return faulty(request, edited);
  const JsonValue json = edited_document(edited);
  if (*edit.of != 0) return tagged(json_answer(200, json), edited.job);
  return tagged(made_answer(201, "/v1/jobs/" + edit.job, json), edited.job);
}

Answer delete_job(const ApiContext& context, const ApiRequest& request) {
  JobEdit edit;
  edit.job = request.at("job");
  edit.by = request.who.name;
  TM_TRY(edit.of, version_edited(context, request, false));
  TM_TRY(const EditedJob edited, context.edit_job(edit));
  if (!edited.faults.empty()) return faulty(request, edited);
  return json_answer(200, edited_document(edited));
}

Answer list_job_versions(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const auto versions, StoredJobTable(context.store).versions(request.at("job")));
  // A job of a file has none here.
  if (versions.empty()) {
    const auto jobs = context.jobs.now();
    TM_TRY([[maybe_unused]] const ServedJob* job, served_job(*jobs, request.at("job")));
  }
  JsonArray list;
  for (const StoredJob& job : versions) {
    JsonValue json;
    json.set("version", job.version).set("by", job.set_by).set("at", to_text(job.set_at));
    list.push_back(json.set("is_out", !job.text));
  }
  return json_answer(200, JsonValue().set("versions", std::move(list)));
}

Answer get_job_version(const ApiContext& context, const ApiRequest& request) {
  const std::string& number = request.at("version");
  std::optional<StoredJob> found;
  if (const auto version = version_in("\"v" + number + "\"")) {
    TM_TRY(found, StoredJobTable(context.store).find(request.at("job"), *version));
  }
  if (found) return json_answer(200, document(*found));
  return user_error(
      "user.no_version",
      "there is no version `" + number + "` of a job `" + request.at("job") + "` in the store",
      "GET /v1/jobs/{job}/versions lists them");
}

}  // namespace

std::string version_tag(std::int64_t version, std::string_view state) {
  return "\"v" + std::to_string(version) + (state.empty() ? "" : "-") + std::string(state) + "\"";
}

std::vector<Route> job_edit_routes(const ApiContext& context) {
  using enum Role;
  return {{"PUT",
           "/v1/jobs/{job}",
           "put_job",
           editor,
           Reach::job,
           {},
           document_body_max,
           handled_by(context, put_job),
           {},
           "job.put",
           false,
           false,
           true},
          {"DELETE",
           "/v1/jobs/{job}",
           "delete_job",
           editor,
           Reach::job,
           {},
           0,
           handled_by(context, delete_job),
           {},
           "job.delete"},
          {"GET",
           "/v1/jobs/{job}/versions",
           "list_job_versions",
           viewer,
           Reach::job,
           {},
           0,
           handled_by(context, list_job_versions)},
          {"GET",
           "/v1/jobs/{job}/versions/{version}",
           "get_job_version",
           viewer,
           Reach::job,
           {},
           0,
           handled_by(context, get_job_version)}};
}

}  // namespace tidemark

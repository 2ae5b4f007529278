#include <utility>

#include "api/body.h"
#include "api/routes.h"
#include "quality/row_edits.h"

namespace tidemark {
namespace {

// So long an edit waits for a run of its job.
constexpr const char* edit_wait = "20s";
constexpr std::size_t rows_max = 100;
constexpr std::size_t names_shown_max = 500;  // bytes, in the audit log

std::string row_tag(const JsonValue& row) {
  const auto version = row.string_at("version");
  return "\"" + (version.ok() ? *version : std::string()) + "\"";
}

Answer row_answer(const ApiContext& context, const ApiRequest& request,
                  std::vector<std::string> arguments) {
  TM_TRY(const JsonValue row, document_of_command(context, request, std::move(arguments)));
  HttpResponse response = json_answer(200, row);
  response.headers.push_back({"ETag", row_tag(row)});
  return response;
}

Answer get_refused(const ApiContext& context, const ApiRequest& request) {
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  return row_answer(
      context, request,
      CommandWords({"quarantine"}).with({"show", job->spec().name.get(), request.at("row")}));
}

// The version that the tag names; nothing for `*`.
Result<std::optional<std::string>> version_matched(const ApiRequest& request) {
  if (!request.if_match || request.if_none_match)
    return user_error("api.no_if_match", "an edit says which version of the row it is an edit of",
                      "send `If-Match` with the `ETag` of GET /v1/jobs/{job}/quarantine/{row}");
  const std::string& tag = *request.if_match;
  if (tag == "*") return std::optional<std::string>();
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"')
    return user_error("user.row_changed", "the If-Match is no version of that row",
                      "send the `ETag` of GET /v1/jobs/{job}/quarantine/{row}, as it is");
  return std::optional(tag.substr(1, tag.size() - 2));
}

Answer edit_refused(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  const auto values = body.texts_by_name("values");
  TM_CHECK(body.end());
  if (!values)
    return user_error("api.bad_body", "`values` is missing",
                      R"(send the columns to change, as {"values": {"amount": "12.50"}})");
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  TM_TRY(const std::optional<std::string> version, version_matched(request));
  CommandWords arguments({"quarantine"});
  arguments.value("--values", to_json(*values, JsonLayout::compact))
      .value("--version", version)
      .value("--wait", edit_wait)
      .value("--by", request.who.name);
  return row_answer(context, request,
                    arguments.with({"edit", job->spec().name.get(), request.at("row")}));
}

// Of an edit the row and its columns, never a value.
std::string row_and_columns(const ApiRequest& request) {
  std::string names;
  const JsonValue* values = request.body.find("values");
  if (values != nullptr && values->object() != nullptr) {
    for (const JsonMember& member : *values->object())
      names += (names.empty() ? ": " : ", ") + member.name;
  }
  // Not within a character.
  if (names.size() > names_shown_max)
    names = ": " + std::to_string(names.size()) + " bytes of names";
  return request.at("job") + " " + request.at("row") + names;
}

// None where `ids` is left out, which asks for all; an empty list asks for nothing, and must not.
Result<std::vector<std::string>> rows_asked(const ApiRequest& request) {
  ApiBody body(request.body);
  std::vector<std::string> rows = body.texts("ids");
  TM_CHECK(body.end());
  if (rows.empty() && request.body.find("ids") != nullptr)
    return user_error("api.bad_body", "`ids` is an empty list", "leave `ids` out to ask for all");
  if (rows.size() > rows_max)
    return user_error("api.bad_body",
                      "`ids` has " + std::to_string(rows.size()) + " rows, and 100 are the most",
                      "ask for them in parts, or without `ids` for all");
  for (const std::string& row : rows) {
    if (!is_row_id(row))
      return user_error("api.bad_body", "`ids` has a text that is no id of a refused row",
                        "GET /v1/jobs/{job}/quarantine lists the ids: 32 hex digits each");
  }
  return rows;
}

Answer replay_refused(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const std::vector<std::string> rows, rows_asked(request));
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  const std::string& name = job->spec().name.get();
  CommandWords arguments({"replay"});
  arguments.flag("--quarantined", true);
  for (const std::string& row : rows)
    arguments.value("--id", row);
  return begin(context, request, {"replay_refused", name, name, true}, arguments.with({name}));
}

Answer list_refused(const ApiContext& context, const ApiRequest& request) {
  constexpr int page_usual = 100;
  constexpr int page_max = 1'000;
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  CommandWords arguments({"quarantine"});
  return answer_of(
      context, request,
      arguments.value("--limit", std::to_string(limit)).with({job->spec().name.get()}));
}

}  // namespace

std::vector<Route> quarantine_routes(const ApiContext& context) {
  using enum Role;
  std::vector<Route> routes{{"GET",
                             "/v1/jobs/{job}/quarantine",
                             "list_refused",
                             operator_,
                             Reach::job,
                             {"limit"},
                             0,
                             handled_by(context, list_refused),
                             {},
                             "quarantine.read"},
                            {"GET",
                             "/v1/jobs/{job}/quarantine/{row}",
                             "get_refused",
                             operator_,
                             Reach::job,
                             {},
                             0,
                             handled_by(context, get_refused),
                             {},
                             "quarantine.read"},
                            {"PATCH",
                             "/v1/jobs/{job}/quarantine/{row}",
                             "edit_refused",
                             editor,
                             Reach::job,
                             {},
                             document_body_max,
                             handled_by(context, edit_refused),
                             {},
                             "quarantine.edit"},
                            {"POST",
                             "/v1/jobs/{job}/quarantine/replay",
                             "replay_refused",
                             operator_,
                             Reach::job,
                             {},
                             document_body_max,
                             handled_by(context, replay_refused),
                             {},
                             "quarantine.replay",
                             true,
                             true}};
  routes[1].object = row_and_columns;
  routes[2].object = row_and_columns;
  return routes;
}

}  // namespace tidemark

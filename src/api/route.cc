#include "api/route.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidemark {
namespace {

Error bad_parameter(const char* name, const std::string& value, std::string hint) {
  return user_error("api.bad_parameter",
                    "`" + std::string(name) + "=" + value + "` is no value of that parameter",
                    std::move(hint));
}

}  // namespace

std::optional<std::string> ApiRequest::asked(const char* name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::nullopt : std::optional(found->second);
}

Result<int> ApiRequest::number(const char* name, int otherwise, int min, int max) const {
  const auto text = asked(name);
  if (!text) return otherwise;
  int number = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && number >= min && number <= max) return number;
  return bad_parameter(name, *text,
                       "write a number from " + std::to_string(min) + " to " + std::to_string(max));
}

Result<bool> ApiRequest::flag(const char* name) const {
  TM_TRY(const std::string word, this->word(name, {"false", "true"}));
  return word == "true";
}

Result<std::string> ApiRequest::word(const char* name,
                                     const std::vector<std::string>& words) const {
  const auto text = asked(name);
  if (!text) return std::string();
  if (std::find(words.begin(), words.end(), *text) != words.end()) return *text;
  std::string list;
  for (const std::string& word : words)
    list += (list.empty() ? "" : ", ") + word;
  return bad_parameter(name, *text, "write one of " + list);
}

Status check_job(const Principal& who, const std::string& job) {
  if (who.is_for(job)) return {};
  Error refused = no_job(job);
  refused.code = other_job_code;
  return refused;
}

Error no_job(const std::string& job) {
  return user_error("user.no_job", "there is no job `" + job + "`", "GET /v1/jobs lists them");
}

HttpResponse json_answer(int status, const JsonValue& document) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"}};
  response.body = to_json(document, JsonLayout::compact) + "\n";
  return response;
}

HttpResponse made_answer(int status, std::string location, const JsonValue& document) {
  HttpResponse response = json_answer(status, document);
  response.headers.push_back({"Location", std::move(location)});
  return response;
}

}  // namespace tidemark

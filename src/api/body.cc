#include "api/body.h"

#include <algorithm>
#include <utility>

#include "base/nearest.h"

namespace tidemark {

namespace {

// What goes on as an argument of a command ends at a NUL.
bool ends_early(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

}  // namespace

const JsonValue* ApiBody::find(const char* name) {
  known_.emplace_back(name);
  return value_.find(name);
}

void ApiBody::fault(std::string what, std::string hint) {
  if (!fault_) fault_ = user_error("api.bad_body", std::move(what), std::move(hint));
}

std::optional<std::string> ApiBody::text(const char* name) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::string* text = value->string();
  if (text != nullptr && !ends_early(*text)) return *text;
  fault("`" + std::string(name) + "` must be a text", "write it in quotes");
  return std::nullopt;
}

std::optional<bool> ApiBody::flag_or_nothing(const char* name) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (const bool* flag = value->boolean()) return *flag;
  fault("`" + std::string(name) + "` must be true or false", "write it without quotes");
  return std::nullopt;
}

bool ApiBody::flag(const char* name) {
  return flag_or_nothing(name).value_or(false);
}

std::vector<std::string> ApiBody::texts(const char* name) {
  std::vector<std::string> texts;
  const JsonValue* value = find(name);
  if (value == nullptr) return texts;
  const JsonArray* items = value->array();
  const bool good =
      items != nullptr && std::all_of(items->begin(), items->end(), [](const JsonValue& item) {
        return item.string() != nullptr && !ends_early(*item.string());
      });
  if (!good) {
    fault("`" + std::string(name) + "` must be a list of texts", "for example [\"orders\"]");
    return texts;
  }
  for (const JsonValue& item : *items)
    texts.push_back(*item.string());
  return texts;
}

std::optional<std::int64_t> ApiBody::count(const char* name, std::int64_t max) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::int64_t* number = value->integer();
  if (number != nullptr && *number >= 1 && *number <= max) return *number;
  fault("`" + std::string(name) + "` must be a whole number from 1 to " + std::to_string(max),
        "write it without quotes");
  return std::nullopt;
}

std::optional<JsonValue> ApiBody::texts_by_name(const char* name) {
  const JsonValue* value = find(name);
  if (value == nullptr) return std::nullopt;
  const JsonObject* members = value->object();
  if (members == nullptr || members->empty()) {
    fault("`" + std::string(name) + "` must be an object with a member",
          R"(for example {"amount": "12.50"})");
    return std::nullopt;
  }
  for (const JsonMember& member : *members) {
    if (member.value.string() != nullptr || member.value.is_null()) continue;
    fault("`" + std::string(name) + "." + member.name + "` must be a text or null",
          R"(write 12.50 as "12.50": a number of JSON may lose digits)");
    return std::nullopt;
  }
  return *value;
}

Status ApiBody::end() const {
  if (fault_) return *fault_;
  if (value_.is_null()) return {};
  const JsonObject* members = value_.object();
  if (members == nullptr)
    return user_error("api.bad_body", "the body must be a JSON object", "for example {}");
  for (const JsonMember& member : *members) {
    if (std::find(known_.begin(), known_.end(), member.name) != known_.end()) continue;
    const auto near = nearest_word(member.name, known_);
    return user_error(
        "api.bad_body", "there is no member `" + member.name + "` here",
        near ? "did you mean `" + *near + "`?" : "GET /v1/openapi.yaml tells the members");
  }
  return {};
}

}  // namespace tidemark

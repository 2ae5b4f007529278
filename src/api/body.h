// ApiBody: the members of a request's JSON object, each read once by its name and kind; what nobody
// read is a fault, so that a word written wrongly is no option left out.
//
// Used by one handler; the value it reads outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/json/json.h"

namespace tidemark {

class ApiBody {
 public:
  // Null, where no body was sent, is an object without members.
  explicit ApiBody(const JsonValue& value) : value_(value) {}

  std::optional<std::string> text(const char* name);
  bool flag(const char* name);
  std::optional<bool> flag_or_nothing(const char* name);
  std::vector<std::string> texts(const char* name);
  // A whole number from 1 to `max`.
  std::optional<std::int64_t> count(const char* name, std::int64_t max);
  // An object whose members are texts or null.
  std::optional<JsonValue> texts_by_name(const char* name);
  // `api.bad_body`: the first fault of what was read, or a member that was not.
  Status end() const;

 private:
  const JsonValue* find(const char* name);
  void fault(std::string what, std::string hint);

  const JsonValue& value_;
  std::vector<std::string> known_;
  std::optional<Error> fault_;
};

}  // namespace tidemark

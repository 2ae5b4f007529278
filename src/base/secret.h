// Secret: a string that never prints itself. It has no stream or format operator; `reveal` is for
// the one call that hands it to a driver.
#pragma once

#include <string>
#include <utility>

namespace tidemark {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  static const char* shown() { return "[secret]"; }

 private:
  std::string value_;
};

}  // namespace tidemark

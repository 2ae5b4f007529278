// Secret: a string that never prints itself, and is overwritten where it ends. It has no stream or
// format operator; `reveal` is for the one call that hands it to a driver.
//
// Either it holds its value, or it is asked for each time it is used: then it holds how to ask. A
// value; copies are as secret. No thread rule of its own, the source may have one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace tidemark {

class Secret {
 public:
  using Source = std::function<Result<Secret>()>;

  Secret() = default;
  explicit Secret(std::string value);
  // `written` is where it comes from, as `${env:NAME}`: no secret.
  static Secret asked_for(std::string written, Source source);
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret other) noexcept;
  ~Secret();

  // REQUIRES: holds its value, as what now() returns.
  const std::string& reveal() const;
  // Holding its value. The source may block and fail.
  Result<Secret> now() const;
  // Nothing was said: neither a value nor a source.
  bool empty() const { return value_.empty() && source_ == nullptr; }
  // Empty where it holds its value.
  const std::string& written() const { return written_; }
  static const char* shown() { return "[secret]"; }

 private:
  std::string value_;
  std::string written_;
  std::shared_ptr<const Source> source_;  // shared by the copies; never changed
};

}  // namespace tidemark

// LogLine: one line of a log as text or as JSON, with nothing in it that ends the line, or that a
// terminal would obey.
//
// Built once, by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "observe/log.h"

namespace tidemark {

class LogLine {
 public:
  // `now`: microseconds since 1970, UTC.
  LogLine(LogFormat format, std::int64_t now, std::string_view level, std::string_view component,
          std::string_view message);
  void add(const LogField& field);
  // The line with its end.
  std::string end() &&;

 private:
  void add_quoted(std::string_view text);

  const LogFormat format_;
  std::string text_;
};

// What begins with no blank and is one word of a text line as it is; anything else in quotes.
std::string log_text_value(std::string_view value);

}  // namespace tidemark

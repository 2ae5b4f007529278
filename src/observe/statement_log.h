// StatementLog: one statement that a driver sends, as a line at `trace`: its text without the
// values in it, and how long it took. Parameters are not told at all.
//
// Lives as long as the call that sends it; one thread. Where nobody reads such lines it costs one
// read of an atomic.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "observe/log.h"

namespace tidemark {

// What stands between double quotes.
enum class DoubleQuotes { name, value };

inline constexpr std::size_t statement_bytes_max = 500;

// The text with `?` in the place of each literal, one blank in the place of several, and cut at
// statement_bytes_max. Of a text with a backslash or a comment, which not all systems read alike,
// or one where a literal does not end, only its length and its hash: so no value is ever told.
std::string statement_text(std::string_view sql, DoubleQuotes quotes);

class StatementLog {
 public:
  // `sql` outlives it.
  StatementLog(LogComponent component, std::string_view sql,
               DoubleQuotes quotes = DoubleQuotes::name)
      : component_(component), quotes_(quotes) {
    if (process_log().tells(LogLevel::trace, component)) begin(sql);
  }
  ~StatementLog() {
    if (sql_.data() != nullptr) end();
  }
  StatementLog(const StatementLog&) = delete;
  StatementLog& operator=(const StatementLog&) = delete;

 private:
  void begin(std::string_view sql);
  void end() noexcept;

  const LogComponent component_;
  const DoubleQuotes quotes_;
  std::string_view sql_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace tidemark

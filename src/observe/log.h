// Log: what a process tells of its work while it works: lines on stderr, each with its time, a
// level, a component, and what it is of.
//
// A process has one, process_log(), since a driver that tells what it sends would else be handed it
// through every layer above. It tells nothing until set_up(). Any thread; a line whose level is off
// costs one read of an atomic. Nothing that a value holds begins a new line, and a Secret cannot be
// one: there is no field of it. It never fails: what cannot be written is lost.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tidemark {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

// Who tells: a folder of src/, or one of src/drivers/. This is the list of them.
enum class LogComponent : std::uint8_t {
  access,
  alert,
  api,
  cli,
  run,
  schedule,
  store,
  telemetry,
  duckdb,
  http,
  mysql,
  postgres,
  redis,
  sqlite,
};
inline constexpr std::array<std::pair<std::string_view, LogComponent>, 14> log_components{{
    {"access", LogComponent::access},
    {"alert", LogComponent::alert},
    {"api", LogComponent::api},
    {"cli", LogComponent::cli},
    {"run", LogComponent::run},
    {"schedule", LogComponent::schedule},
    {"store", LogComponent::store},
    {"telemetry", LogComponent::telemetry},
    {"duckdb", LogComponent::duckdb},
    {"http", LogComponent::http},
    {"mysql", LogComponent::mysql},
    {"postgres", LogComponent::postgres},
    {"redis", LogComponent::redis},
    {"sqlite", LogComponent::sqlite},
}};
inline constexpr std::array<std::pair<std::string_view, LogLevel>, 5> log_levels{{
    {"trace", LogLevel::trace},
    {"debug", LogLevel::debug},
    {"info", LogLevel::info},
    {"warn", LogLevel::warn},
    {"error", LogLevel::error},
}};

std::string_view to_string(LogLevel level);
std::string_view to_string(LogComponent component);
std::optional<LogLevel> log_level_named(std::string_view name);
std::optional<LogComponent> log_component_named(std::string_view name);
// The names, as a sentence lists them.
std::vector<std::string> log_component_names();

// What is told, and how.
struct LogSpec {
  LogLevel level = LogLevel::info;
  std::map<LogComponent, LogLevel> levels;  // of those that have their own
  LogFormat format = LogFormat::text;

  LogLevel level_of(LogComponent component) const;
  friend bool operator==(const LogSpec&, const LogSpec&) = default;
};

// What a command line says of it, which goes before what a file says.
struct LogWish {
  std::optional<LogLevel> level;
  std::map<LogComponent, LogLevel> levels;

  // One `LEVEL` or `COMPONENT=LEVEL`; the last of several counts. `user.usage`.
  Status add(std::string_view text);
  LogSpec over(LogSpec spec) const;
};

// One value of a line, by its name. A view: what it was made of outlives it.
class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, std::integral auto value)
      : name_(name), value_(static_cast<std::int64_t>(value)) {}
  LogField(std::string_view name, double value) : name_(name), value_(value) {}

  std::string_view name() const { return name_; }
  const std::variant<std::string_view, std::int64_t, double>& value() const { return value_; }

 private:
  std::string_view name_;
  std::variant<std::string_view, std::int64_t, double> value_;
};
using LogFields = std::vector<LogField>;

// What the work of a thread is of; empty: not known.
struct LogContext {
  std::string run;
  std::string job;
  std::string request;
};
// Of the thread that asks, for a thread that it begins.
const LogContext& log_context();

// The lines of this thread are of `more` too, as long as it lives. Those of one thread are
// destroyed in reverse.
class LogScope {
 public:
  explicit LogScope(LogContext more);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  LogContext before_;
};

class Log {
 public:
  using Write = std::function<void(std::string_view)>;  // a line, with its end; one at a time
  using Now = std::function<std::int64_t()>;            // microseconds since 1970, UTC

  // So often a message of a level from info on is told in a minute; the others of that minute are
  // counted, and told as a number after it.
  static constexpr int same_told_max = 5;
  // So many messages are watched for that at a time, told apart by so many bytes and their length.
  static constexpr std::size_t same_watched_max = 256;
  static constexpr std::size_t same_bytes_max = 500;
  // What is longer is cut.
  static constexpr std::size_t value_bytes_max = 4'000;

  // To stderr, by the system's clock.
  Log();
  Log(Write write, Now now);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // From now on; any number of times.
  void set_up(const LogSpec& spec);
  bool tells(LogLevel level, LogComponent component) const noexcept {
    return level >= least_[static_cast<std::size_t>(component)].load(std::memory_order_relaxed);
  }
  // With what log_context() knows, where no field says otherwise. Empty fields are left out. What
  // two requests do is not the same message, except where a field says the request.
  void tell(LogLevel level, LogComponent component, std::string_view message,
            const LogFields& fields = {});
  // What the error says, with its code and hint; `before` stands before it.
  void tell_error(LogLevel level, LogComponent component, std::string_view before,
                  const Error& error, LogFields fields = {});
  // Tells the numbers of those whose minute is over. For who has nothing else to do.
  void settle();
  // Tells all numbers. For who ends.
  void finish();
  // Whether any component tells it.
  bool tells(LogLevel level) const noexcept;

 private:
  struct Same {
    LogLevel level;
    LogComponent component;
    std::string message;
    std::string job;
    std::int64_t since = 0;
    int told = 0;
    std::int64_t held = 0;  // not told
  };
  // With mutex_ held.
  bool is_held(LogLevel level, LogComponent component, std::string_view message,
               const std::string& request, std::int64_t now);
  void let_one_go(std::int64_t now);
  void tell_held(const Same& same, std::int64_t now);
  void settle(std::int64_t now);
  void write(std::int64_t now, LogLevel level, LogComponent component, std::string_view message,
             const LogContext& context, const LogFields& fields);

  const Write write_;
  const Now now_;
  // One above `error`: off.
  std::array<std::atomic<LogLevel>, log_components.size()> least_;
  std::mutex mutex_;
  // Guarded by mutex_.
  LogFormat format_ = LogFormat::text;
  std::map<std::string, Same> same_;
};

// Never destroyed.
Log& process_log();

}  // namespace tidemark

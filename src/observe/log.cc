#include "observe/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <tuple>

#include <fmt/format.h>

#include "base/nearest.h"
#include "observe/log_line.h"

namespace tidemark {
namespace {

constexpr std::int64_t minute_us = 60'000'000;
constexpr auto off = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);

thread_local LogContext context_of_thread;

// A stderr that does not block is waited for so long in all, for a line; once, until it takes
// something again.
constexpr std::chrono::milliseconds stderr_patience{200};

// Whether all of it was written; what was is taken from it.
bool write_whole(std::string_view& text, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    if (written > 0 || (written < 0 && errno == EINTR)) continue;
    if (written == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    ::poll(&writable, 1, static_cast<int>(left.count()));
  }
  return true;
}

// One line at a time, as the Log calls it.
void write_to_stderr(std::string_view line) {
  // Half of a line stands there, and the next is not to be glued to it.
  static bool is_torn = false;
  static bool is_stuck = false;
  const auto patience = is_stuck ? std::chrono::milliseconds(0) : stderr_patience;
  std::string_view end = is_torn ? "\n" : "";
  const std::size_t size = line.size();
  is_stuck = !write_whole(end, patience) || !write_whole(line, patience);
  if (end.empty()) is_torn = is_stuck && line.size() < size;
}

std::int64_t now_of_system() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

template <class Names>
auto find_named(const Names& names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& one) { return one.first == name; });
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

template <class Names>
std::vector<std::string> words_of(const Names& names) {
  std::vector<std::string> words;
  for (const auto& one : names)
    words.emplace_back(one.first);
  return words;
}

// Its first bytes, up to the end of a character, with its length where that is not all.
std::string shortened(std::string_view message) {
  std::size_t size = std::min(message.size(), Log::same_bytes_max);
  if (size == message.size()) return std::string(message);
  while (size > 0 && (static_cast<unsigned char>(message[size]) & 0xc0) == 0x80)
    --size;
  return fmt::format("{}... ({} bytes)", message.substr(0, size), message.size());
}

std::string unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string>& known) {
  const auto near = nearest_word(word, known);
  return fmt::format("`{}` is no {}{}", word, what,
                     near ? "; did you mean `" + *near + "`?" : std::string());
}

}  // namespace

std::string_view to_string(LogLevel level) {
  return log_levels.at(static_cast<std::size_t>(level)).first;
}

std::string_view to_string(LogComponent component) {
  return log_components.at(static_cast<std::size_t>(component)).first;
}

std::optional<LogLevel> log_level_named(std::string_view name) {
  return find_named(log_levels, name);
}

std::optional<LogComponent> log_component_named(std::string_view name) {
  return find_named(log_components, name);
}

std::vector<std::string> log_component_names() {
  return words_of(log_components);
}

LogLevel LogSpec::level_of(LogComponent component) const {
  const auto own = levels.find(component);
  return own == levels.end() ? level : own->second;
}

Status LogWish::add(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = equals == std::string_view::npos ? text : text.substr(equals + 1);
  const auto wanted = log_level_named(name);
  if (!wanted) {
    return user_error("user.usage", "--log-level: " + unknown("level", name, words_of(log_levels)),
                      "write trace, debug, info, warn or error, or COMPONENT=LEVEL");
  }
  if (equals == std::string_view::npos) {
    level = wanted;
    return {};
  }
  const std::string_view whose = text.substr(0, equals);
  const auto component = log_component_named(whose);
  if (!component) {
    std::string names;
    for (const auto& one : log_components)
      names += (names.empty() ? "" : ", ") + std::string(one.first);
    return user_error("user.usage",
                      "--log-level: " + unknown("component", whose, log_component_names()),
                      "components are " + names);
  }
  levels[*component] = *wanted;
  return {};
}

LogSpec LogWish::over(LogSpec spec) const {
  if (level) {
    spec.level = *level;
    spec.levels.clear();
  }
  for (const auto& [component, wanted] : levels)
    spec.levels[component] = wanted;
  return spec;
}

const LogContext& log_context() {
  return context_of_thread;
}

LogScope::LogScope(LogContext more) : before_(context_of_thread) {
  LogContext& now = context_of_thread;
  if (!more.run.empty()) now.run = std::move(more.run);
  if (!more.job.empty()) now.job = std::move(more.job);
  if (!more.request.empty()) now.request = std::move(more.request);
}

LogScope::~LogScope() {
  context_of_thread = std::move(before_);
}

Log::Log() : Log(write_to_stderr, now_of_system) {}

Log::Log(Write write, Now now) : write_(std::move(write)), now_(std::move(now)) {
  for (auto& least : least_)
    least = off;
}

void Log::set_up(const LogSpec& spec) {
  const std::lock_guard lock(mutex_);
  format_ = spec.format;
  for (const auto& [name, component] : log_components)
    least_[static_cast<std::size_t>(component)] = spec.level_of(component);
}

void Log::tell(LogLevel level, LogComponent component, std::string_view message,
               const LogFields& fields) {
  if (!tells(level, component)) return;
  const std::lock_guard lock(mutex_);
  const std::int64_t now = now_();
  settle(now);
  // Who asks for more than info asks for every line.
  const bool says_request = std::any_of(fields.begin(), fields.end(), [](const LogField& field) {
    return field.name() == "request";
  });
  const std::string request = says_request ? std::string() : context_of_thread.request;
  if (level >= LogLevel::info && is_held(level, component, message, request, now)) return;
  write(now, level, component, message, context_of_thread, fields);
}

void Log::tell_error(LogLevel level, LogComponent component, std::string_view before,
                     const Error& error, LogFields fields) {
  if (!tells(level, component)) return;
  std::string message(before);
  if (!message.empty()) message += ": ";
  message += error.describe();
  fields.emplace_back("code", error.code);
  if (!error.hint.empty()) fields.emplace_back("hint", error.hint);
  tell(level, component, message, fields);
}

void Log::settle() {
  const std::lock_guard lock(mutex_);
  settle(now_());
}

void Log::finish() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = now_();
  for (const auto& [key, same] : same_)
    tell_held(same, now);
  same_.clear();
}

bool Log::tells(LogLevel level) const noexcept {
  return std::any_of(least_.begin(), least_.end(), [&](const auto& least) {
    return level >= least.load(std::memory_order_relaxed);
  });
}

void Log::settle(std::int64_t now) {
  for (auto at = same_.begin(); at != same_.end();) {
    const Same& same = at->second;
    // A clock that was set back begins it anew.
    const bool is_over = now - same.since >= minute_us || now < same.since;
    if (!is_over) {
      ++at;
      continue;
    }
    tell_held(same, now);
    at = same_.erase(at);
  }
}

// One that was told once before those that do repeat: each request may come with its own.
void Log::let_one_go(std::int64_t now) {
  const auto rank = [](const auto& one) {
    return std::tuple(one.second.told > 1, one.second.since);
  };
  const auto least = std::min_element(
      same_.begin(), same_.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  tell_held(least->second, now);
  same_.erase(least);
}

bool Log::is_held(LogLevel level, LogComponent component, std::string_view message,
                  const std::string& request, std::int64_t now) {
  const std::string& job = context_of_thread.job;
  std::string words = shortened(message);
  const std::string key = fmt::format("{} {} {}\n{}\n{}", static_cast<int>(level),
                                      static_cast<int>(component), words, job, request);
  const auto found = same_.find(key);
  if (found == same_.end()) {
    if (same_.size() >= same_watched_max) let_one_go(now);
    same_.emplace(key, Same{level, component, std::move(words), job, now, 1, 0});
    return false;
  }
  Same& same = found->second;
  if (same.told < same_told_max) {
    ++same.told;
    return false;
  }
  ++same.held;
  return true;
}

void Log::tell_held(const Same& same, std::int64_t now) {
  if (same.held == 0) return;
  write(now, same.level, same.component, same.message, {{}, same.job, {}},
        {{"more_times", same.held}});
}

void Log::write(std::int64_t now, LogLevel level, LogComponent component, std::string_view message,
                const LogContext& context, const LogFields& fields) {
  LogLine line(format_, now, to_string(level), to_string(component), message);
  const auto add = [&](const LogField& field) {
    const auto* const text = std::get_if<std::string_view>(&field.value());
    if (text == nullptr || !text->empty()) line.add(field);
  };
  const auto add_known = [&](std::string_view name, const std::string& value) {
    const bool is_said = std::any_of(fields.begin(), fields.end(),
                                     [&](const LogField& field) { return field.name() == name; });
    if (!is_said) add({name, value});
  };
  add_known("run", context.run);
  add_known("job", context.job);
  add_known("request", context.request);
  for (const LogField& field : fields)
    add(field);
  write_(std::move(line).end());
}

Log& process_log() {
  static Log& log = *new Log();
  return log;
}

}  // namespace tidemark

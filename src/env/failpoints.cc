#ifdef TIDEMARK_FAILPOINTS

#include "env/failpoints.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

#include "env/files.h"

namespace tidemark::failpoints {

namespace {

struct Known {
  std::string_view name;
  bool durable;
};

constexpr std::array known_points{
#define TM_FAILPOINT_ROW(name, text, durable) Known{text, durable},
    TM_FAILPOINTS(TM_FAILPOINT_ROW)
#undef TM_FAILPOINT_ROW
};

const Known& known(Failpoint point) {
  return known_points[static_cast<std::size_t>(point)];
}

// What is armed, and how often it was reached.
struct Armed {
  std::string where;
  int left = 0;  // reaches until it acts; 0: nothing is armed
  std::function<std::optional<std::string>()> action;
};

void log_action(std::string_view name, std::string_view action) {
  const char* path = std::getenv("TIDEMARK_FAILPOINT_LOG");
  if (path == nullptr) return;
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::string line = std::string(name) + " " + std::string(action) + "\n";
  static_cast<void>(!::write(file, line.data(), line.size()));
  ::close(file);
}

std::optional<std::string> act(std::string_view name, const std::string& action) {
  log_action(name, action);
  if (action == "kill") ::kill(::getpid(), SIGKILL);
  if (action == "stop") {
    ::kill(::getpid(), SIGSTOP);
    return std::nullopt;
  }
  return action;
}

class Registry {
 public:
  Registry() {
    const char* text = std::getenv("TIDEMARK_FAILPOINT");
    if (text == nullptr) return;
    const std::string_view wanted = text;
    const std::size_t at = wanted.find('@');
    const std::size_t equals = wanted.find('=', at);
    if (at == std::string_view::npos || equals == std::string_view::npos) std::abort();
    armed_.where = wanted.substr(0, at);
    armed_.left = std::atoi(std::string(wanted.substr(at + 1, equals - at - 1)).c_str());
    action_ = wanted.substr(equals + 1);
    if (armed_.left < 1 || !is_known(armed_.where)) std::abort();
  }

  std::optional<std::string> reach(Failpoint point) {
    const Known& here = known(point);
    std::function<std::optional<std::string>()> action;
    {
      const std::lock_guard guard(mutex_);
      if (armed_.left == 0 || !matches(here) || --armed_.left > 0) return std::nullopt;
      action = std::exchange(armed_.action, nullptr);
    }
    // Outside the lock: it may wait, and other threads go on.
    return action ? action() : act(here.name, action_);
  }

  void arm(Armed armed) {
    const std::lock_guard guard(mutex_);
    armed_ = std::move(armed);
  }

 private:
  static bool is_known(std::string_view where) {
    if (where == "any" || where == "durable") return true;
    for (const Known& point : known_points) {
      if (point.name == where) return true;
    }
    return false;
  }
  bool matches(const Known& here) const {
    if (armed_.where == "any") return true;
    return armed_.where == "durable" ? here.durable : armed_.where == here.name;
  }

  std::mutex mutex_;
  Armed armed_;
  std::string action_;
};

Registry& registry() {
  static Registry one;
  return one;
}

}  // namespace

std::optional<std::string> reach(Failpoint point) {
  return registry().reach(point);
}

Status reach_file(Failpoint point) {
  const std::optional<std::string> fault = reach(point);
  if (!fault) return {};
  const int number = *fault == "enospc" ? ENOSPC : EIO;
  return file_error("pass", std::string(known(point).name), number);
}

void arm(Failpoint point, int nth, std::function<std::optional<std::string>()> action) {
  registry().arm({std::string(known(point).name), nth, std::move(action)});
}

void disarm() {
  registry().arm({});
}

}  // namespace tidemark::failpoints

#endif

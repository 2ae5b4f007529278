#include "env/process.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace tidemark {

namespace {

struct Identity {
  std::string host;
  std::string boot;
  std::string pid;
  std::string start;
};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Field 22 of /proc/PID/stat; empty when there is no such process. The name before may hold
// anything, also blanks and brackets, so the fields are counted from its end.
std::string start_of(const std::string& pid) {
  const std::string stat = first_line("/proc/" + pid + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  constexpr int fields_between = 19;  // state is field 3
  std::string field;
  for (int at = 0; at <= fields_between; ++at) {
    if (!(fields >> field)) return {};
    // A zombie has ended; only its parent has not looked yet.
    if (at == 0 && field == "Z") return {};
  }
  return field;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

// Empty where it cannot be told.
std::string boot_and_pids() {
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  std::error_code code;
  const std::string pids = std::filesystem::read_symlink("/proc/self/ns/pid", code).string();
  return boot.empty() || code ? std::string() : boot + ":" + pids;
}

Identity parse(std::string_view text) {
  Identity identity;
  std::array<std::string*, 4> parts{&identity.host, &identity.boot, &identity.pid, &identity.start};
  for (std::string* part : parts) {
    const std::size_t slash = text.find('/');
    *part = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  }
  return identity;
}

Identity own_identity() {
  const std::string pid = std::to_string(::getpid());
  return {host_name(), boot_and_pids(), pid, start_of(pid)};
}

}  // namespace

std::string this_process() {
  const Identity self = own_identity();
  return self.host + "/" + self.boot + "/" + self.pid + "/" + self.start;
}

bool process_is_gone(std::string_view process) {
  const Identity other = parse(process);
  if (other.pid.empty() || other.host != host_name()) return false;
  const std::string boot = boot_and_pids();
  if (boot.empty() || other.boot.empty() || other.start.empty()) return false;
  return boot != other.boot || start_of(other.pid) != other.start;
}

bool process_is_gone_here(std::string_view process) {
  return parse(process).boot == boot_and_pids() && process_is_gone(process);
}

std::string name_of_process(std::string_view process) {
  const Identity other = parse(process);
  return "process " + other.pid + " on " + other.host;
}

std::string describe_process(std::string_view process) {
  const Identity other = parse(process);
  return other.host == host_name() ? "process " + other.pid : name_of_process(process);
}

std::string this_user() {
  const uid_t user = ::geteuid();
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16 * 1024> names{};
  const int failed = ::getpwuid_r(user, &entry, names.data(), names.size(), &found);
  return failed == 0 && found != nullptr ? found->pw_name : std::to_string(user);
}

std::string this_host() {
  return host_name();
}

}  // namespace tidemark

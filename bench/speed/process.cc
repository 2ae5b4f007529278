#include "process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "fail.h"

namespace tidemark::bench {
namespace {

// Of the handlers, which have no arguments of ours.
volatile pid_t group_to_kill = 0;
volatile sig_atomic_t alarmed = 0;

void on_alarm(int /*signal*/) {
  alarmed = 1;
  kill(-group_to_kill, SIGKILL);
  alarm(1);  // again, for those that were being started
}

// Who ends this process ends the command too, which as a group of its own hears of no Ctrl-C.
void on_end(int signal) {
  if (group_to_kill != 0) kill(-group_to_kill, SIGKILL);
  _exit(128 + signal);
}

// Output goes to memory that nobody must read while the command runs.
int memory_file() {
  const int file = memfd_create("output", 0);
  if (file < 0) fail(std::string("memfd_create: ") + std::strerror(errno));
  return file;
}

std::string take_text(int file) {
  std::string text;
  std::array<char, 65536> buffer{};
  lseek(file, 0, SEEK_SET);
  for (ssize_t got = 0; (got = read(file, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  close(file);
  return text;
}

[[noreturn]] void become(const std::string& command, int out, int err) {
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(out);
  close(err);
  execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void take_over_orphans() {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) fail(std::string("prctl: ") + std::strerror(errno));
  struct sigaction action{};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  action.sa_handler = on_end;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaction(signal, &action, nullptr);
}

Ran run_command(const std::string& command, unsigned seconds_max) {
  const int out = memory_file();
  const int err = memory_file();
  Ran ran;
  alarmed = 0;
  const auto started = std::chrono::steady_clock::now();
  const pid_t pid = fork();
  if (pid < 0) fail(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) become(command, out, err);
  setpgid(pid, pid);
  group_to_kill = pid;
  alarm(seconds_max);
  while (true) {
    int status = 0;
    rusage used{};
    const pid_t ended = wait4(-1, &status, 0, &used);
    if (ended < 0 && errno == EINTR) continue;
    if (ended < 0) break;  // nobody is left
    ran.cpu_seconds += seconds(used.ru_utime) + seconds(used.ru_stime);
    ran.peak_mib = std::max(ran.peak_mib, static_cast<double>(used.ru_maxrss) / 1024);
    if (ended == pid)
      ran.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  alarm(0);
  group_to_kill = 0;
  ran.wall_seconds = took.count();
  ran.timed_out = alarmed != 0;
  ran.out = take_text(out);
  ran.err = take_text(err);
  return ran;
}

}  // namespace tidemark::bench

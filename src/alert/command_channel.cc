// A command of the user's as a channel: the document on its stdin, no shell, an environment of its
// own.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "alert/channel.h"

namespace tidemark {
namespace {

constexpr std::size_t output_max = 200;
constexpr int look_every_ms = 20;
constexpr std::array kept_variables{"PATH", "HOME", "USER", "LANG", "TZ"};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

Error cannot(const std::string& what, const std::string& name) {
  return internal_error("alert.command",
                        what + " for channel `" + name + "`: " + std::strerror(errno),
                        Retry::backoff);
}

// A file of its own: a command that does not read it holds nobody up.
Result<int> file_of(const std::string& text, const std::string& name) {
  const int file = ::memfd_create("alert", MFD_CLOEXEC);
  if (file < 0) return cannot("cannot keep a document", name);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(file, text.data() + at, text.size() - at);
    if (written < 0) {
      const Error error = cannot("cannot keep a document", name);
      ::close(file);
      return error;
    }
    at += static_cast<std::size_t>(written);
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words)
    pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Its own group, so that all of it can be ended; signals and descriptors as a shell gives them.
int spawn(std::vector<std::string> words, int input, int output, pid_t& child) {
  std::vector<std::string> variables;
  for (const char* const name : kept_variables) {
    if (const char* const value = std::getenv(name))
      variables.push_back(std::string(name) + "=" + value);
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  ::posix_spawn_file_actions_adddup2(&actions, output, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const int failed = ::posix_spawnp(&child, words.front().c_str(), &actions, &attributes,
                                    pointers_to(words).data(), pointers_to(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return failed;
}

class CommandChannel final : public Channel {
 public:
  CommandChannel(ChannelSpec spec, const Clock& clock) : spec_(std::move(spec)), clock_(clock) {}

  Status send(const AlertMessage& message, const Cancel& cancel) override {
    TM_TRY(const int file, file_of(to_json(document_of(message)) + "\n", spec_.name.value));
    const Descriptor input(file);
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot("cannot make a pipe", spec_.name.value);
    const Descriptor output(ends[0]);
    ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
    pid_t child = 0;
    int failed = 0;
    {
      const Descriptor theirs(ends[1]);
      failed = spawn(spec_.command, input.get(), theirs.get(), child);
    }
    if (failed != 0) {
      return user_error("alert.command",
                        "cannot run the command `" + spec_.command.front() + "` of channel `" +
                            spec_.name.value + "`: " + std::strerror(failed),
                        "name a program that the service's user may run");
    }
    return wait(child, output.get(), cancel);
  }

 private:
  Status wait(pid_t child, int output, const Cancel& cancel) {
    const auto until = clock_.monotonic() + spec_.deadline;
    std::string said;
    int status = 0;
    while (true) {
      const bool has_ended = ::waitpid(child, &status, WNOHANG) == child;
      read(output, said);
      if (has_ended) break;
      const bool is_late = clock_.monotonic() >= until;
      if (is_late || cancel.requested()) {
        ::kill(-child, SIGKILL);
        ::waitpid(child, &status, 0);
        if (!is_late) return cancel.check();
        return failure("did not end within its deadline", said);
      }
      pollfd asked{output, POLLIN, 0};
      if (::poll(&asked, 1, look_every_ms) > 0 && (asked.revents & POLLIN) == 0)
        clock_.sleep(std::chrono::milliseconds(look_every_ms));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return failure(WIFEXITED(status) ? "ended with " + std::to_string(WEXITSTATUS(status))
                                     : "was ended by signal " + std::to_string(WTERMSIG(status)),
                   said);
  }

  static void read(int output, std::string& said) {
    std::array<char, 4096> piece{};
    // No more at a time: a command that never stops talking does not hold off its deadline.
    for (int turn = 0; turn < 16; ++turn) {
      const ssize_t bytes = ::read(output, piece.data(), piece.size());
      if (bytes <= 0) return;
      said.append(piece.data(), static_cast<std::size_t>(bytes));
      if (said.size() > output_max) said.erase(0, said.size() - output_max);
    }
  }

  Error failure(const std::string& what, std::string said) const {
    for (char& letter : said) {
      if (letter < ' ' || letter > '~') letter = ' ';
    }
    std::string message =
        "the command `" + spec_.command.front() + "` of channel `" + spec_.name.value + "` " + what;
    if (said.find_first_not_of(' ') != std::string::npos) message += "; it said at last: " + said;
    return target_error("alert.command", std::move(message), Retry::backoff);
  }

  const ChannelSpec spec_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Channel> make_command_channel(const ChannelSpec& spec, const Clock& clock) {
  return std::make_unique<CommandChannel>(spec, clock);
}

}  // namespace tidemark

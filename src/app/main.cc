#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/registrations.h"
#include "cli/commands.h"

namespace {

// A signal handler reaches only what is global.
tidemark::Cancel* cancel_of_process = nullptr;

void on_signal(int signal) {
  if (cancel_of_process->requested()) std::_Exit(128 + signal);  // asked twice: at once
  cancel_of_process->request();
}

// What is in memory are the secrets of connections: none of it goes into a file when the process
// dies, and no other process of the user reads it. Where that cannot be had, it runs all the same.
void leave_no_core() {
  const rlimit none{0, 0};
  static_cast<void>(setrlimit(RLIMIT_CORE, &none));
  static_cast<void>(prctl(PR_SET_DUMPABLE, 0));
}

}  // namespace

int main(int argc, char** argv) {
  leave_no_core();
  tidemark::CommandLine line;
  tidemark::StandardOutput output;
  if (const auto code = tidemark::parse_command_line(argc, argv, line, output)) return *code;
  tidemark::Cancel cancel;
  cancel_of_process = &cancel;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);

  if (const auto code = tidemark::ask_service(line, argc, argv, cancel, output)) {
    std::fflush(nullptr);
    return *code;
  }

  tidemark::ConnectorCatalog catalog;
  tidemark::ConnectorRegistry registry;
  tidemark::register_connectors(catalog, registry);
  const tidemark::SystemClock clock;
  tidemark::SystemFiles files;
  tidemark::SystemRandomness randomness;
  const int code = tidemark::run_command(line, {catalog, registry, clock, files, randomness, true},
                                         cancel, output);
  // Everything durable is closed; the rest is memory, which the system takes back faster.
  std::fflush(nullptr);
  std::_Exit(code);
}

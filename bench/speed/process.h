// One command and all processes that it starts: how long, how much processor, how much memory.
//
// The whole tree is waited for: who starts a process and leaves it behind has not finished, and the
// time of a process that nobody waits for would be lost. So this process takes over orphans below
// it. One thread, one command at a time, and no other children.
#pragma once

#include <string>

namespace tidemark::bench {

struct Ran {
  double wall_seconds = 0;  // from before it was started to the end of the last process
  // Both as the kernel adds them up for whoever waits. It does not see: processes whose parent
  // ignores the end of its children, servers that were there before, and memory of several
  // processes at the same time, as the peak is that of the largest.
  double cpu_seconds = 0;
  double peak_mib = 0;
  int exit_code = 0;  // of the command; 128 and more: the signal that ended it
  bool timed_out = false;
  std::string out;
  std::string err;
};

// Once, before the first command.
void take_over_orphans();

// By /bin/sh, with nothing on standard input. A command that takes longer than that is killed.
Ran run_command(const std::string& command, unsigned seconds_max);

}  // namespace tidemark::bench

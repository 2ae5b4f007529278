// Process: names this process so that another one can tell later whether it still lives.
//
// Pure reads of /proc; safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace tidemark {

// `HOST/BOOT/PID/START`: the machine, its boot with the space of its pids (a container has one of
// its own), the process and when it was started (clock ticks since the boot), so that a pid used
// again is not taken for the old process.
std::string this_process();
// True only where it is certain: this machine was booted again since, or has no such process. A
// process of another machine is never known to be gone.
bool process_is_gone(std::string_view process);
// The same for texts that come from several machines, which may have one name: true only where it
// is certain that the process was of this machine, since this boot, and of the same container.
bool process_is_gone_here(std::string_view process);
// For accounts of who did what: the name of this process's user, or its number.
std::string this_user();
std::string this_host();
// `process 123 on HOST`, for texts that are read elsewhere.
std::string name_of_process(std::string_view process);
// `process 123` or, of another machine, `process 123 on HOST`.
std::string describe_process(std::string_view process);

}  // namespace tidemark

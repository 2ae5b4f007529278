// A thread that gets no signal: those of the process are for the thread that waits for them.
#pragma once

#include <csignal>
#include <functional>
#include <thread>
#include <utility>

namespace tidemark {

inline std::thread quiet_thread(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(work));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace tidemark

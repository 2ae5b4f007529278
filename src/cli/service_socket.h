// The socket of a service: while `serve` owns a project, other processes' commands go to it, with
// the same words and exit codes as if they ran where they were asked.
//
// A request is one JSON document: version, arguments, folder, live. What comes back is what the
// command says, then its exit code. The socket is `.tidemark/sock`, for the service's user alone.
// For this folder only.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/output.h"
#include "env/local_socket.h"

namespace tidemark {

// Takes commands and runs each in a thread of its own. A caller that is gone, or asks for it,
// cancels its command.
class CommandServer {
 public:
  // From several threads.
  using Run = std::function<int(const CommandLine&, Cancel&, Output&)>;

  // REQUIRES the project's lock.
  static Result<std::unique_ptr<CommandServer>> start(const std::filesystem::path& root, Run run);
  // As stop(0).
  ~CommandServer();
  CommandServer(const CommandServer&) = delete;
  CommandServer& operator=(const CommandServer&) = delete;

  // Takes no more; those under way may end within `drain`, and are cancelled after. Blocks until
  // they have ended.
  void stop(std::chrono::milliseconds drain);

 private:
  struct Caller {
    std::unique_ptr<LocalChannel> channel;
    Cancel cancel;
    std::atomic<bool> ended = false;
    std::thread thread;
  };

  CommandServer(std::unique_ptr<LocalListener> listener, Run run);
  void take_calls();
  void serve(Caller& caller);
  void forget_ended();

  std::unique_ptr<LocalListener> listener_;
  const Run run_;
  Cancel stop_;
  std::list<Caller> callers_;  // of take_calls' thread, and of stop() after it
  std::thread thread_;
};

}  // namespace tidemark

// Operations: commands that requests begin: each in a thread of its own, with what came of it kept
// for an hour; and those whose answer a request waits for.
//
// In memory: what a run did stands in the store, the operation ends with its process. Owned by who
// serves; any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/named.h"
#include "base/result.h"
#include "drivers/json/json.h"
#include "env/clock.h"
#include "observe/log.h"

namespace tidemark {

// A command as on the command line, with `--json`.
struct Command {
  std::vector<std::string> arguments;  // without the program's name and the project
  std::optional<RunId> run;            // the id that its run is to have
  std::string request;                 // the id of the request that asks for it
  std::string traceparent = {};        // of that request, as it came
};

struct CommandEnd {
  int exit_code = 0;
  std::string json;  // what it printed
};

// Blocks; from several threads.
using CommandRunner = std::function<CommandEnd(const Command&, Cancel&)>;

enum class OperationState { running, done, failed, cancelled };
std::string_view to_string(OperationState state);

struct Operation {
  std::string id;
  std::string what;  // as the API document names what began it
  std::string on;    // a job, a run; empty: the project
  std::string job;   // empty: it is of the project
  std::string request;
  OperationState state = OperationState::running;
  UtcMicros began_at;
  std::optional<UtcMicros> ended_at;
  std::optional<RunId> run;
  std::optional<int> exit_code;
  JsonValue result;
  std::optional<Error> error;
};

class Operations {
 public:
  static constexpr int running_max = 16;
  // Fewer than the server has threads, so that others are answered meanwhile.
  static constexpr int waited_for_max = 8;
  static constexpr std::size_t kept_max = 1'000;
  static constexpr std::chrono::hours kept_for{1};

  explicit Operations(const Clock& clock, Log& log = process_log()) : clock_(clock), log_(log) {}
  // As stop(0).
  ~Operations();
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  // Commands are taken from now on, until `leaves`, which outlives the next stop().
  void serve_with(CommandRunner runner, const Cancel& leaves);
  // No more are taken; those that go on may end within `drain`, and are cancelled after. Blocks
  // until they have ended; what came of them is kept.
  void stop(std::chrono::milliseconds drain);

  // `wanted`: its id, what, on, job and run. `api.busy` where too many go on, or the service
  // leaves.
  Result<Operation> begin(Operation wanted, Command command);
  std::optional<Operation> find(const std::string& id);
  std::vector<Operation> list();  // newest first
  // It is asked to end. `api.unknown_operation`, `api.operation_ended`.
  Result<Operation> cancel(const std::string& id);
  // The same of the operation that is that run; false: there is none that goes on.
  bool cancel_run(const RunId& run);

  using Work = std::function<Result<JsonValue>(Cancel&)>;
  // What the work gives, which the caller waits for: in its thread. It is cancelled after `limit`,
  // and is `api.too_slow` where it ends by that.
  Result<JsonValue> answer_of(const Work& work, std::chrono::milliseconds limit);
  // The same of a command: what it prints, or the Error that it ends with.
  Result<JsonValue> answer_of(const Command& command, std::chrono::milliseconds limit);

 private:
  struct Kept {
    Operation operation;
    Cancel cancel;
    std::thread thread;
  };
  struct Waited {
    Cancel* cancel;
    std::chrono::nanoseconds until;
    bool is_late = false;
  };
  void settle(Kept& kept, const CommandEnd& end);
  void tell(const Operation& operation);
  void forget_old();
  void watch();
  Kept* kept(const std::string& id);
  bool takes_none() const { return runner_ == nullptr || leaves_->requested(); }

  const Clock& clock_;
  Log& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_. Lists, since what is in them stays where it is.
  std::shared_ptr<const CommandRunner>
      runner_;  // shared with those that go on; nothing: none taken
  const Cancel* leaves_ = nullptr;
  std::list<Kept> kept_;  // newest first
  std::list<Waited> waited_;
  int running_ = 0;
  bool stops_watching_ = false;
  std::thread watcher_;  // of those that are waited for; begun with the first
};

// What a command printed: the document, or the Error where it printed nothing else.
Result<JsonValue> document_of(const CommandEnd& end);
JsonValue operation_document(const Operation& operation);

}  // namespace tidemark

#include "api/operations.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/problem.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds looks_every{100};
constexpr int exit_cancelled = 130;

Error leaving() {
  return internal_error("api.busy", "the service is leaving, or takes up new settings",
                        Retry::backoff, "ask again in a moment");
}

Error too_many(const char* what) {
  return internal_error("api.busy", std::string("too many ") + what + " go on already",
                        Retry::backoff, "ask again in a moment");
}

Fault fault_named(const std::string& name) {
  for (const Fault fault : {Fault::user, Fault::source, Fault::target}) {
    if (to_string(fault) == name) return fault;
  }
  return Fault::internal;
}

// As error_document() writes it.
std::optional<Error> error_in(const JsonValue& document) {
  const JsonValue* error = document.find("error");
  if (error == nullptr || error->object() == nullptr) return std::nullopt;
  const auto text = [&](const char* name) {
    auto read = error->string_at(name);
    return read.ok() ? *std::move(read) : std::string();
  };
  return Error{text("code"), fault_named(text("fault")), Retry::never, text("message"), {},
               text("hint")};
}

OperationState state_after(int exit_code) {
  if (exit_code == exit_cancelled) return OperationState::cancelled;
  return exit_code == 0 ? OperationState::done : OperationState::failed;
}

JsonValue time_or_null(const std::optional<UtcMicros>& at) {
  return at ? JsonValue(to_text(*at)) : JsonValue();
}

}  // namespace

std::string_view to_string(OperationState state) {
  switch (state) {
    case OperationState::running:
      return "running";
    case OperationState::done:
      return "done";
    case OperationState::failed:
      return "failed";
    case OperationState::cancelled:
      return "cancelled";
  }
  return "";
}

Result<JsonValue> document_of(const CommandEnd& end) {
  auto document = parse_json(end.json);
  if (!document.ok())
    return internal_error(
        "api.no_document",
        "the command ended with " + std::to_string(end.exit_code) + " and printed no document",
        Retry::never, "the service's log says more");
  const JsonObject* members = document->object();
  if (end.exit_code != 0 && members != nullptr && members->size() == 1) {
    if (auto error = error_in(*document)) return *std::move(error);
  }
  return document;
}

JsonValue operation_document(const Operation& operation) {
  JsonValue json;
  json.set("operation", operation.id).set("what", operation.what).set("on", operation.on);
  json.set("state", to_string(operation.state)).set("began_at", to_text(operation.began_at));
  json.set("ended_at", time_or_null(operation.ended_at));
  json.set("request_id", operation.request);
  json.set("run_id", operation.run ? JsonValue(operation.run->get()) : JsonValue());
  json.set("exit_code", operation.exit_code ? JsonValue(*operation.exit_code) : JsonValue());
  json.set("result", operation.result);
  return json.set("problem", operation.error ? problem_document(*operation.error, operation.request)
                                             : JsonValue());
}

Operations::~Operations() {
  stop(milliseconds(0));
}

void Operations::serve_with(CommandRunner runner, const Cancel& leaves) {
  const std::lock_guard lock(mutex_);
  leaves_ = &leaves;
  runner_ = std::make_shared<const CommandRunner>(std::move(runner));
  if (!watcher_.joinable()) {
    stops_watching_ = false;
    watcher_ = std::thread([this] { watch(); });
  }
}

void Operations::stop(milliseconds drain) {
  std::unique_lock lock(mutex_);
  runner_.reset();
  const auto nothing_goes_on = [&] { return running_ == 0 && waited_.empty(); };
  changed_.wait_for(lock, drain, nothing_goes_on);
  for (Kept& one : kept_)
    one.cancel.request();
  for (Waited& one : waited_)
    one.cancel->request();
  changed_.wait(lock, nothing_goes_on);
  stops_watching_ = true;
  changed_.notify_all();
  std::vector<std::thread> threads;
  for (Kept& one : kept_) {
    if (one.thread.joinable()) threads.push_back(std::move(one.thread));
  }
  if (watcher_.joinable()) threads.push_back(std::move(watcher_));
  lock.unlock();
  for (std::thread& thread : threads)
    thread.join();
}

Result<Operation> Operations::begin(Operation wanted, Command command) {
  const std::lock_guard lock(mutex_);
  if (takes_none()) return leaving();
  if (running_ >= running_max) return too_many("operations");
  forget_old();
  Kept& one = kept_.emplace_front();
  one.operation = std::move(wanted);
  one.operation.state = OperationState::running;
  one.operation.request = command.request;
  one.operation.began_at = clock_.now_utc();
  ++running_;
  one.thread = std::thread([this, &one, runner = runner_, command = std::move(command)]() mutable {
    const CommandEnd end = (*runner)(command, one.cancel);
    runner.reset();  // before anybody may think that nothing goes on
    settle(one, end);
  });
  return one.operation;
}

void Operations::settle(Kept& one, const CommandEnd& end) {
  auto document = document_of(end);
  const std::lock_guard lock(mutex_);
  Operation& operation = one.operation;
  operation.exit_code = end.exit_code;
  operation.state = state_after(end.exit_code);
  operation.ended_at = clock_.now_utc();
  if (document.ok()) {
    if (end.exit_code != 0) operation.error = error_in(*document);
    operation.result = *std::move(document);
  } else {
    operation.error = document.error();
  }
  // Before anybody sees that it ended: then it may be forgotten.
  if (operation.state == OperationState::failed) tell(operation);
  --running_;
  changed_.notify_all();
}

// Whoever began it may not look again, and nobody tries it again.
void Operations::tell(const Operation& operation) {
  const LogScope scope(
      {operation.run ? operation.run->get() : std::string(), operation.job, operation.request});
  const std::string what =
      operation.what + (operation.on.empty() ? std::string() : " " + operation.on);
  const LogFields fields{{"exit_code", operation.exit_code.value_or(0)}};
  if (operation.error) {
    log_.tell_error(LogLevel::error, LogComponent::api, what, *operation.error, fields);
  } else {
    log_.tell(LogLevel::error, LogComponent::api, what + " failed", fields);
  }
}

// Those that ended, their time over or too many of them, the oldest first.
void Operations::forget_old() {
  const UtcMicros before(clock_.now_utc().get() - std::chrono::microseconds(kept_for).count());
  std::size_t ended = kept_.size() - static_cast<std::size_t>(running_);
  for (auto one = kept_.end(); one != kept_.begin();) {
    --one;
    if (!one->operation.ended_at) continue;
    if (*one->operation.ended_at >= before && ended < kept_max) return;
    if (one->thread.joinable()) one->thread.join();  // it has ended
    one = kept_.erase(one);
    --ended;
  }
}

Operations::Kept* Operations::kept(const std::string& id) {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& one) { return one.operation.id == id; });
  return found == kept_.end() ? nullptr : &*found;
}

std::optional<Operation> Operations::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Kept* const found = kept(id);
  return found == nullptr ? std::nullopt : std::optional(found->operation);
}

std::vector<Operation> Operations::list() {
  const std::lock_guard lock(mutex_);
  forget_old();
  std::vector<Operation> list;
  for (const Kept& one : kept_)
    list.push_back(one.operation);
  return list;
}

Result<Operation> Operations::cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Kept* const found = kept(id);
  if (found == nullptr)
    return user_error("api.unknown_operation", "there is no operation `" + id + "`",
                      "they are kept for an hour, and end with the process: what a run did, GET "
                      "/v1/runs tells");
  if (found->operation.ended_at)
    return user_error("api.operation_ended", "the operation `" + id + "` has ended");
  found->cancel.request();
  return found->operation;
}

bool Operations::cancel_run(const RunId& run) {
  const std::lock_guard lock(mutex_);
  for (Kept& one : kept_) {
    if (one.operation.ended_at || one.operation.run != run) continue;
    one.cancel.request();
    return true;
  }
  return false;
}

Result<JsonValue> Operations::answer_of(const Command& command, milliseconds limit) {
  std::shared_ptr<const CommandRunner> runner;
  {
    const std::lock_guard lock(mutex_);
    runner = runner_;
  }
  if (runner == nullptr) return leaving();
  const auto work = [&](Cancel& cancel) -> Result<JsonValue> {
    const CommandEnd end = (*std::exchange(runner, nullptr))(command, cancel);
    if (end.exit_code == exit_cancelled && cancel.requested())
      return user_error("run.cancelled", "the command was cancelled");
    return document_of(end);
  };
  return answer_of(Work(work), limit);
}

Result<JsonValue> Operations::answer_of(const Work& work, milliseconds limit) {
  Cancel cancel;
  std::list<Waited>::iterator waited;
  {
    const std::lock_guard lock(mutex_);
    if (takes_none()) return leaving();
    if (waited_.size() >= waited_for_max) return too_many("commands");
    waited = waited_.insert(waited_.end(), {&cancel, clock_.monotonic() + limit});
  }
  Result<JsonValue> answer = work(cancel);
  bool is_late = false;
  {
    const std::lock_guard lock(mutex_);
    is_late = waited->is_late;
    waited_.erase(waited);
    changed_.notify_all();
  }
  if (is_late && !answer.ok() && answer.error().code == "run.cancelled")
    return internal_error(
        "api.too_slow",
        "there was no answer within " + std::to_string(limit.count() / 1000) + " seconds",
        Retry::backoff, "ask for less, or use the command line");
  return answer;
}

void Operations::watch() {
  std::unique_lock lock(mutex_);
  while (!stops_watching_) {
    const auto now = clock_.monotonic();
    for (Waited& one : waited_) {
      if (one.is_late || now < one.until) continue;
      one.is_late = true;
      one.cancel->request();
    }
    changed_.wait_for(lock, looks_every);
  }
}

}  // namespace tidemark

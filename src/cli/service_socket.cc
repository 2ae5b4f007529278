#include "cli/service_socket.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/version.h"
#include "drivers/json/json.h"

namespace tidemark {

namespace {

using std::chrono::milliseconds;

constexpr const char* socket_file = ".tidemark/sock";
constexpr milliseconds looks_every{100};
constexpr milliseconds request_wait{10'000};
// How long a command that was cancelled at a stop may still say something.
constexpr milliseconds cancel_wait{2'000};

// Kinds of frames.
constexpr char request_frame = 'r';
constexpr char cancel_frame = 'c';
constexpr char out_frame = 'o';
constexpr char err_frame = 'e';
constexpr char exit_frame = 'x';

struct Request {
  std::string version;
  std::vector<std::string> arguments;  // with the program's name
  std::string folder;                  // in which they were written
  bool live = false;
  std::int64_t page_lines = 0;
  std::int64_t page_columns = 0;
};

std::string to_text(const Request& request) {
  JsonArray arguments;
  for (const std::string& argument : request.arguments)
    arguments.emplace_back(argument);
  JsonValue json;
  json.set("version", request.version).set("arguments", std::move(arguments));
  json.set("folder", request.folder).set("live", request.live);
  json.set("page_lines", request.page_lines).set("page_columns", request.page_columns);
  return to_json(json, JsonLayout::compact);
}

Result<Request> parse_request(const std::string& text) {
  TM_TRY(const JsonValue json, parse_json(text));
  Request request;
  TM_TRY(request.version, json.string_at("version"));
  TM_TRY(request.folder, json.string_at("folder"));
  TM_TRY(request.live, json.boolean_at("live"));
  // Another version may not say it, and is to be told that it is another.
  const auto page_lines = json.integer_at("page_lines");
  if (page_lines.ok()) request.page_lines = *page_lines;
  const auto page_columns = json.integer_at("page_columns");
  if (page_columns.ok()) request.page_columns = *page_columns;
  TM_TRY(const JsonArray* arguments, json.array_at("arguments"));
  for (const JsonValue& argument : *arguments) {
    if (argument.string() == nullptr)
      return internal_error("io.bad_frame", "an argument of a request is no text");
    request.arguments.push_back(*argument.string());
  }
  return request;
}

// The words of a command, to who asked for it. When that one is gone the command is cancelled.
class CallerOutput final : public Output {
 public:
  CallerOutput(LocalChannel& channel, const Request& request, Cancel& cancel)
      : channel_(channel),
        live_(request.live),
        page_lines_(static_cast<int>(request.page_lines)),
        page_columns_(static_cast<int>(request.page_columns)),
        cancel_(cancel) {}
  void out(std::string_view text) override { send(out_frame, text); }
  void err(std::string_view text) override { send(err_frame, text); }
  bool is_live() const override { return live_; }
  int page_lines() const override { return page_lines_; }
  int page_columns() const override { return page_columns_; }

 private:
  void send(char kind, std::string_view text) {
    if (!channel_.send(kind, text).ok()) cancel_.request();
  }
  LocalChannel& channel_;
  const bool live_;
  const int page_lines_;
  const int page_columns_;
  Cancel& cancel_;
};

// Hears from who asked while its command runs.
class Listening {
 public:
  Listening(LocalChannel& channel, Cancel& cancel)
      : thread_([this, &channel, &cancel] {
          while (!done_.requested()) {
            const auto frame = channel.receive(looks_every);
            if (!frame.ok() || (*frame && (*frame)->kind == cancel_frame)) cancel.request();
            if (!frame.ok()) return;
          }
        }) {}
  ~Listening() {
    done_.request();
    thread_.join();
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Cancel done_;
  std::thread thread_;
};

// As the asking process read them, but for what depends on where it stands.
std::optional<int> read_arguments(Request& request, CommandLine& line, Output& output) {
  std::vector<char*> arguments;
  for (std::string& argument : request.arguments)
    arguments.push_back(argument.data());
  const std::filesystem::path folder = request.folder;
  const auto ends =
      parse_command_line(static_cast<int>(arguments.size()), arguments.data(), line, output);
  line.project = folder / line.project;
  if (!line.export_file.empty()) line.export_file = (folder / line.export_file).string();
  if (!line.backup_file.empty()) line.backup_file = (folder / line.backup_file).string();
  return ends;
}

}  // namespace

CommandServer::CommandServer(std::unique_ptr<LocalListener> listener, Run run)
    : listener_(std::move(listener)), run_(std::move(run)), thread_([this] { take_calls(); }) {}

CommandServer::~CommandServer() {
  stop(milliseconds(0));
}

Result<std::unique_ptr<CommandServer>> CommandServer::start(const std::filesystem::path& root,
                                                            Run run) {
  TM_TRY(auto listener, LocalListener::listen(root / socket_file));
  return std::unique_ptr<CommandServer>(new CommandServer(std::move(listener), std::move(run)));
}

void CommandServer::take_calls() {
  while (!stop_.requested()) {
    auto channel = listener_->accept(looks_every);
    forget_ended();
    if (!channel.ok()) {
      // Out of descriptors or the like: it may pass.
      std::this_thread::sleep_for(looks_every);
      continue;
    }
    if (!*channel) continue;
    Caller& caller = callers_.emplace_back();
    caller.channel = std::move(*channel);
    caller.thread = std::thread([this, &caller] {
      serve(caller);
      caller.ended = true;
    });
  }
}

void CommandServer::forget_ended() {
  for (auto caller = callers_.begin(); caller != callers_.end();) {
    if (!caller->ended) {
      ++caller;
      continue;
    }
    caller->thread.join();
    caller = callers_.erase(caller);
  }
}

void CommandServer::serve(Caller& caller) {
  const auto frame = caller.channel->receive(request_wait);
  if (!frame.ok() || !*frame || (*frame)->kind != request_frame) return;
  auto request = parse_request((*frame)->bytes);
  if (!request.ok()) return;
  CallerOutput output(*caller.channel, *request, caller.cancel);
  int code = exit_failed;
  if (request->version != version_text) {
    output.err("tidemark: the service that owns this project is Tidemark " +
               std::string(version_text) + ", and this is " + request->version +
               "\n  start the service again with the new version\n");
  } else {
    CommandLine line;
    const Listening listening(*caller.channel, caller.cancel);
    const auto ends = read_arguments(*request, line, output);
    code = ends ? *ends : run_(line, caller.cancel, output);
  }
  static_cast<void>(caller.channel->send(exit_frame, std::to_string(code)));
}

void CommandServer::stop(milliseconds drain) {
  if (!thread_.joinable()) return;
  stop_.request();
  thread_.join();
  listener_.reset();
  const auto end = std::chrono::steady_clock::now() + drain;
  while (!callers_.empty()) {
    forget_ended();
    if (std::chrono::steady_clock::now() >= end) {
      // Who does not read what it asked for would hold the service for ever.
      const bool enough = std::chrono::steady_clock::now() >= end + cancel_wait;
      for (Caller& caller : callers_) {
        caller.cancel.request();
        if (enough) caller.channel->shut();
      }
    }
    if (!callers_.empty()) std::this_thread::sleep_for(milliseconds(10));
  }
}

std::optional<int> ask_service(const CommandLine& line, int argc, char** argv, Cancel& cancel,
                               Output& output) {
  if (!goes_to_service(line.command)) return std::nullopt;
  auto connected = LocalChannel::connect(line.project / socket_file);
  // Of another user, or gone in this moment: the project's lock says what is so.
  if (!connected.ok() || !*connected) return std::nullopt;
  LocalChannel& service = **connected;
  Request request{
      std::string(version_text), {argv, argv + argc}, std::filesystem::current_path().string(),
      output.is_live(),          output.page_lines(), output.page_columns()};
  bool asked_to_cancel = false;
  Status sent = service.send(request_frame, to_text(request));
  while (sent.ok()) {
    if (cancel.requested() && !std::exchange(asked_to_cancel, true)) {
      sent = service.send(cancel_frame, "");
      if (!sent.ok()) break;
    }
    auto frame = service.receive(looks_every);
    if (!frame.ok()) break;
    if (!*frame) continue;
    switch ((*frame)->kind) {
      case out_frame:
        output.out((*frame)->bytes);
        break;
      case err_frame:
        output.err((*frame)->bytes);
        break;
      case exit_frame:
        return std::atoi((*frame)->bytes.c_str());
      default:
        break;
    }
  }
  output.err(
      "tidemark: the service that owns this project ended before it had answered\n"
      "  ask again: what was loaded is in the target's ledger, and is not loaded twice\n");
  return exit_failed;
}

}  // namespace tidemark

#include "cli/serve_api.h"

#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "access/store_access.h"
#include "api/documents.h"
#include "api/routes.h"
#include "api/server.h"
#include "cli/call.h"
#include "cli/serve_metrics.h"
#include "cli/status_command.h"
#include "drivers/http/http_server.h"
#include "run/ask.h"
#include "run/project_store.h"
#include "store/pages.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Of the document that a command prints.
constexpr std::size_t document_max = 64 << 20;
// How long an answer under way may take to be sent, when all that was begun has ended.
constexpr milliseconds send_drain{2'000};
// How old what is known of the store may be, for who asks without a token.
constexpr std::chrono::seconds ready_for{1};

// Keeps what was asked for; words for people go nowhere.
class KeptOutput final : public Output {
 public:
  explicit KeptOutput(Cancel& cancel) : cancel_(cancel) {}
  void out(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    if (text_.size() + text.size() > document_max) {
      is_too_large_ = true;
      cancel_.request();
      return;
    }
    text_ += text;
  }
  void err(std::string_view) override {}
  bool is_live() const override { return false; }
  int page_lines() const override { return 0; }
  int page_columns() const override { return 0; }

  CommandEnd end(int exit_code) {
    const std::lock_guard lock(mutex_);
    if (!is_too_large_) return {exit_code, std::move(text_)};
    const Error error =
        user_error("api.answer_too_large", "the answer is larger than 64 MB", "ask for less");
    return {exit_failed, to_json(JsonValue().set("error", error_document(error)))};
  }

 private:
  Cancel& cancel_;
  std::mutex mutex_;
  std::string text_;
  bool is_too_large_ = false;
};

// As CommandServer does it for other processes.
CommandEnd run(const ServedParts& parts, const Command& command, Cancel& cancel) {
  std::vector<std::string> words{"tidemark"};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  KeptOutput output(cancel);
  CommandLine line;
  const auto ends =
      parse_command_line(static_cast<int>(arguments.size()), arguments.data(), line, output);
  if (ends) return output.end(*ends);
  line.project = parts.workspace.project().root;
  Surroundings beside = parts.around;
  beside.process_ends = false;
  beside.owner = &parts.workspace;
  beside.run = command.run;
  beside.request = command.request;
  const LogScope scope(
      {command.run ? command.run->get() : std::string(), std::string(), command.request});
  if (const auto parent = TraceParent::parse(command.traceparent);
      parent && command.run && parts.traces != nullptr)
    parts.traces->set_parent(*command.run, *parent);
  if (command.run) process_log().tell(LogLevel::info, LogComponent::api, "a run begins");
  const int code = line.command == "status" ? status_of_service(Call{line, beside, cancel, output},
                                                                parts.service, parts.signs)
                                            : run_command(line, beside, cancel, output);
  return output.end(code);
}

// Whether the store answers, asked once a second at most, since anybody may ask. One asks, and the
// others are told what is known: a store that is away is waited for by one thread alone.
class Readiness {
 public:
  Readiness(SqlDatabase& store, const Clock& clock, const Cancel& stop)
      : store_(store), clock_(clock), stop_(stop) {}
  Status operator()() {
    if (stop_.requested()) return internal_error("api.busy", "the service is leaving");
    const auto now = clock_.monotonic();
    {
      const std::lock_guard lock(mutex_);
      if (asked_at_ && now - *asked_at_ < ready_for) return known_;
      if (asks_since_) {
        const bool is_old = !asked_at_ || now - *asks_since_ > ready_for;
        return is_old ? internal_error("store.busy", "the store does not answer") : known_;
      }
      asks_since_ = now;
    }
    Status found = store_.read([](SqlSession& session) -> Status {
      TM_TRY([[maybe_unused]] const UtcMicros at, session.now());
      TM_TRY(auto rows, session.prepare("SELECT count(*) FROM tidemark_schema"));
      return rows.run();
    });
    const std::lock_guard lock(mutex_);
    asked_at_ = clock_.monotonic();
    asks_since_.reset();
    known_ = found;
    return found;
  }

 private:
  SqlDatabase& store_;
  const Clock& clock_;
  const Cancel& stop_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::optional<std::chrono::nanoseconds> asked_at_;
  std::optional<std::chrono::nanoseconds> asks_since_;  // somebody asks now
  Status known_;
};

// When the newest runs of these jobs ended, where they ended well. Of a store that does not answer
// nothing is known, and that is told as it is.
std::map<JobName, UtcMicros> ended_well(SqlDatabase& store, const Service::Jobs& jobs) {
  constexpr std::size_t jobs_at_a_time = 200;
  std::map<JobName, UtcMicros> found;
  std::vector<JobName> names;
  for (std::size_t at = 0; at < jobs.size(); ++at) {
    names.push_back(jobs[at]->name);
    if (names.size() < jobs_at_a_time && at + 1 < jobs.size()) continue;
    const auto runs = newest_runs(store, std::exchange(names, {}));
    if (!runs.ok()) return found;
    for (const auto& [job, run] : *runs) {
      const bool is_well = run.status() == RunStatus::success || run.status() == RunStatus::skipped;
      if (is_well && run.ended_at) found.emplace(job, *run.ended_at);
    }
  }
  return found;
}

struct Listening {
  ListenAddress address;
  std::optional<TlsFiles> tls;
  std::vector<IpNetwork> proxies;
};

// Nothing: nobody asked for it.
Result<std::optional<Listening>> where(const ServedParts& parts) {
  const std::optional<ApiSpec>& spec = parts.workspace.project().api;
  if (!spec && !parts.line.listen) return std::optional<Listening>();
  const ApiSpec api = spec.value_or(ApiSpec());
  TM_TRY(const ListenAddress address,
         ListenAddress::parse(parts.line.listen.value_or(api.listen.value)));
  TM_CHECK(check_listen(address, api.tls));
  Listening listening{address, std::nullopt, {}};
  for (const std::string& text : api.proxies) {
    TM_TRY(const IpNetwork network, IpNetwork::parse(text));
    listening.proxies.push_back(network);
  }
  const auto file = [&](const std::string& path) {
    return (parts.workspace.project().root / path).string();
  };
  if (api.tls && !api.tls->is_off)
    listening.tls = TlsFiles{file(api.tls->certificate), file(api.tls->key)};
  return std::optional(std::move(listening));
}

}  // namespace

// In the order in which it is made; destroyed in reverse.
struct ServedApi::Parts {
  ServedParts served;
  ApiMemory& memory;
  std::unique_ptr<SqlDatabase> store;
  std::unique_ptr<StoreAccess> access;
  std::unique_ptr<KeptAnswers> answers;
  ServedJobs jobs;
  std::unique_ptr<Readiness> readiness;
  std::unique_ptr<PromiseWatch> promises;
  std::unique_ptr<RunStreams> streams;
  std::unique_ptr<ApiContext> context;
  std::unique_ptr<Api> api;
  std::unique_ptr<HttpServer> server;
  std::string address;
};

ServedApi::ServedApi(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ServedApi::~ServedApi() {
  stop(milliseconds(0));
}

Result<std::unique_ptr<ServedApi>> ServedApi::start(const ServedParts& served, ApiMemory& memory,
                                                    const Service::Jobs& jobs) {
  TM_TRY(const std::optional<Listening> listening, where(served));
  if (!listening) return std::unique_ptr<ServedApi>();
  const ProjectSpec& project = served.workspace.project();
  const Surroundings& around = served.around;
  auto parts = std::unique_ptr<Parts>(new Parts{served, memory});
  TM_TRY(parts->store,
         open_store_database(project.store, project.root, around.files, around.clock));
  TM_TRY(auto tokens, open_store_database(project.store, project.root, around.files, around.clock));
  TM_TRY(parts->access, StoreAccess::open(std::move(tokens), project.audit, around.clock));
  parts->answers = std::make_unique<KeptAnswers>(*parts->store);
  parts->jobs.set(jobs);
  served.metrics.set_jobs(jobs, ended_well(*parts->store, jobs));
  TM_TRY(auto promises,
         open_store_database(project.store, project.root, around.files, around.clock));
  parts->promises = std::make_unique<PromiseWatch>(
      std::move(promises), around.clock, [&metrics = served.metrics](std::vector<PromiseNow> now) {
        metrics.set_promises(std::move(now));
      });
  parts->promises->set_jobs(jobs);
  parts->readiness = std::make_unique<Readiness>(*parts->store, around.clock, served.stop);
  Operations& operations = memory.operations;
  parts->streams =
      std::make_unique<RunStreams>(*parts->store, around.clock, [&operations](const RunId& run) {
        const auto operation = operations.find(run.get());
        return operation && !operation->ended_at;
      });
  Service& service = served.service;
  parts->context = std::unique_ptr<ApiContext>(new ApiContext{
      project, parts->jobs, *parts->store, *parts->access, operations, *parts->streams,
      around.clock,
      [&service](const RunId& id, const std::string& why) { return service.cancel(id, why); },
      [readiness = parts->readiness.get()] { return (*readiness)(); },
      [served, store = parts->store.get()] {
        return served.metrics.text(moment_of(served.workspace, served.service, *store));
      },
      [served, store = parts->store.get()](const JobEdit& edit) -> Result<EditedJob> {
        TM_TRY(EditedJob edited, edit_job({served.workspace.project(), served.around.catalog,
                                           served.workspace.engine(), *store},
                                          edit));
        if (edited.faults.empty()) edited.is_served = served.wait_for_look(edited.edit);
        return edited;
      },
      [served](const std::string& connection, const Question& question, Cancel& cancel) {
        return ask(served.around, served.workspace, connection, question, cancel);
      }});
  parts->api = std::make_unique<Api>(ApiParts{*parts->access, around.clock, around.randomness,
                                              *parts->answers, listening->proxies},
                                     all_routes(*parts->context));
  HttpServerOptions options;
  options.address = listening->address.host;
  options.port = listening->address.port;
  options.tls = listening->tls;
  options.threads = 2 * Operations::waited_for_max;
  options.report = [](const Error& error) {
    process_log().tell_error(LogLevel::warn, LogComponent::http, "", error);
  };
  TM_TRY(parts->server,
         HttpServer::start(around.clock, std::move(options), parts->api->handlers()));
  operations.serve_with(
      [served](const Command& command, Cancel& cancel) { return run(served, command, cancel); },
      served.stop);
  const std::string host = listening->address.host.find(':') == std::string::npos
                               ? listening->address.host
                               : "[" + listening->address.host + "]";
  parts->address = (listening->tls ? "https://" : "http://") + host + ":" +
                   std::to_string(parts->server->port());
  return std::unique_ptr<ServedApi>(new ServedApi(std::move(parts)));
}

void ServedApi::set_jobs(const Service::Jobs& jobs) {
  parts_->jobs.set(jobs);
  parts_->promises->set_jobs(jobs);
  parts_->served.metrics.set_jobs(jobs, ended_well(*parts_->store, jobs));
}

void ServedApi::stop(milliseconds drain) {
  if (!parts_->server) return;
  parts_->memory.operations.stop(drain);
  parts_->server->stop(send_drain);
  parts_->server.reset();
}

const std::string& ServedApi::address() const {
  return parts_->address;
}

}  // namespace tidemark

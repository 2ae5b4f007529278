// The HTTP API of a service: the listener, and what its requests are answered from. For this folder
// only.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "api/operations.h"
#include "api/served_jobs.h"
#include "cli/commands.h"
#include "schedule/run_signs.h"
#include "schedule/service.h"
#include "telemetry/service_metrics.h"
#include "telemetry/trace_sender.h"

namespace tidemark {

// What requests are remembered by, also while the service takes up new settings.
struct ApiMemory {
  explicit ApiMemory(const Clock& clock) : operations(clock) {}
  Operations operations;
};

// What the API works with; all of it outlives it.
struct ServedParts {
  const CommandLine& line;
  const Surroundings& around;
  Workspace& workspace;  // claimed, its store open
  Service& service;
  const RunSigns& signs;
  ServiceMetrics& metrics;
  const Cancel& stop;  // the service leaves
  // Blocks until that edit of a job in the store is served, or has to wait: false.
  std::function<bool(std::int64_t edit)> wait_for_look;
  TraceSender* traces = nullptr;  // of its runs; null: none are sent
};

// Owned by who serves. The methods from one thread each.
class ServedApi {
 public:
  // Nothing where neither the project nor the command line says where to listen. Errors: those of
  // the address, of TLS and of the store.
  static Result<std::unique_ptr<ServedApi>> start(const ServedParts& parts, ApiMemory& memory,
                                                  const Service::Jobs& jobs);
  // As stop(0).
  ~ServedApi();
  // The project's files were edited.
  void set_jobs(const Service::Jobs& jobs);
  // Takes no requests any more; what they began may end within `drain`, and is cancelled after.
  void stop(std::chrono::milliseconds drain);
  // `http://127.0.0.1:8080`
  const std::string& address() const;

 private:
  struct Parts;
  explicit ServedApi(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tidemark

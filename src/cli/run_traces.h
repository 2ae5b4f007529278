// The traces of a service's or a command's runs. For this folder only.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "cli/call.h"
#include "telemetry/trace_sender.h"

namespace tidemark {

class ServiceMetrics;

// How long the end of a service or a command waits for traces that were not sent yet.
inline constexpr std::chrono::seconds traces_drain{3};

// What a sender of the project's traces works with, without who is told of it. `store` outlives it.
// Errors: those of OtlpClient::make(). REQUIRES that the project has `telemetry`.
Result<TraceSenderParts> trace_sender_parts(const ProjectSpec& project, const Surroundings& around,
                                            Store& store);

// Of a service; null where the project sends none. `store` and `metrics` outlive it.
Result<std::unique_ptr<TraceSender>> serve_traces(const ProjectSpec& project,
                                                  const Surroundings& around, Store& store,
                                                  ServiceMetrics& metrics);

// Sends the traces of the runs of a command, from now on; at its own end at the latest, and where
// that cannot be done it says so and fails nobody. Where a service does the work it sends them.
// Owned by a command. REQUIRES that the workspace is claimed, and outlives it.
class CommandTraces {
 public:
  CommandTraces(const Call& call, Workspace& workspace);
  ~CommandTraces();
  CommandTraces(const CommandTraces&) = delete;
  CommandTraces& operator=(const CommandTraces&) = delete;

 private:
  Result<std::unique_ptr<TraceSender>> make(Workspace& workspace);

  const Call& call_;
  std::atomic<bool> is_lost_ = false;  // something
  std::string why_;                    // written by the sender's thread, read after it
  std::unique_ptr<TraceSender> sender_;
};

}  // namespace tidemark

// ProgressView: run events as one live line on a terminal, or as plain lines elsewhere.
//
// Owned by a command for one run after another. Events may come from any thread.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "cli/call.h"
#include "env/clock.h"
#include "observe/run_event.h"

namespace tidemark {

enum class ProgressStyle { quiet, lines, live };

class ProgressView : public RunObserver {
 public:
  // Live where a terminal reads it; nothing with --quiet and --json.
  explicit ProgressView(const Call& call);
  ~ProgressView() override { end(); }
  void on(const RunEvent& event) override;
  // Clears the live line, so that other output starts on a clean one.
  void end();

 private:
  void draw(const RunEvent& event);

  const ProgressStyle style_;
  Output& output_;
  const Clock& clock_;
  std::mutex mutex_;
  StreamId stream_;
  RunStep step_ = RunStep::plan;
  std::chrono::nanoseconds step_began_{};
  std::chrono::nanoseconds drawn_{};
  bool line_open_ = false;
};

}  // namespace tidemark

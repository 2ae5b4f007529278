// ProgressView: run events as one live line on a terminal, or as plain lines elsewhere. Writes to
// stderr.
//
// Owned by a command for one run after another. Events may come from any thread.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "env/clock.h"
#include "observe/run_event.h"

namespace tidemark {

enum class ProgressStyle { quiet, lines, live };
// Live on a terminal without NO_COLOR-like wishes (`TERM=dumb`), else lines.
ProgressStyle progress_style_of_stderr(bool quiet);

class ProgressView : public RunObserver {
 public:
  ProgressView(ProgressStyle style, const Clock& clock) : style_(style), clock_(clock) {}
  ~ProgressView() override { end(); }
  void on(const RunEvent& event) override;
  // Clears the live line, so that other output starts on a clean one.
  void end();

 private:
  void draw(const RunEvent& event);

  ProgressStyle style_;
  const Clock& clock_;
  std::mutex mutex_;
  StreamId stream_;
  RunStep step_ = RunStep::plan;
  std::chrono::nanoseconds step_began_{};
  std::chrono::nanoseconds drawn_{};
  bool line_open_ = false;
};

}  // namespace tidemark

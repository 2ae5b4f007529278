#include "cli/progress.h"

#include <string_view>

#include "base/units.h"
#include "observe/log.h"

namespace tidemark {

namespace {

constexpr std::string_view clears_line = "\r\x1b[2K";

ProgressStyle style_of(const Call& call) {
  if (call.line.quiet || call.line.json) return ProgressStyle::quiet;
  // Lines of the log would stand in the one that is drawn over. A service's are on its own stderr.
  const bool has_log = call.around.owner == nullptr && process_log().tells(LogLevel::debug);
  return call.output.is_live() && !has_log ? ProgressStyle::live : ProgressStyle::lines;
}

}  // namespace

ProgressView::ProgressView(const Call& call)
    : style_(style_of(call)), output_(call.output), clock_(call.around.clock) {}

void ProgressView::on(const RunEvent& event) {
  if (style_ == ProgressStyle::quiet) return;
  const std::lock_guard lock(mutex_);
  const bool is_new = event.step != step_ || event.stream != stream_ || step_began_.count() == 0;
  const auto now = clock_.monotonic();
  if (is_new) {
    step_ = event.step;
    stream_ = event.stream;
    step_began_ = now;
  }
  constexpr std::chrono::milliseconds redraw_interval{100};
  // What the run has to say stays; the counts between are drawn over.
  if (style_ == ProgressStyle::live && event.message.empty()) {
    if (is_new || now - drawn_ >= redraw_interval) draw(event);
    return;
  }
  if (!event.message.empty()) {
    if (line_open_) output_.err(clears_line);
    line_open_ = false;
    output_.err(event.stream.job.get() + ": " + event.message + "\n");
  }
}

void ProgressView::draw(const RunEvent& event) {
  drawn_ = clock_.monotonic();
  const double seconds = std::chrono::duration<double>(drawn_ - step_began_).count();
  std::string line = event.stream.job.get();
  if (event.stream.stream.get() != "main") line += "/" + event.stream.stream.get();
  line += "  " + std::string(to_string(event.step));
  if (event.rows > 0) line += "  " + show_count(event.rows) + " rows";
  if (event.rows > 0 && seconds > 0.2) {
    line += "  " +
            show_count(static_cast<std::int64_t>(static_cast<double>(event.rows) / seconds)) +
            " rows/s";
  }
  if (event.bytes > 0) line += "  " + show_bytes(event.bytes);
  output_.err(std::string(clears_line) + line);
  line_open_ = true;
}

void ProgressView::end() {
  const std::lock_guard lock(mutex_);
  if (line_open_) output_.err(clears_line);
  line_open_ = false;
}

}  // namespace tidemark

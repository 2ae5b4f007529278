#include "store/run_state.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tidemark {
namespace {

using enum RunState;

constexpr std::array states{scheduled,  claimed, planned,   extracting, staged,
                            checked,    loading, committed, done,       commit_unknown,
                            retry_wait, failed,  cancelled, skipped,    blocked};

constexpr std::uint32_t bit(RunState state) {
  return 1u << static_cast<unsigned>(state);
}

// Where every unfinished step may end besides going on.
constexpr std::uint32_t stops =
    bit(retry_wait) | bit(failed) | bit(cancelled) | bit(skipped) | bit(blocked);

struct Row {
  RunState from;
  std::uint32_t to;
};

constexpr std::array<Row, states.size()> table{{
    {scheduled, bit(claimed) | stops},
    {claimed, bit(planned) | stops},
    // A replay starts from a stage that is sealed already.
    {planned, bit(extracting) | bit(staged) | stops},
    {extracting, bit(staged) | stops},
    {staged, bit(checked) | stops},
    {checked, bit(loading) | stops},
    {loading, bit(committed) | bit(commit_unknown) | stops},
    {committed, bit(done)},
    {done, 0},
    {commit_unknown, bit(committed) | bit(loading)},
    // Back to the last durable step: the plan, or the sealed stage.
    {retry_wait,
     bit(claimed) | bit(planned) | bit(staged) | bit(failed) | bit(cancelled) | bit(blocked)},
    {failed, 0},
    {cancelled, 0},
    {skipped, 0},
    {blocked, 0},
}};

constexpr bool table_is_in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].from) != i || static_cast<std::size_t>(states[i]) != i)
      return false;
  }
  return true;
}
static_assert(table_is_in_order());

// Larger is worse.
int badness(RunState state) {
  constexpr std::array from_best{skipped,    done,           committed, loading, checked,
                                 staged,     extracting,     planned,   claimed, scheduled,
                                 retry_wait, commit_unknown, cancelled, blocked, failed};
  static_assert(from_best.size() == states.size());
  return static_cast<int>(std::find(from_best.begin(), from_best.end(), state) - from_best.begin());
}

}  // namespace

std::span<const RunState> all_run_states() {
  return states;
}

std::string_view to_string(RunState state) {
  switch (state) {
    case scheduled:
      return "scheduled";
    case claimed:
      return "claimed";
    case planned:
      return "planned";
    case extracting:
      return "extracting";
    case staged:
      return "staged";
    case checked:
      return "checked";
    case loading:
      return "loading";
    case committed:
      return "committed";
    case done:
      return "done";
    case commit_unknown:
      return "commit_unknown";
    case retry_wait:
      return "retry_wait";
    case failed:
      return "failed";
    case cancelled:
      return "cancelled";
    case skipped:
      return "skipped";
    case blocked:
      return "blocked";
  }
  return "failed";
}

std::optional<RunState> parse_run_state(std::string_view word) {
  for (RunState state : states) {
    if (to_string(state) == word) return state;
  }
  return std::nullopt;
}

std::string_view to_string(RunStatus status) {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::success:
      return "success";
    case RunStatus::failed:
      return "failed";
    case RunStatus::skipped:
      return "skipped";
    case RunStatus::cancelled:
      return "cancelled";
    case RunStatus::blocked:
      return "blocked";
  }
  return "failed";
}

bool can_follow(RunState from, RunState to) {
  return (table[static_cast<std::size_t>(from)].to & bit(to)) != 0;
}

bool is_final(RunState state) {
  return table[static_cast<std::size_t>(state)].to == 0;
}

RunState worst_of(std::span<const RunState> given) {
  if (given.empty()) return claimed;
  return *std::max_element(given.begin(), given.end(),
                           [](RunState a, RunState b) { return badness(a) < badness(b); });
}

std::string_view step_of(RunState from, RunState to) {
  switch (to) {
    case scheduled:
    case claimed:
    case planned:
      return "plan";
    case extracting:
      return "extract";
    case staged:
      return "stage";
    case checked:
      return "validate";
    case loading:
      return "load";
    case commit_unknown:
    case committed:
      return "commit";
    case done:
      return "observe";
    case retry_wait:
    case failed:
    case cancelled:
    case skipped:
    case blocked:
      break;
  }
  // What goes on is the step after the state reached last.
  switch (from) {
    case scheduled:
    case claimed:
    case planned:
    case retry_wait:
      return "plan";
    case extracting:
      return "extract";
    case staged:
      return "validate";
    case checked:
    case loading:
      return "load";
    case commit_unknown:
    case committed:
      return "commit";
    case done:
    case failed:
    case cancelled:
    case skipped:
    case blocked:
      return "observe";
  }
  return "observe";
}

RunStatus status_of(RunState state) {
  switch (state) {
    case scheduled:
    case claimed:
    case planned:
    case extracting:
    case staged:
    case checked:
    case loading:
    case committed:
    case commit_unknown:
    case retry_wait:
      return RunStatus::running;
    case done:
      return RunStatus::success;
    case failed:
      return RunStatus::failed;
    case cancelled:
      return RunStatus::cancelled;
    case skipped:
      return RunStatus::skipped;
    case blocked:
      return RunStatus::blocked;
  }
  return RunStatus::failed;
}

std::string_view stored_status(RunStatus status) {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::success:
      return "success";
    case RunStatus::skipped:
      return "skipped";
    case RunStatus::failed:
    case RunStatus::cancelled:
    case RunStatus::blocked:
      return "failed";
  }
  return "failed";
}

}  // namespace tidemark

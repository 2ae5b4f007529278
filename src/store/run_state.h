// RunState: the states of DESIGN section 8 and which may follow which, as a table of values.
//
// Pure functions over plain values; no thread rule. The machine runs per (run, stream); the run's
// state is the worst of its streams'.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace tidemark {

enum class RunState {
  scheduled,
  claimed,
  planned,
  extracting,
  staged,
  checked,
  loading,
  committed,
  done,
  commit_unknown,
  retry_wait,
  failed,
  cancelled,
  skipped,
  blocked,
};

// The words of a run's `status` in JSON.
enum class RunStatus { running, success, failed, skipped, cancelled, blocked };

std::span<const RunState> all_run_states();
std::string_view to_string(RunState state);
std::optional<RunState> parse_run_state(std::string_view word);
std::string_view to_string(RunStatus status);

// Beyond the straight line: `planned -> staged` is a replay, whose stage is sealed already;
// `planned -> skipped` is a window with nothing in it; `retry_wait` goes on from the last durable
// step. From `commit_unknown` only the ledger leads on, so that nothing is retried or given up
// before it was read; and `committed` can only become `done`, because what is in the target is
// never a failure.
bool can_follow(RunState from, RunState to);
// Nothing follows: done, failed, cancelled, skipped, blocked. (A blocked run goes on as a replay, a
// new run.)
bool is_final(RunState state);

// The worst first: failed, blocked, cancelled, commit_unknown, retry_wait, then the least advanced,
// done, skipped. So a run is `skipped` only when all its streams were. An empty list gives
// `claimed`.
RunState worst_of(std::span<const RunState> states);

// The step of DESIGN section 4 that an event belongs to: `plan`, `extract`, `stage`, `validate`,
// `load`, `commit`, `observe`; for an end (`failed`, `retry_wait`, ...) the step that was going on.
std::string_view step_of(RunState from, RunState to);

RunStatus status_of(RunState state);
// The word of `etl_runs.status`, which knows running|success|failed|skipped only; `state` stands
// beside it.
std::string_view stored_status(RunStatus status);

}  // namespace tidemark

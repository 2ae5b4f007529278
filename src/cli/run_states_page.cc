#include "cli/run_states_page.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "store/run_state.h"

namespace tidemark {

namespace {

std::string code(std::string_view word) {
  return "`" + std::string(word) + "`";
}

std::string successors_of(RunState from) {
  std::string text;
  for (RunState to : all_run_states()) {
    if (can_follow(from, to)) text += (text.empty() ? "" : ", ") + code(to_string(to));
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

ReferencePage run_states_page() {
  std::string text =
      "# Run states\n\n"
      "<!-- Made by `make docs`; a test fails when it differs from the code. -->\n\n"
      "Each stream of a run goes through these states, one store transaction each, in the order of "
      "the [way\nof the data](../ARCHITECTURE.md#the-way-of-the-data). The worst stands first: a "
      "run is in "
      "the worst state of its\nstreams. What may become nothing has ended.\n\n"
      "| state | status | may become |\n|---|---|---|\n";
  std::vector<RunState> states(all_run_states().begin(), all_run_states().end());
  std::sort(states.begin(), states.end(),
            [](RunState a, RunState b) { return a != b && worst_of(std::array{a, b}) == a; });
  for (RunState state : states) {
    text += "| " + code(to_string(state)) + " | " + std::string(to_string(status_of(state))) +
            " | " + successors_of(state) + " |\n";
  }
  return {"run-states.md", std::move(text)};
}

}  // namespace tidemark

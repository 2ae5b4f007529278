// Measures the groups of a plan in rounds: drain, each subject, drain again.
//
// Blocks of one command after the other measure the hour as well: in rounds all of them meet the
// same machine, and the subjects take turns in coming first. A result is checked before its time
// counts: how many rows in each round, every value in the warm-up and in the last one. What fails
// or is wrong once is not measured again and has no figures.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plan.h"

namespace tidemark::bench {

// One figure for each round that counts.
struct Figures {
  std::vector<double> wall_seconds;
  std::vector<double> cpu_seconds;
  std::vector<double> peak_mib;
  const std::vector<double>& of(Figure figure) const;
};

struct SubjectResult {
  Subject subject;
  Figures figures;
  std::string fault;  // empty: all rounds, with right results
  std::string note;   // what its check said beside the sum
  bool counts() const { return fault.empty() && subject.missing.empty(); }
};

struct GroupResult {
  Group group;
  double rows = 0;
  Figures before;  // the drain ahead of each round's subjects
  Figures after;   // and behind them
  std::vector<SubjectResult> subjects;
  std::string fault;  // the group's own commands failed: nothing of it counts
};

struct RoundOptions {
  int rounds = 7;               // beside the warm-up
  unsigned seconds_max = 3600;  // of one command
  std::function<void(const std::string&)> say;
};

// Blocking, for as long as it takes. REQUIRES take_over_orphans().
GroupResult measure(const Group& group, const RoundOptions& options);

}  // namespace tidemark::bench

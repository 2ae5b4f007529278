// What was measured, for a terminal, as a page and as JSON. Values; any thread.
#pragma once

#include <string>
#include <vector>

#include "rounds.h"

namespace tidemark::bench {

// What a goal came to; figures only with the verdicts met and over.
enum class Verdict { met, over, is_void, no_figures };

struct Judged {
  Verdict verdict = Verdict::no_figures;
  double measured = 0;  // the median; of a peak the largest
  double least = 0;
  double most = 0;
  std::string why;  // of no_figures and is_void
};
Judged judge(const Goal& goal, const GroupResult& group);

struct Report {
  std::string date;  // of the day, in UTC
  std::vector<std::string> machine;
  std::vector<std::pair<std::string, std::string>> versions;
  std::vector<std::string> notes;
  int rounds = 0;
  std::vector<GroupResult> groups;
};

// Lines of some 100 columns at most; what is to be said of a subject stands below.
std::string group_text(const GroupResult& group);
std::string goals_text(const std::vector<GroupResult>& groups);
std::string markdown(const Report& report);
std::string json(const Report& report);

// Processor, memory and system that this runs on.
std::vector<std::string> machine();

}  // namespace tidemark::bench

#include "rounds.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "process.h"

namespace tidemark::bench {
namespace {

std::string short_of(std::string text, std::size_t most) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  for (char& byte : text)
    if (byte == '\n') byte = ' ';
  return text.size() <= most ? text : "..." + text.substr(text.size() - most);
}

// Why a command is not as it should be, or nothing.
std::string fault_of(const Ran& ran) {
  if (ran.timed_out) return "took too long";
  if (ran.exit_code == 0) return {};
  return "exit " + std::to_string(ran.exit_code) + ": " + short_of(ran.err + ran.out, 300);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void note(Figures& figures, const Ran& ran) {
  figures.wall_seconds.push_back(ran.wall_seconds);
  figures.cpu_seconds.push_back(ran.cpu_seconds);
  figures.peak_mib.push_back(ran.peak_mib);
}

class Measurement {
 public:
  Measurement(const Group& group, const RoundOptions& options) : options_(options) {
    if (!group.rounds.empty())
      options_.rounds = std::min(options_.rounds, std::atoi(group.rounds.c_str()));
    result_.group = group;
    for (const Subject& subject : group.subjects)
      result_.subjects.push_back({subject, {}, {}, {}});
  }

  GroupResult run() {
    for (int round = 0; round <= options_.rounds && result_.fault.empty(); ++round)
      one_round(round);
    return std::move(result_);
  }

 private:
  void one_round(int round);
  void drain(Figures& figures, bool counts);
  void measure(SubjectResult& subject, int round);
  std::string check(SubjectResult& subject, bool whole);
  // Runs a command of the group; its first line, or a fault of the group.
  std::string of_group(const char* what, const std::string& command);
  std::string to_line(const std::string& command, std::string& fault) {
    const Ran ran = run_command(command, options_.seconds_max);
    fault = fault_of(ran);
    return first_line(ran.out);
  }
  bool checks_all(int round) const { return round == 0 || round == options_.rounds; }

  RoundOptions options_;
  GroupResult result_;
  std::string rows_;
  std::string sum_;
};

std::string Measurement::of_group(const char* what, const std::string& command) {
  std::string fault;
  std::string line = to_line(command, fault);
  if (fault.empty() && line.empty()) fault = "it printed nothing";
  if (!fault.empty() && result_.fault.empty()) result_.fault = std::string(what) + ": " + fault;
  return line;
}

void Measurement::drain(Figures& figures, bool counts) {
  if (!result_.fault.empty()) return;
  sync();
  const Ran ran = run_command(result_.group.drain, options_.seconds_max);
  if (const std::string fault = fault_of(ran); !fault.empty()) result_.fault = "drain: " + fault;
  if (counts) note(figures, ran);
}

void Measurement::one_round(int round) {
  const Group& group = result_.group;
  if (!group.before.empty()) {
    const Ran ran = run_command(group.before, options_.seconds_max);
    if (const std::string fault = fault_of(ran); !fault.empty()) result_.fault = "before: " + fault;
  }
  // What a result must be changes only where something is done to the source.
  if (round == 0 || !group.before.empty()) {
    rows_ = of_group("rows", group.rows);
    if (checks_all(round)) sum_ = of_group("sum", group.sum);
    result_.rows = std::strtod(rows_.c_str(), nullptr);
  }
  drain(result_.before, round > 0);
  const std::size_t count = result_.subjects.size();
  for (std::size_t turn = 0; turn < count && result_.fault.empty(); ++turn)
    measure(result_.subjects[(turn + static_cast<std::size_t>(round)) % count], round);
  drain(result_.after, round > 0);
  if (options_.say && result_.fault.empty())
    options_.say(group.name + ": " + (round == 0 ? "warm-up" : "round " + std::to_string(round)) +
                 " of " + std::to_string(options_.rounds));
}

void Measurement::measure(SubjectResult& subject, int round) {
  if (!subject.counts()) return;
  const std::string where = round == 0 ? "warm-up, " : "round " + std::to_string(round) + ", ";
  if (!subject.subject.prepare.empty()) {
    const Ran ran = run_command(subject.subject.prepare, options_.seconds_max);
    if (const std::string fault = fault_of(ran); !fault.empty()) {
      subject.fault = where + "prepare: " + fault;
      return;
    }
  }
  // What others left to be written must not be written while this one is measured.
  sync();
  const Ran ran = run_command(subject.subject.time, options_.seconds_max);
  std::string fault = fault_of(ran);
  if (fault.empty()) fault = check(subject, checks_all(round));
  if (!fault.empty()) {
    subject.fault = where + fault;
    return;
  }
  if (round > 0) note(subject.figures, ran);
}

std::string Measurement::check(SubjectResult& subject, bool whole) {
  std::string fault;
  const std::string rows = to_line(subject.subject.rows, fault);
  if (!fault.empty()) return "rows: " + fault;
  if (rows != rows_) return "WRONG: " + rows + " rows instead of " + rows_;
  if (!whole) return {};
  std::string wanted = sum_;
  if (!subject.subject.wanted.empty()) {
    const Ran ran = run_command(subject.subject.wanted, options_.seconds_max);
    if (fault = fault_of(ran); !fault.empty()) return "wanted: " + fault;
    wanted = first_line(ran.out);
    if (const std::size_t end = ran.out.find('\n'); end != std::string::npos)
      subject.note = short_of(ran.out.substr(end + 1), 100);
  }
  const std::string sum = to_line(subject.subject.sum, fault);
  if (!fault.empty()) return "sum: " + fault;
  if (sum.empty() || sum != wanted) return "WRONG values: " + sum + " instead of " + wanted;
  return {};
}

}  // namespace

const std::vector<double>& Figures::of(Figure figure) const {
  switch (figure) {
    case Figure::wall:
      return wall_seconds;
    case Figure::cpu:
      return cpu_seconds;
    case Figure::peak:
      return peak_mib;
  }
  std::abort();
}

GroupResult measure(const Group& group, const RoundOptions& options) {
  return Measurement(group, options).run();
}

}  // namespace tidemark::bench

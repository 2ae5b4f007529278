#include "plan.h"

#include <cstdlib>
#include <map>
#include <sstream>

namespace tidemark::bench {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> cells(const std::string& text, std::size_t most) {
  std::vector<std::string> all;
  std::size_t from = 0;
  while (all.size() + 1 < most) {
    const std::size_t bar = text.find(" | ", from);
    if (bar == std::string::npos) break;
    all.push_back(trimmed(text.substr(from, bar - from)));
    from = bar + 3;
  }
  all.push_back(trimmed(text.substr(from)));
  return all;
}

class Parser {
 public:
  // What is wrong with the line, or nothing.
  std::string line(const std::string& key, const std::string& value, bool is_part);
  std::string end() const;
  Plan take() { return std::move(plan_); }

 private:
  std::string begin(const std::string& key, const std::string& value);
  std::string part(const std::string& key, const std::string& value);
  std::string goal(const std::string& value);
  static const Subject* find(const Group& group, const std::string& name) {
    for (const Subject& subject : group.subjects)
      if (subject.name == name) return &subject;
    return nullptr;
  }

  Plan plan_;
  enum class In { none, group, subject } in_ = In::none;
};

std::string Parser::line(const std::string& key, const std::string& value, bool is_part) {
  if (value.empty()) return "`" + key + ":` says nothing";
  return is_part ? part(key, value) : begin(key, value);
}

std::string Parser::begin(const std::string& key, const std::string& value) {
  const std::vector<std::string> two = cells(value, 2);
  const std::string about = two.size() == 2 ? two[1] : std::string();
  if (key == "version") {
    if (about.empty()) return "a version is `NAME | COMMAND`";
    plan_.versions.emplace_back(two[0], about);
  } else if (key == "note") {
    plan_.notes.push_back(value);
  } else if (key == "group") {
    Group group;
    group.name = two[0];
    group.about = about;
    plan_.groups.push_back(std::move(group));
    in_ = In::group;
  } else if (plan_.groups.empty()) {
    return "`" + key + ":` stands in no group";
  } else if (key == "subject") {
    if (find(plan_.groups.back(), two[0]) != nullptr || two[0] == "drain")
      return "the group has a subject `" + two[0] + "` already";
    Subject subject;
    subject.name = two[0];
    subject.about = about;
    plan_.groups.back().subjects.push_back(std::move(subject));
    in_ = In::subject;
  } else if (key == "goal") {
    return goal(value);
  } else {
    return "there is no `" + key + ":`";
  }
  return {};
}

std::string Parser::part(const std::string& key, const std::string& value) {
  std::map<std::string, std::string*> parts;
  if (in_ == In::none) return "`" + key + ":` belongs to nothing";
  Group& group = plan_.groups.back();
  if (in_ == In::group) {
    parts = {{"drain", &group.drain},
             {"rows", &group.rows},
             {"sum", &group.sum},
             {"before", &group.before},
             {"rounds", &group.rounds}};
  } else {
    Subject& subject = group.subjects.back();
    if (key == "peer" && value == "yes") {
      subject.peer = true;
      return {};
    }
    parts = {{"prepare", &subject.prepare}, {"time", &subject.time},
             {"rows", &subject.rows},       {"sum", &subject.sum},
             {"wanted", &subject.wanted},   {"missing", &subject.missing}};
  }
  const auto found = parts.find(key);
  if (found == parts.end()) return "there is no `" + key + ":` here";
  if (!found->second->empty()) return "`" + key + ":` stands here twice";
  *found->second = value;
  return {};
}

std::string Parser::goal(const std::string& value) {
  const std::vector<std::string> six = cells(value, 6);
  if (six.size() != 6) return "a goal is `LINE | WHAT | SUBJECT | TO | FIGURE | AT MOST`";
  const std::map<std::string, Figure> figures{
      {"wall", Figure::wall}, {"cpu", Figure::cpu}, {"peak", Figure::peak}};
  Goal goal{six[0], six[1], six[2], six[3]};
  const Group& group = plan_.groups.back();
  const bool to_a_subject = goal.to != "drain" && goal.to != "-";
  for (const std::string& name : {goal.subject, to_a_subject ? goal.to : goal.subject})
    if (find(group, name) == nullptr) return "the group has no subject `" + name + "`";
  const auto figure = figures.find(six[4]);
  if (figure == figures.end()) return "a figure is wall, cpu or peak, not `" + six[4] + "`";
  goal.figure = figure->second;
  char* end = nullptr;
  goal.at_most = std::strtod(six[5].c_str(), &end);
  if (*end != '\0' || goal.at_most <= 0) return "`" + six[5] + "` is no number";
  plan_.groups.back().goals.push_back(goal);
  return {};
}

std::string Parser::end() const {
  if (plan_.groups.empty()) return "there is no group";
  for (const Group& group : plan_.groups) {
    if (!group.rounds.empty() && std::atoi(group.rounds.c_str()) < 1)
      return "`rounds:` is a number from 1, not `" + group.rounds + "`";
    if (group.drain.empty() || group.rows.empty() || group.sum.empty())
      return "the group `" + group.name + "` needs `drain:`, `rows:` and `sum:`";
    for (const Subject& subject : group.subjects)
      if (subject.missing.empty() &&
          (subject.time.empty() || subject.rows.empty() || subject.sum.empty()))
        return "`" + subject.name +
               "` needs `time:`, `rows:` and `sum:`: what is not checked is not measured";
  }
  return {};
}

}  // namespace

ParsedPlan parse_plan(const std::string& text) {
  Parser parser;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string words = trimmed(line);
    if (words.empty() || words[0] == '#') continue;
    const std::size_t colon = words.find(':');
    const std::string fault =
        colon == std::string::npos
            ? "a line is `KEY: VALUE`"
            : parser.line(words.substr(0, colon), trimmed(words.substr(colon + 1)), line[0] == ' ');
    if (!fault.empty()) return {std::nullopt, "line " + std::to_string(number) + ": " + fault};
  }
  if (std::string fault = parser.end(); !fault.empty()) return {std::nullopt, fault};
  return {parser.take(), {}};
}

}  // namespace tidemark::bench

#include "report.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "statistics.h"

namespace tidemark::bench {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as they must be: the first ones to the left, the rest to the right, a last one
// without a name to the left again.
std::string table(const std::vector<Row>& rows, std::size_t left) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows)
    for (std::size_t at = 0; at < row.size(); ++at)
      widths[at] = std::max(widths[at], row[at].size());
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const bool is_left = at < left || rows.front()[at].empty();
      line += is_left ? fmt::format("{:<{}}  ", row[at], widths[at])
                      : fmt::format("{:>{}}  ", row[at], widths[at]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string markdown_table(const std::vector<Row>& rows, std::size_t left) {
  std::string text;
  for (std::size_t number = 0; number < rows.size(); ++number) {
    for (std::string cell : rows[number]) {
      for (std::size_t bar = 0; (bar = cell.find('|', bar)) != std::string::npos; bar += 2)
        cell.insert(bar, 1, '\\');
      text += "| " + cell + " ";
    }
    text += "|\n";
    if (number > 0) continue;
    for (std::size_t at = 0; at < rows[0].size(); ++at)
      text += at < left || at + 1 == rows[0].size() ? "|---" : "|---:";
    text += "|\n";
  }
  return text;
}

std::string number(double value) {
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string range(const Spread& spread) {
  return number(spread.least) + "-" + number(spread.most);
}

std::string grouped(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, 1, ',');
  return digits;
}

std::vector<double> controls(const GroupResult& group, Figure figure) {
  return means(group.before.of(figure), group.after.of(figure));
}

Spread control_of(const GroupResult& group) {
  return spread_of(ratios(group.before.wall_seconds, group.after.wall_seconds));
}

Row figures_row(const std::string& name, const Figures& figures, const std::vector<double>& drain,
                double rows, const std::string& note) {
  const Spread wall = spread_of(figures.wall_seconds);
  const Spread ratio = spread_of(ratios(figures.wall_seconds, drain));
  const double cpu = spread_of(figures.cpu_seconds).median;
  return {name,
          number(wall.median),
          range(wall),
          number(ratio.median),
          range(ratio),
          number(cpu),
          rows < 1000 ? "-" : number(cpu / rows * 1e6),
          number(spread_of(figures.peak_mib).most),
          note};
}

std::vector<Row> subject_rows(const GroupResult& group) {
  std::vector<Row> rows{
      {"subject", "wall s", "min-max", "x drain", "min-max", "CPU s", "per Mrow", "peak MiB", ""}};
  const std::vector<double> drain = controls(group, Figure::wall);
  const Figures mean{drain, controls(group, Figure::cpu), controls(group, Figure::peak)};
  rows.push_back(figures_row("drain", mean, drain, group.rows, ""));
  for (const SubjectResult& one : group.subjects) {
    if (one.counts())
      rows.push_back(figures_row(one.subject.name, one.figures, drain, group.rows, one.note));
    else
      rows.push_back({one.subject.name, "-", "", "-", "", "-", "-", "-",
                      one.fault.empty() ? "missing: " + one.subject.missing : one.fault});
  }
  return rows;
}

std::string control_text(const GroupResult& group) {
  const Spread control = control_of(group);
  return fmt::format(
      "drain before / after {} ({}){}", number(control.median), range(control),
      is_void(control) ? fmt::format(": VOID, outside {}-{}", control_least, control_most) : "");
}

std::string title(const GroupResult& group) {
  return group.group.name + (group.group.about.empty() ? "" : ": " + group.group.about);
}

std::vector<Row> goal_rows(const std::vector<GroupResult>& groups) {
  std::vector<Row> rows{{"line", "what", "at most", "measured", "min-max", ""}};
  for (const GroupResult& group : groups) {
    for (const Goal& goal : group.group.goals) {
      const Judged judged = judge(goal, group);
      Row row{goal.line, goal.what, number(goal.at_most)};
      switch (judged.verdict) {
        case Verdict::met:
        case Verdict::over:
          row.insert(row.end(),
                     {number(judged.measured), number(judged.least) + "-" + number(judged.most),
                      judged.verdict == Verdict::met ? "met" : "OVER"});
          break;
        case Verdict::is_void:
        case Verdict::no_figures:
          row.insert(row.end(), {"-", "", judged.why});
          break;
      }
      rows.push_back(row);
    }
  }
  return rows;
}

const SubjectResult& find(const GroupResult& group, const std::string& name) {
  return *std::find_if(group.subjects.begin(), group.subjects.end(),
                       [&](const SubjectResult& one) { return one.subject.name == name; });
}

nlohmann::json json_of(const Figures& figures) {
  return {{"wall_seconds", figures.wall_seconds},
          {"cpu_seconds", figures.cpu_seconds},
          {"peak_mib", figures.peak_mib}};
}

}  // namespace

Judged judge(const Goal& goal, const GroupResult& group) {
  Judged judged;
  for (const std::string& name : {goal.subject, goal.to}) {
    if (name == "drain" || name == "-") continue;
    const SubjectResult& one = find(group, name);
    if (one.counts()) continue;
    judged.why = name + (one.fault.empty() ? " is missing" : " has no figures");
    return judged;
  }
  if (!group.fault.empty()) {
    judged.why = "the group failed";
    return judged;
  }
  const Spread control = control_of(group);
  // Memory does not depend on what else the machine does.
  if (is_void(control) && goal.figure != Figure::peak) {
    judged.verdict = Verdict::is_void;
    judged.why = "void, drains " + number(control.median);
    return judged;
  }
  const std::vector<double>& figures = find(group, goal.subject).figures.of(goal.figure);
  Spread spread = spread_of(figures);
  if (goal.to == "drain") spread = spread_of(ratios(figures, controls(group, goal.figure)));
  if (goal.to != "drain" && goal.to != "-")
    spread = spread_of(ratios(figures, find(group, goal.to).figures.of(goal.figure)));
  // A peak is what one run may take, not what most of them do.
  judged.measured = goal.figure == Figure::peak ? spread.most : spread.median;
  judged.least = spread.least;
  judged.most = spread.most;
  judged.verdict = judged.measured <= goal.at_most ? Verdict::met : Verdict::over;
  return judged;
}

std::string group_text(const GroupResult& group) {
  if (!group.fault.empty()) return title(group) + "\nFAILED: " + group.fault + "\n";
  std::vector<Row> rows = subject_rows(group);
  std::string notes;
  for (Row& row : rows) {
    if (!row.back().empty()) notes += row.front() + ": " + row.back() + "\n";
    row.pop_back();
  }
  return fmt::format("{}\n{} rows, {}\n", title(group), grouped(group.rows), control_text(group)) +
         table(rows, 1) + notes;
}

std::string goals_text(const std::vector<GroupResult>& groups) {
  return table(goal_rows(groups), 2);
}

std::string markdown(const Report& report) {
  std::string text = "# Speed, measured " + report.date + "\n\n";
  text += fmt::format(
      "`make bench` measures again; [README.md](README.md) says how to read and how to repeat "
      "this. "
      "Medians of up to {} rounds and, behind them, the smallest and the largest.\n\n",
      report.rounds);
  text += markdown_table(goal_rows(report.groups), 2);
  text += "\n## Machine and versions\n\n";
  for (const std::string& line : report.machine)
    text += "- " + line + "\n";
  for (const auto& [name, version] : report.versions)
    text += "- " + name + ": " + version + "\n";
  for (const std::string& note : report.notes)
    text += "- " + note + "\n";
  for (const GroupResult& group : report.groups) {
    text += "\n## " + title(group) + "\n\n";
    if (!group.fault.empty()) {
      text += "Failed: " + group.fault + "\n";
      continue;
    }
    text += fmt::format("{} rows; {}.\n\n", grouped(group.rows), control_text(group));
    text += markdown_table(subject_rows(group), 1);
    text += "\nCommands:\n\n";
    text += "    drain: " + group.group.drain + "\n";
    for (const SubjectResult& one : group.subjects)
      if (one.subject.missing.empty())
        text += "    " + one.subject.name + ": " + one.subject.time + "\n";
  }
  return text;
}

std::string json(const Report& report) {
  nlohmann::json groups = nlohmann::json::array();
  for (const GroupResult& group : report.groups) {
    nlohmann::json subjects = nlohmann::json::array();
    for (const SubjectResult& one : group.subjects)
      subjects.push_back({{"name", one.subject.name},
                          {"command", one.subject.time},
                          {"peer", one.subject.peer},
                          {"fault", one.fault},
                          {"missing", one.subject.missing},
                          {"figures", json_of(one.figures)}});
    nlohmann::json goals = nlohmann::json::array();
    for (const Goal& goal : group.group.goals) {
      const Judged judged = judge(goal, group);
      const bool has_figures = judged.verdict == Verdict::met || judged.verdict == Verdict::over;
      nlohmann::json one{{"line", goal.line}, {"what", goal.what}, {"at_most", goal.at_most}};
      if (has_figures)
        one.update({{"measured", judged.measured},
                    {"least", judged.least},
                    {"most", judged.most},
                    {"met", judged.verdict == Verdict::met}});
      else
        one["why"] = judged.why;
      goals.push_back(one);
    }
    groups.push_back({{"name", group.group.name},
                      {"rows", group.rows},
                      {"fault", group.fault},
                      {"drain_before", json_of(group.before)},
                      {"drain_after", json_of(group.after)},
                      {"subjects", subjects},
                      {"goals", goals}});
  }
  nlohmann::json versions = nlohmann::json::object();
  for (const auto& [name, version] : report.versions)
    versions[name] = version;
  return nlohmann::json{{"date", report.date},     {"machine", report.machine},
                        {"versions", versions},    {"notes", report.notes},
                        {"rounds", report.rounds}, {"groups", groups}}
             .dump(2) +
         "\n";
}

std::vector<std::string> machine() {
  std::vector<std::string> lines;
  std::string line;
  std::ifstream processors("/proc/cpuinfo");
  while (std::getline(processors, line) && !line.starts_with("model name"))
    continue;
  const std::size_t colon = line.find(": ");
  lines.push_back(fmt::format("{} cores, {}", sysconf(_SC_NPROCESSORS_ONLN),
                              colon == std::string::npos ? "of no name" : line.substr(colon + 2)));
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  lines.push_back(fmt::format("{:.0f} GiB of memory", bytes / (1 << 30)));
  utsname system{};
  uname(&system);
  lines.push_back(std::string(system.sysname) + " " + system.release);
  return lines;
}

}  // namespace tidemark::bench

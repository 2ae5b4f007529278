// speed: measures what a plan says, in rounds, and tells it as a table, a page and JSON.
//
//   speed PLAN [--rounds N] [--only GROUP] [--seconds-max N] [--markdown FILE] [--json FILE]
//
// plan.h has the form of a plan. Exit 1 where a group failed, or one of its subjects that is no
// peer failed or had a wrong result; a goal that is not met changes no exit code, since machines
// differ.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "fail.h"
#include "plan.h"
#include "process.h"
#include "report.h"
#include "rounds.h"

using namespace tidemark::bench;

namespace {

struct Options {
  std::string plan;
  std::string only;
  std::string markdown;
  std::string json;
  RoundOptions rounds;
};

std::optional<int> number_from(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < 1 || value > 1'000'000) return std::nullopt;
  return static_cast<int>(value);
}

std::optional<Options> read_options(const std::vector<std::string>& words) {
  Options options;
  if (words.empty()) return std::nullopt;
  options.plan = words[0];
  for (std::size_t at = 1; at < words.size(); at += 2) {
    if (at + 1 == words.size()) return std::nullopt;
    const std::string& value = words[at + 1];
    const std::optional<int> number = number_from(value);
    if (words[at] == "--rounds" && number)
      options.rounds.rounds = *number;
    else if (words[at] == "--seconds-max" && number)
      options.rounds.seconds_max = static_cast<unsigned>(*number);
    else if (words[at] == "--only")
      options.only = value;
    else if (words[at] == "--markdown")
      options.markdown = value;
    else if (words[at] == "--json")
      options.json = value;
    else
      return std::nullopt;
  }
  return options;
}

Plan read_plan(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) fail("there is no plan " + file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  ParsedPlan parsed = parse_plan(text);
  if (!parsed.plan) fail(file + ": " + parsed.fault);
  return std::move(*parsed.plan);
}

void write(const std::string& file, const std::string& text) {
  if (file.empty()) return;
  std::ofstream stream(file);
  stream << text;
  if (!stream.flush()) fail("cannot write " + file);
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", std::gmtime(&now));
  return text.data();
}

bool has_failed(const GroupResult& group) {
  if (!group.fault.empty()) return true;
  for (const SubjectResult& one : group.subjects)
    if (!one.fault.empty() && !one.subject.peer) return true;
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  std::optional<Options> options = read_options({arguments + 1, arguments + count});
  if (!options) {
    std::fprintf(stderr,
                 "usage: speed PLAN [--rounds N] [--only GROUP] [--seconds-max N] "
                 "[--markdown FILE] [--json FILE]\n");
    return 2;
  }
  take_over_orphans();
  options->rounds.say = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  const Plan plan = read_plan(options->plan);
  Report report{today(), machine(), {}, plan.notes, options->rounds.rounds, {}};
  for (const auto& [name, command] : plan.versions) {
    const Ran ran = run_command(command, options->rounds.seconds_max);
    report.versions.emplace_back(
        name, ran.exit_code == 0 ? ran.out.substr(0, ran.out.find('\n')) : "not there");
  }
  bool failed = false;
  for (const Group& group : plan.groups) {
    if (!options->only.empty() && group.name != options->only) continue;
    report.groups.push_back(measure(group, options->rounds));
    failed = failed || has_failed(report.groups.back());
    std::printf("%s\n", group_text(report.groups.back()).c_str());
    std::fflush(stdout);
    // Each time: an hour's groups are not lost with the next one.
    write(options->markdown, markdown(report));
    write(options->json, json(report));
  }
  if (report.groups.empty()) fail("the plan has no group " + options->only);
  std::printf("%s", goals_text(report.groups).c_str());
  return failed ? 1 : 0;
}

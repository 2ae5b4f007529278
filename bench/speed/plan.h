// What is measured: a plan as text, and as a value.
//
//   # a comment; a line that begins with blanks is of the group or subject above it
//   version: NAME | COMMAND                said in the report
//   note: TEXT                             so
//   group: NAME | WHAT IT IS
//     drain: COMMAND                       the control, before and after each round
//     rows: COMMAND                        prints how many rows a result must have
//     sum: COMMAND                         prints the checksum that a result must have
//     before: COMMAND                      before each round, the warm-up included
//     rounds: N                            at most, where a round takes long
//   subject: NAME | WHAT IT IS             of the group above
//     prepare: COMMAND                     before each time
//     time: COMMAND                        what is measured
//     rows: COMMAND                        prints how many rows its result has
//     sum: COMMAND                         prints the checksum of its result
//     wanted: COMMAND                      instead of the group's sum
//     peer: yes                            another tool: its faults are told and are not ours
//     missing: WHY                         it is not here; said in the table
//   goal: LINE | WHAT | SUBJECT | TO | FIGURE | AT MOST
//
// Commands are for /bin/sh. A goal's TO is `drain`, another subject of the group, or `-` for the
// figure itself; its FIGURE is wall, cpu or peak (seconds, seconds, MiB).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tidemark::bench {

enum class Figure { wall, cpu, peak };

struct Subject {
  std::string name;
  std::string about;
  std::string prepare;
  std::string time;
  std::string rows;
  std::string sum;
  std::string wanted;
  bool peer = false;
  std::string missing;
};

struct Goal {
  std::string line;
  std::string what;
  std::string subject;
  std::string to;
  Figure figure = Figure::wall;
  double at_most = 0;
};

struct Group {
  std::string name;
  std::string about;
  std::string drain;
  std::string rows;
  std::string sum;
  std::string before;
  std::string rounds;
  std::vector<Subject> subjects;
  std::vector<Goal> goals;
};

struct Plan {
  std::vector<std::pair<std::string, std::string>> versions;  // name, command
  std::vector<std::string> notes;
  std::vector<Group> groups;
};

// The plan, or what is wrong with it, with the number of the line.
struct ParsedPlan {
  std::optional<Plan> plan;
  std::string fault;
};
ParsedPlan parse_plan(const std::string& text);

}  // namespace tidemark::bench

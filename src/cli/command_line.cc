#include <algorithm>
#include <memory>
#include <sstream>
#include <utility>

#include "api/documents.h"
#include "base/nearest.h"
#include "base/units.h"
#include "cli/command_parser.h"
#include "cli/commands.h"

namespace tidemark {
namespace {

std::vector<CLI::App*> all_of(CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

}  // namespace

std::vector<CommandHelp> command_helps() {
  CommandLine line;
  Arguments arguments{line};
  const auto app = make_parser(arguments);
  std::vector<CommandHelp> helps{{"", app->help()}};
  for (CLI::App* command : all_of(*app)) {
    helps.push_back({command->get_name(), command->help(app->get_name())});
    const std::string group = command->get_name() + " ";
    for (CLI::App* inner : all_of(*command)) {
      helps.push_back(
          {group + inner->get_name(), inner->help(app->get_name() + " " + command->get_name())});
    }
  }
  return helps;
}

namespace {

// Whoever asked for JSON gets the fault as JSON, though the line could not be read.
int end_with_fault(int argc, char** argv, Output& output, std::string message, std::string hint) {
  const Error error = user_error("user.usage", std::move(message), std::move(hint));
  if (std::any_of(argv, argv + argc,
                  [](const char* word) { return std::string(word) == "--json"; }))
    output.out(to_json(JsonValue().set("error", error_document(error)), JsonLayout::indented) +
               "\n");
  output.err("tidemark: " + error.message + "\n  " + error.hint + "\n");
  return exit_fault;
}

// How far the words name commands: `stage list` is one command in a group of them.
struct NamedCommand {
  CLI::App* command = nullptr;  // the last one that was found: the program, a group or a command
  std::string name = "tidemark";
  std::optional<std::string> missed;  // the word that names no command of it
  bool is_group() const { return !all_of(*command).empty(); }
};

NamedCommand find_command(CLI::App& program, int argc, char** argv) {
  NamedCommand found{&program};
  for (int at = 1; at < argc && found.is_group(); ++at) {
    const std::string word = argv[at];
    if (word.starts_with('-')) return found;
    const std::vector<CLI::App*> commands = all_of(*found.command);
    const auto inner = std::find_if(commands.begin(), commands.end(),
                                    [&](const CLI::App* one) { return one->get_name() == word; });
    if (inner == commands.end()) {
      found.missed = word;
      return found;
    }
    found.command = *inner;
    found.name += " " + word;
  }
  return found;
}

std::string hint_for(const NamedCommand& found) {
  if (found.missed) {
    std::vector<std::string> names;
    for (const CLI::App* command : all_of(*found.command))
      names.push_back(command->get_name());
    if (const auto near = nearest_word(*found.missed, names))
      return "did you mean `" + found.name + " " + *near + "`?";
  }
  const std::string help = "`" + found.name + " --help` ";
  return help + (found.is_group() ? "lists the commands" : "says how it is written");
}

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line, Output& output) {
  Arguments arguments{line};
  const auto parser = make_parser(arguments);
  try {
    parser->parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream out;
    std::ostringstream err;
    parser->exit(asked, out, err);
    output.out(out.str());
    output.err(err.str());
    return exit_done;
  } catch (const CLI::ParseError& problem) {
    std::string message = problem.what();
    const NamedCommand found = find_command(*parser, argc, argv);
    const std::string group =
        found.command == parser.get() ? "" : found.name.substr(found.name.find(' ') + 1) + " ";
    if (found.missed) {
      message = "there is no command `" + group + *found.missed + "`";
    } else if (found.is_group()) {
      message = group.empty() ? "name a command" : "name a command of `" + found.name + "`";
    }
    return end_with_fault(argc, argv, output, std::move(message), hint_for(found));
  }
  // What was not given stays as it is.
  const auto read = [&](const std::string& option, const std::string& text,
                        auto& into) -> std::optional<int> {
    if (text.empty()) return std::nullopt;
    const auto duration = parse_duration(text);
    if (!duration.ok())
      return end_with_fault(argc, argv, output, option + ": " + duration.error().message,
                            duration.error().hint);
    into = *duration;
    return std::nullopt;
  };
  // No time at all is no duration elsewhere.
  const std::string wait = arguments.wait == "0ms" ? "" : arguments.wait;
  if (const auto fault = read("--wait", wait, line.wait)) return fault;
  if (const auto fault = read("--drain", arguments.drain, line.drain)) return fault;
  if (const auto fault = read("--for", arguments.lasts, line.lasts)) return fault;
  if (arguments.expires == "never") {
    line.expires.reset();
  } else if (const auto fault = read("--expires", arguments.expires, line.expires)) {
    return fault;
  }
  for (const std::string& level : arguments.log_levels) {
    const Status taken = line.log.add(level);
    if (!taken.ok())
      return end_with_fault(argc, argv, output, taken.error().message, taken.error().hint);
  }
  const auto share = parse_percent(arguments.rate_share);
  if (!share.ok() || *share <= 0)
    return end_with_fault(argc, argv, output,
                          "--rate-share: `" + arguments.rate_share + "` is no share",
                          "write for example 50%");
  line.rate_share = *share;
  return read("--budget", arguments.budget, line.budget);
}

}  // namespace tidemark

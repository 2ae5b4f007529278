#include "cli/command_page.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/document_schemas.h"

namespace tidemark {

namespace {

// CLI11 ends lines with blanks and texts with empty lines.
std::string trimmed_lines(const std::string& text) {
  std::string result;
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
      continue;
    }
    while (!line.empty() && line.back() == ' ')
      line.pop_back();
    result += line + "\n";
    line.clear();
  }
  result += line;
  while (result.ends_with('\n'))
    result.pop_back();
  return result.substr(std::min(result.find_first_not_of('\n'), result.size())) + "\n";
}

std::string block(const std::string& text) {
  return "```text\n" + trimmed_lines(text) + "```\n\n";
}

}  // namespace

ReferencePage command_page() {
  const std::vector<ReferencePage> schemas = document_schemas();
  std::string text =
      "# The command line\n\n"
      "<!-- Made by `make docs` from the help texts in the code; change it there. -->\n\n";
  for (const CommandHelp& help : command_helps()) {
    if (!help.name.empty()) text += "## `tidemark " + help.name + "`\n\n";
    text += block(help.text);
    std::string schema = "schemas/" + help.name + ".json";
    std::replace(schema.begin(), schema.end(), ' ', '-');
    const bool has_schema = std::any_of(schemas.begin(), schemas.end(),
                                        [&](const auto& page) { return page.file == schema; });
    if (has_schema) text += "`--json` prints a document of [" + schema + "](" + schema + ").\n\n";
  }
  text += "## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const ExitCode& exit : exit_codes)
    text += "| " + std::to_string(exit.code) + " | " + exit.meaning + " |\n";
  text +=
      "\nWith `--json`, a command that fails before it has a result prints a document of "
      "[schemas/error.json](schemas/error.json). A run that fails is a result: its document "
      "has the error inside.\n";
  return {"command-line.md", text};
}

}  // namespace tidemark

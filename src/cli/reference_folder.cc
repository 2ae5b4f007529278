#include "cli/reference_folder.h"

#include <string>
#include <utility>

#include "cli/command_page.h"
#include "cli/document_schemas.h"
#include "cli/run_states_page.h"
#include "spec/json_schema.h"

namespace tidemark {

namespace {

// `# Title` of a page.
std::string title_of(const ReferencePage& page) {
  return page.text.substr(2, page.text.find('\n') - 2);
}

ReferencePage index_of(const std::vector<ReferencePage>& pages) {
  std::string text =
      "# Reference\n\n"
      "<!-- Made by `make docs`; a test fails when it differs from the code. -->\n\n"
      "Every page here is made from the code, so it says what this version does. "
      "[semantics.md](../semantics.md) defines what it means.\n\n";
  std::string schemas;
  for (const ReferencePage& page : pages) {
    const std::string link = "[" + page.file + "](" + page.file + ")";
    if (page.file.ends_with(".json")) {
      schemas += (schemas.empty() ? "" : ", ") + link;
    } else {
      text += "- " + link + ": " + title_of(page) + "\n";
    }
  }
  text += "\nJSON Schemas (2020-12), of the files and of what `--json` prints: " + schemas +
          ".\n\nAn editor with a YAML language server checks a file while you write it, when its "
          "first line is\n`# yaml-language-server: $schema=PATH/job.json`.\n";
  return {"README.md", std::move(text)};
}

}  // namespace

std::vector<ReferencePage> reference_folder(const ConnectorCatalog& catalog) {
  std::vector<ReferencePage> pages = reference_pages(catalog);
  pages.push_back(command_page());
  pages.push_back(run_states_page());
  pages.push_back({"schemas/project.json", project_json_schema(catalog)});
  pages.push_back({"schemas/job.json", job_json_schema()});
  for (ReferencePage& schema : document_schemas())
    pages.push_back(std::move(schema));
  pages.insert(pages.begin(), index_of(pages));
  return pages;
}

}  // namespace tidemark

// The pages of docs/reference/ about what a user writes, made from the same field lists that parse
// it.
//
// Pure functions, the same text every time; no thread rule.
#pragma once

#include <string>
#include <vector>

#include "spec/connector_catalog.h"

namespace tidemark {

struct ReferencePage {
  std::string file;  // below docs/reference/
  std::string text;  // Markdown
};

// project.md, job.md, transform.md, connectors/NAME.md for each connector, and types.md.
std::vector<ReferencePage> reference_pages(const ConnectorCatalog& catalog);

}  // namespace tidemark

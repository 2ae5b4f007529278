// Everything that stands in docs/reference/, made from the code: the pages of what a user writes,
// the command line, and the JSON Schemas. `tidemark schema --docs DIR` writes it, `make docs` calls
// that. Pure; no thread rule.
#pragma once

#include <vector>

#include "spec/connector_catalog.h"
#include "spec/reference.h"

namespace tidemark {

// README.md, which lists the others, comes first.
std::vector<ReferencePage> reference_folder(const ConnectorCatalog& catalog);

}  // namespace tidemark

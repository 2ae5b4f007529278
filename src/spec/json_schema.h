// The JSON Schemas (2020-12) of a project's files, made from the same field lists that parse them.
// Editors use them to complete and check while one writes.
//
// Pure functions, the same text every time; no thread rule.
#pragma once

#include <string>

#include "spec/connector_catalog.h"

namespace tidemark {

// Of `jobs/*.yaml`.
std::string job_json_schema();
// Of `tidemark.yaml`.
std::string project_json_schema(const ConnectorCatalog& catalog);

}  // namespace tidemark

// The codec of ProjectSpec: tidemark.yaml to a value, with every fault, and the descriptions the
// reference page and the JSON Schema are made from.
//
// Pure functions but for the references they resolve; no thread rule.
#pragma once

#include <memory>

#include "spec/config_doc.h"
#include "spec/connector_catalog.h"
#include "spec/project_spec.h"
#include "spec/read_context.h"

namespace tidemark {

// Connections that have faults are in the result by name only, so that jobs that use them are not
// said to name an unknown one. `root` is left to the caller.
ProjectSpec read_project(const YamlDocument& document, ReadContext& context,
                         const ConnectorCatalog& catalog);

std::shared_ptr<const ObjectDoc> project_doc(const ConnectorCatalog& catalog);

}  // namespace tidemark

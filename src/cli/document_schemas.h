// The JSON Schemas (2020-12) of the documents of `--json`, for docs/reference/schemas/. They stand
// beside documents.cc, which writes the documents; tests/reference_test.py compares the two.
//
// Pure functions, the same text every time; no thread rule.
#pragma once

#include <string>
#include <vector>

#include "spec/reference.h"

namespace tidemark {

// `schemas/NAME.json` of every document.
std::vector<ReferencePage> document_schemas();

}  // namespace tidemark

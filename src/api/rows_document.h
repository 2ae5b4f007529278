// The rows of an answer as a document: `columns` and `rows`. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "drivers/json/json.h"
#include "model/schema.h"

namespace tidemark {

// As the engine writes a value; nothing for NULL.
using CellText = std::function<std::optional<std::string>(std::size_t row, std::size_t column)>;

JsonValue rows_document(const Schema& schema, std::size_t rows, const CellText& text);

}  // namespace tidemark

// Schema: the columns of a stream, in order, and its key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/type.h"

namespace tidemark {

struct Column {
  std::string name;
  Type type;
  bool nullable = true;
  // The type as the source names it, for people; empty where the source has none.
  std::string source_type;
  friend bool operator==(const Column&, const Column&) = default;
};

struct Schema {
  std::vector<Column> columns;
  // Names of the key's columns, in order; empty where none is known.
  std::vector<std::string> key;

  // The position of a column by exact name.
  std::optional<std::size_t> find(std::string_view name) const;
  std::vector<std::string> names() const;
  friend bool operator==(const Schema&, const Schema&) = default;
};

}  // namespace tidemark

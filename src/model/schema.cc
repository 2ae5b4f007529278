#include "model/schema.h"

namespace tidemark {

std::optional<std::size_t> Schema::find(std::string_view name) const {
  for (std::size_t at = 0; at < columns.size(); ++at) {
    if (columns[at].name == name) return at;
  }
  return std::nullopt;
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> all;
  all.reserve(columns.size());
  for (const Column& column : columns)
    all.push_back(column.name);
  return all;
}

}  // namespace tidemark

#include "spec/project_spec.h"

namespace tidemark {

std::optional<std::string> StoreSpec::sqlite_path() const {
  constexpr std::string_view scheme = "sqlite:";
  if (!place.starts_with(scheme)) return std::nullopt;
  return place.substr(scheme.size());
}

const ConnectionSpec* ProjectSpec::find_connection(std::string_view wanted) const {
  for (const ConnectionSpec& connection : connections) {
    if (connection.name.value == wanted) return &connection;
  }
  return nullptr;
}

}  // namespace tidemark

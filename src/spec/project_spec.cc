#include "spec/project_spec.h"

namespace tidemark {

const ConnectionSpec* ProjectSpec::find_connection(std::string_view wanted) const {
  for (const ConnectionSpec& connection : connections) {
    if (connection.name.value == wanted) return &connection;
  }
  return nullptr;
}

}  // namespace tidemark

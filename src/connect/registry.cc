#include "connect/registry.h"

#include <string>
#include <utility>

#include "base/assert.h"

namespace tidemark {

void ConnectorRegistry::add(std::unique_ptr<Connector> connector) {
  TM_ASSERT(find(connector->name()) == nullptr);
  connectors_.push_back(std::move(connector));
}

const Connector* ConnectorRegistry::find(std::string_view name) const {
  for (const auto& connector : connectors_) {
    if (connector->name() == name) return connector.get();
  }
  return nullptr;
}

Result<const Connector*> ConnectorRegistry::of(const ConnectionSpec& connection) const {
  if (const Connector* found = find(connection.connector)) return found;
  return internal_error("connect.unknown",
                        "this build has no connector `" + connection.connector + "`");
}

}  // namespace tidemark

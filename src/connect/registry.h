// ConnectorRegistry: the connectors of this build by name. Filled once by app/, read-only after.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connect/connector.h"

namespace tidemark {

class ConnectorRegistry {
 public:
  // REQUIRES a name that is not there yet.
  void add(std::unique_ptr<Connector> connector);
  // Null when this build has none of that name.
  const Connector* find(std::string_view name) const;
  // The connector of a connection; the spec has checked that it exists.
  Result<const Connector*> of(const ConnectionSpec& connection) const;

 private:
  std::vector<std::unique_ptr<Connector>> connectors_;
};

}  // namespace tidemark

// The connectors of this build: one line each in registrations.cc.
#pragma once

#include "connect/registry.h"
#include "spec/connector_catalog.h"

namespace tidemark {

void register_connectors(ConnectorCatalog& catalog, ConnectorRegistry& registry);

}  // namespace tidemark

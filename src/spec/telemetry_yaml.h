// `telemetry:` of tidemark.yaml.
#pragma once

#include "spec/config_spec.h"
#include "spec/telemetry_spec.h"

namespace tidemark {

ValueSpec<TelemetrySpec> telemetry_value();

}  // namespace tidemark

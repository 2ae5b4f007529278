// `alerts:` of tidemark.yaml.
#pragma once

#include "spec/alert_spec.h"
#include "spec/config_value.h"

namespace tidemark {

ValueSpec<AlertSpec> alerts_value();

}  // namespace tidemark

// `api:` of tidemark.yaml.
#pragma once

#include "spec/api_spec.h"
#include "spec/config_value.h"

namespace tidemark {

ValueSpec<ApiSpec> api_value();

}  // namespace tidemark

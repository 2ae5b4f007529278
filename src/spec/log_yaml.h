// `log:` of tidemark.yaml.
#pragma once

#include "observe/log.h"
#include "spec/config_value.h"

namespace tidemark {

ValueSpec<LogSpec> log_value();

}  // namespace tidemark

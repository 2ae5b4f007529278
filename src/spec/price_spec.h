// PriceSpec: what the processor's time and the bytes of runs cost; `prices:` in tidemark.yaml.
//
// A plain value, copyable, read-only for everybody after it was read.
#pragma once

#include <string>

#include "base/money.h"
#include "spec/config_value.h"

namespace tidemark {

struct PriceSpec {
  std::string currency;
  Price cpu_hour;
  // A GB is 1,000,000,000 bytes.
  Price gb_read;
  Price gb_staged;
  Price gb_written;
};

// Pure.
ValueSpec<PriceSpec> prices_value();

}  // namespace tidemark

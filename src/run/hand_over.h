// HandOver: what a run asks whoever started it between its extract and its load, where all servers
// reach the stage, so that another may load what this one read.
//
// Outlives the run; called from the run's thread.
#pragma once

#include <functional>

#include "base/error.h"
#include "base/named.h"
#include "base/result.h"

namespace tidemark {

struct HandOver {
  // All that is left of the run stands in sealed stages. True: it is loaded here and now. False:
  // the run is left as it is, without a lease, for whoever loads it.
  std::function<Result<bool>(const RunId&)> loads_here;
  // Whether a load that ended so is tried again from its stages; then the run stays open.
  std::function<bool(const Error&)> tries_again;
};

}  // namespace tidemark

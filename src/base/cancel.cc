#include "base/cancel.h"

namespace tidemark {

Status Cancel::check() const {
  if (requested()) return user_error("run.cancelled", "the run was cancelled");
  return {};
}

}  // namespace tidemark

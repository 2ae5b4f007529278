#include "connect/load_check.h"

namespace tidemark {

Status check_replacement(const LoadTarget& target, std::int64_t given, std::int64_t present) {
  if (given == 0 && present > 0) {
    return target_error(
        "blocked.empty_source",
        "the source gave no rows, and " + target.table + " holds " + std::to_string(present) +
            ": nothing was replaced",
        Retry::never, "check the source; if it is really empty now, run again with --allow-empty");
  }
  if (given > 0 &&
      static_cast<double>(given) < static_cast<double>(present) * (1.0 - *target.shrink_limit)) {
    return target_error("blocked.shrunk_source",
                        "the source gave " + std::to_string(given) + " rows, and " + target.table +
                            " holds " + std::to_string(present) +
                            ": fewer than the limit allows, nothing was replaced",
                        Retry::never,
                        "check the source; if so many rows are really gone, run again with "
                        "--allow-empty or raise `shrink_limit`");
  }
  return {};
}

}  // namespace tidemark

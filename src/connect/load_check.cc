#include "connect/load_check.h"

#include <algorithm>

#include "base/units.h"

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

Status check_removal(const LoadTarget& target, const Removal& removal, std::int64_t gone,
                     std::int64_t present) {
  // So few are no accident worth waking somebody for, whatever share of a small table they are.
  constexpr std::int64_t never_too_many = 10;
  if (removal.rows == Removal::Rows::with_keys) return {};
  if (removal.keys.rows.get() == 0 && present > 0 && !target.allow_empty) {
    return Error{"blocked.empty_source",
                 Fault::source,
                 Retry::never,
                 "the source has no row that is alive, and table " + target.table + " has " +
                     show_count(present) + "; they were left as they are",
                 {},
                 "if the source is really empty now, run again with --allow-empty"};
  }
  if (!removal.fraction_max || (removal.keys.rows.get() == 0 && target.allow_empty)) return {};
  const double share = *removal.fraction_max * static_cast<double>(present);
  const double most =
      removal.suspicion.empty() ? std::max(share, static_cast<double>(never_too_many)) : share;
  if (static_cast<double>(gone) <= most) return {};
  return Error{"blocked.deletes",
               Fault::source,
               Retry::never,
               show_count(gone) + " of the " + show_count(present) + " rows of " + target.table +
                   " are gone from the source, which is more than " +
                   show_count(static_cast<std::int64_t>(most)) +
                   (removal.suspicion.empty() ? "" : " (" + removal.suspicion + ")") +
                   "; nothing was loaded",
               {},
               "look whether they were really deleted; then take them out with `tidemark run JOB "
               "--accept-deletes`, or raise `max_fraction` of the job's `deletes`"};
}

}  // namespace tidemark

// What a service forgets of fires and runs of long ago.
#include <algorithm>

#include "schedule/fire_rules.h"
#include "schedule/service.h"

namespace tidemark {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::hours forgets_every{1};
// Of one look, so that what is due then is not late.
constexpr int forgotten_together = 1'000;

}  // namespace

Status Service::forget_old() {
  const nanoseconds at = parts_.clock.monotonic();
  if (forgot_ && at - *forgot_ < forgets_every) return {};
  const auto before = [now = time()](std::chrono::milliseconds keep) {
    return later(now, -nanoseconds(keep));
  };
  TM_TRY(const std::int64_t fires,
         parts_.store.forget_fires(before(options_.keep), forgotten_together));
  OldRuns old;
  if (options_.keep_runs) {
    old.idle = before(*options_.keep_runs);
    if (options_.keep_stages)
      old.rest = before(std::max(*options_.keep_runs, *options_.keep_stages));
  }
  TM_TRY(const std::int64_t runs, parts_.store.forget_runs(old, forgotten_together));
  // The rest at the next look.
  if (fires == forgotten_together || runs == forgotten_together) return {};
  forgot_ = at;
  if (options_.shared && options_.schedules) TM_CHECK(forget_unknown());
  return {};
}

}  // namespace tidemark

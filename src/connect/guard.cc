#include "connect/guard.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/units.h"
#include "drivers/zone/zone.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds waited_long = std::chrono::seconds(10);
constexpr milliseconds look_every{50};
// What a reader took itself between two payments; more was somebody else's.
constexpr nanoseconds took_max = std::chrono::seconds(1);
// Of a second's worth, how often is paid.
constexpr std::int64_t pieces = 50;

std::optional<Pace> pace_of(const std::optional<std::int64_t>& per_second, double share = 1) {
  if (!per_second) return std::nullopt;
  return Pace(static_cast<double>(*per_second) * share);
}

std::int64_t of(const std::map<std::string, std::int64_t>& counts, const std::string& who) {
  const auto found = counts.find(who);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

nanoseconds Pace::take(std::int64_t units, nanoseconds now) {
  paid_until_ =
      std::max(paid_until_, now) +
      nanoseconds(static_cast<std::int64_t>(static_cast<double>(units) * 1e9 / per_second_));
  return paid_until_;
}

Guard::Guard(const GuardSpec& spec, const Clock& clock)
    : spec_(spec),
      clock_(clock),
      rows_(pace_of(spec.rows_per_second)),
      bytes_(pace_of(spec.bytes_per_second)) {}

bool Guard::is_next(std::int64_t number) const {
  if (in_use_ >= *spec_.connections) return false;
  const nanoseconds now = clock_.monotonic();
  const auto rank = [&](const Waiter& waiter) {
    const bool patient = now - waiter.since < waited_long;
    return std::tuple(patient, patient ? of(held_, waiter.who) : 0,
                      patient ? of(read_, waiter.who) : 0, waiter.number);
  };
  const auto first = std::min_element(
      waiting_.begin(), waiting_.end(),
      [&](const Waiter& left, const Waiter& right) { return rank(left) < rank(right); });
  return first != waiting_.end() && first->number == number;
}

std::shared_ptr<void> Guard::take(const std::string& who) {
  ++in_use_;
  ++held_[who];
  // Shared, because a session has an owner that knows nothing of guards.
  return {this, [this, who](void*) { give_back(who); }};
}

void Guard::give_back(const std::string& who) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (--held_[who] == 0) held_.erase(who);
  changed_.notify_all();
}

Result<std::shared_ptr<void>> Guard::enter(const std::string& who, Cancel& cancel) {
  if (!spec_.connections) return std::shared_ptr<void>();
  std::unique_lock lock(mutex_);
  const std::int64_t number = ++last_number_;
  waiting_.push_back({who, number, clock_.monotonic()});
  std::optional<Error> error;
  while (!error && !is_next(number)) {
    if (of(held_, who) >= *spec_.connections) {
      error = user_error("guard.too_few",
                         "a run of `" + who + "` holds all " + show_count(*spec_.connections) +
                             " connections that the guard allows, and needs one more",
                         "allow one more under `guard: {connections: ...}`");
    } else if (Status asked = cancel.check(); !asked.ok()) {
      error = std::move(asked).error();
    } else {
      changed_.wait_for(lock, look_every);
    }
  }
  std::erase_if(waiting_, [&](const Waiter& waiter) { return waiter.number == number; });
  changed_.notify_all();
  if (error) return *std::move(error);
  return take(who);
}

std::shared_ptr<void> Guard::try_enter(const std::string& who) {
  const std::lock_guard lock(mutex_);
  if (spec_.connections && (in_use_ >= *spec_.connections || !waiting_.empty())) return nullptr;
  return take(who);
}

Status Guard::pay(const std::string& who, std::int64_t rows, std::int64_t bytes,
                  std::chrono::nanoseconds took, Cancel& cancel) {
  nanoseconds until{0};
  {
    const std::lock_guard lock(mutex_);
    read_[who] += bytes;
    const nanoseconds now = clock_.monotonic();
    const double dearer = 1 / share_;
    const auto cost = [&](std::int64_t units) {
      return static_cast<std::int64_t>(static_cast<double>(units) * dearer);
    };
    if (rows_) until = std::max(until, rows_->take(cost(rows), now));
    if (bytes_) until = std::max(until, bytes_->take(cost(bytes), now));
    if (const auto own = own_.find(who); own != own_.end()) {
      Paces& paces = own->second;
      if (paces.rows) until = std::max(until, paces.rows->take(cost(rows), now));
      if (paces.bytes) until = std::max(until, paces.bytes->take(cost(bytes), now));
    }
    const auto pause =
        std::chrono::duration<double, std::nano>(std::min(took, took_max)) * (dearer - 1);
    until = std::max(until, now + std::chrono::duration_cast<nanoseconds>(pause));
  }
  for (nanoseconds now = clock_.monotonic(); now < until; now = clock_.monotonic()) {
    TM_CHECK(cancel.check());
    const auto rest = std::chrono::ceil<milliseconds>(until - now);
    clock_.sleep(std::min(rest, look_every));
  }
  return {};
}

void Guard::limit(const std::string& who, double share) {
  const std::lock_guard lock(mutex_);
  own_.try_emplace(
      who, Paces{pace_of(spec_.rows_per_second, share), pace_of(spec_.bytes_per_second, share)});
}

void Guard::strained(bool is_strained) {
  constexpr double least = 1.0 / 64;
  const std::lock_guard lock(mutex_);
  share_ = is_strained ? std::max(least, share_ / 2) : std::min(1.0, share_ * 1.25);
}

double Guard::share() const {
  const std::lock_guard lock(mutex_);
  return share_;
}

std::shared_ptr<void> Guard::watch(const std::function<std::shared_ptr<void>()>& make) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<void> watch = watch_.lock();
  if (watch == nullptr) {
    watch = make();
    watch_ = watch;
  }
  return watch;
}

Status Guard::check_hours() const {
  if (spec_.quiet_hours.empty()) return {};
  TM_TRY(const Zone zone, Zone::find(spec_.timezone.value));
  const WallMinute now = zone.wall_minute(clock_.now_utc());
  for (const QuietHours& hours : spec_.quiet_hours) {
    const int left = hours.minutes_left(now);
    if (left == 0) continue;
    const int end = (now.minute + left) % (24 * 60);
    const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    return Error{
        "blocked.quiet_hours",
        Fault::source,
        Retry::backoff,
        "the source is left alone at this time (`quiet_hours: " + hours.text() + "`, " +
            spec_.timezone.value + ")",
        {},
        "run again from " + two(end / 60) + ":" + two(end % 60) + ", or add --in-quiet-hours"};
  }
  return {};
}

Error seq_scan(const std::string& table, const std::string& column, std::int64_t bytes,
               const std::string& mend) {
  return Error{"blocked.seq_scan",
               Fault::source,
               Retry::never,
               "each run would read all " + show_bytes(bytes) + " of " + table + ", because `" +
                   column + "` has no index",
               {},
               mend + ", or write `allow_seq_scan: true` in the job's `from`"};
}

Guards::Guards(const ProjectSpec& project, const Clock& clock) {
  for (const ConnectionSpec& connection : project.connections)
    guards_.emplace(connection.name.value, std::make_unique<Guard>(connection.guard, clock));
}

Status Toll::row(std::size_t bytes, Cancel& cancel) {
  if (guard_ == nullptr) return {};
  ++rows_;
  bytes_ += static_cast<std::int64_t>(bytes);
  // Where there is no pace, what was read still counts for who comes first.
  constexpr std::int64_t unpaced = 1 << 20;
  const GuardSpec& spec = guard_->spec();
  const std::int64_t rows_due =
      std::max<std::int64_t>(1, spec.rows_per_second.value_or(unpaced * pieces) / pieces);
  const std::int64_t bytes_due = spec.bytes_per_second.value_or(unpaced * pieces) / pieces;
  if (rows_ < rows_due && bytes_ < bytes_due) return {};
  const nanoseconds took = guard_->now() - paid_at_;
  const Status paid =
      guard_->pay(who_, std::exchange(rows_, 0), std::exchange(bytes_, 0), took, cancel);
  paid_at_ = guard_->now();
  return paid;
}

}  // namespace tidemark

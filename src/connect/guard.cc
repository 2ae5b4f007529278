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
// Of that time counts as waited for already, so that one reader alone comes to the whole rate.
constexpr nanoseconds took_counts_max = milliseconds(200);
// Of a second's worth, how often is paid.
constexpr std::int64_t pieces = 50;
// A place that was given back is kept for whoever comes next, while nobody else waits for it.
constexpr nanoseconds kept_for = std::chrono::seconds(2);
// Who has paid so lately reads still.
constexpr nanoseconds reads_for = std::chrono::seconds(10);
// Without an answer of the store.
constexpr nanoseconds patience = std::chrono::seconds(30);
// For who can go on without.
constexpr nanoseconds answered_in = milliseconds(500);

std::optional<Pace> pace_of(const std::optional<std::int64_t>& per_second, double share = 1) {
  if (!per_second) return std::nullopt;
  return Pace(static_cast<double>(*per_second) * share);
}

std::int64_t of(const std::map<std::string, std::int64_t>& counts, const std::string& who) {
  const auto found = counts.find(who);
  return found == counts.end() ? 0 : found->second;
}

// The guard's own thread ends them, one after the other: where a network is silent each may take
// its time, and who tells the others of this guard must not wait for that.
template <class Kept>
void let_end(std::vector<Kept>& kept, std::condition_variable& ender) {
  for (Kept& one : kept)
    one.until = nanoseconds(0);
  if (!kept.empty()) ender.notify_all();
}

}  // namespace

nanoseconds Pace::take(std::int64_t units, nanoseconds now) {
  paid_until_ =
      std::max(paid_until_, now) +
      nanoseconds(static_cast<std::int64_t>(static_cast<double>(units) * 1e9 / per_second_));
  return paid_until_;
}

Guard::Guard(const GuardSpec& spec, const Clock& clock, nanoseconds sessions_kept_for)
    : spec_(spec),
      clock_(clock),
      sessions_kept_for_(sessions_kept_for),
      rows_(pace_of(spec.rows_per_second)),
      bytes_(pace_of(spec.bytes_per_second)) {}

Guard::~Guard() {
  {
    const std::lock_guard lock(mutex_);
    leaves_ = true;
    ender_wakes_.notify_all();
  }
  if (ender_.joinable()) ender_.join();
  end_kept();
}

std::int64_t Guard::places() const {
  if (!shared_) return *spec_.connections;
  return is_valid() ? shared_->places : 0;
}

bool Guard::is_valid() const {
  return !shared_ || clock_.monotonic() <= shared_->valid_until;
}

void Guard::ask() {
  if (shared_) shared_->ask();
}

bool Guard::is_next(std::int64_t number) const {
  if (in_use_ >= places()) return false;
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
  return std::shared_ptr<Holder>(new Holder(who), [this](Holder* holder) {
    give_back(*holder);
    delete holder;
  });
}

void Guard::let_go(const std::string& who) {
  const bool was_last = --held_[who] == 0;
  if (was_last) held_.erase(who);
  if (!shared_) return;
  if (const auto lost = shared_->lost.find(who); lost != shared_->lost.end() && --lost->second == 0)
    shared_->lost.erase(lost);
  if (was_last) shared_->read_at.erase(who);
}

void Guard::give_back(const Holder& holder) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (holder) let_go(*holder);
  if (shared_) {
    shared_->given_back = clock_.monotonic();
    // Whoever has waited longest is the store's to say.
    if (shared_->others_wait) {
      shared_->places = std::min(shared_->places, in_use_);
      ask();
    }
  }
  changed_.notify_all();
}

Result<std::shared_ptr<void>> Guard::enter(const std::string& who, Cancel& cancel) {
  std::unique_lock lock(mutex_);
  if (!spec_.connections) return take(who);
  const std::int64_t number = ++last_number_;
  const nanoseconds since = clock_.monotonic();
  waiting_.push_back({who, number, since});
  if (!is_next(number)) ask();
  std::optional<Error> error;
  while (!error && !is_next(number)) {
    if (of(held_, who) >= *spec_.connections) {
      error = user_error("guard.too_few",
                         "a run of `" + who + "` holds all " + show_count(*spec_.connections) +
                             " connections that the guard allows, and needs one more",
                         "allow one more under `guard: {connections: ...}`");
    } else if (Status reached = check_store(since); !reached.ok()) {
      error = std::move(reached).error();
    } else if (Status asked = cancel.check(); !asked.ok()) {
      error = std::move(asked).error();
    } else if (!end_one(lock)) {
      changed_.wait_for(lock, look_every);
    }
  }
  std::erase_if(waiting_, [&](const Waiter& waiter) { return waiter.number == number; });
  changed_.notify_all();
  if (error) return *std::move(error);
  return take(who);
}

std::shared_ptr<void> Guard::try_enter(const std::string& who) {
  std::unique_lock lock(mutex_);
  if (!spec_.connections) return take(who);
  if (!waiting_.empty()) return nullptr;
  while (in_use_ >= places() && end_one(lock)) {
  }
  if (in_use_ < places()) return take(who);
  if (!shared_ || shared_->free == 0 || shared_->others_wait) return nullptr;
  const std::int64_t number = ++last_number_;
  const nanoseconds until = clock_.monotonic() + answered_in;
  waiting_.push_back({who, number, clock_.monotonic()});
  ask();
  while (!is_next(number) && clock_.monotonic() < until)
    changed_.wait_for(lock, look_every);
  const bool has_come = is_next(number);
  std::erase_if(waiting_, [&](const Waiter& waiter) { return waiter.number == number; });
  changed_.notify_all();
  return has_come ? take(who) : nullptr;
}

bool Guard::may_keep() const {
  if (leaves_ || !waiting_.empty()) return false;
  return !shared_ || (is_valid() && !shared_->others_wait && in_use_ <= shared_->places);
}

void Guard::keep(const std::string& key, std::shared_ptr<void> session,
                 std::shared_ptr<void> place) {
  const std::lock_guard lock(mutex_);
  if (!may_keep()) return;  // it ends with its last owner, when the mutex is free
  Holder& holder = *static_cast<Holder*>(place.get());
  let_go(*holder);
  holder.reset();
  const nanoseconds kept_for =
      shared_ ? std::min(sessions_kept_for_, reads_for) : sessions_kept_for_;
  kept_.push_back({key, std::move(place), std::move(session), clock_.monotonic() + kept_for});
  if (!ender_.joinable()) ender_ = std::thread([this] { end_old(); });
  if (ender_sleeps_) ender_wakes_.notify_all();
}

std::shared_ptr<void> Guard::take_kept(const std::string& who, const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty() || !is_valid()) return nullptr;
  const nanoseconds now = clock_.monotonic();
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& kept) {
    return kept.key == key && kept.until > now;
  });
  if (found == kept_.rend()) return nullptr;
  *static_cast<Holder*>(found->place.get()) = who;
  ++held_[who];
  std::shared_ptr<void> session = std::move(found->session);
  kept_.erase(std::prev(found.base()));  // the session has the place too
  return session;
}

bool Guard::end_one(std::unique_lock<std::mutex>& lock) {
  if (kept_.empty()) return false;
  {
    const Kept oldest = std::move(kept_.front());
    kept_.erase(kept_.begin());
    lock.unlock();
  }
  lock.lock();
  return true;
}

void Guard::end_kept() {
  std::unique_lock lock(mutex_);
  while (end_one(lock)) {
  }
  // Another thread may be ending one at this moment.
  changed_.wait(lock, [&] {
    std::int64_t held = 0;
    for (const auto& [who, sessions] : held_)
      held += sessions;
    return in_use_ == held;
  });
}

void Guard::end_old() {
  std::unique_lock lock(mutex_);
  while (!leaves_) {
    const nanoseconds now = clock_.monotonic();
    if (kept_.empty()) {
      ender_sleeps_ = true;
      ender_wakes_.wait(lock);
      ender_sleeps_ = false;
    } else if (kept_.front().until <= now) {
      end_one(lock);
    } else {
      ender_wakes_.wait_for(lock, kept_.front().until - now);
    }
  }
}

Status Guard::check_store(nanoseconds since) const {
  if (!shared_ || !shared_->why || is_valid()) return {};
  // One that was never reached is told at once, as elsewhere.
  const bool ever = shared_->valid_until.count() >= 0;
  if (ever && clock_.monotonic() - since < patience) return {};
  Error error = *shared_->why;
  error.message =
      "the guard is shared with other processes, and what they use of the connection cannot be "
      "asked: " +
      error.message;
  error.code = "guard.not_shared";
  return error;
}

Status Guard::check_held(const std::string& who) const {
  if (!shared_) return {};
  const bool expired = spec_.connections && !is_valid() && of(held_, who) > 0;
  if (!expired && of(shared_->lost, who) == 0) return {};
  return Error{
      "guard.lost",
      Fault::internal,
      Retry::backoff,
      "the sessions of `" + who +
          "` may be another process's by now: this one did not reach the store, which shares "
          "them out, for too long" +
          (shared_->why ? " (" + shared_->why->message + ")" : ""),
      {},
      "run again when the store is there; nothing of it was loaded. Where that takes "
      "longer as a rule, raise `lease:`"};
}

Status Guard::wait_for_part(const std::string& who, std::unique_lock<std::mutex>& lock,
                            Cancel& cancel) {
  if (!shared_) return {};
  const bool is_known = shared_->read_at.contains(who);
  shared_->read_at[who] = clock_.monotonic();
  if (!is_known) ask();
  const nanoseconds since = clock_.monotonic();
  while (true) {
    TM_CHECK(check_held(who));
    if (!has_rate() || (is_valid() && shared_->part > 0)) return {};
    TM_CHECK(check_store(since));
    TM_CHECK(cancel.check());
    shared_->read_at[who] = clock_.monotonic();
    changed_.wait_for(lock, look_every);
  }
}

double Guard::strain() const {
  return shared_ ? std::min(share_, shared_->strain) : share_;
}

Status Guard::pay(const std::string& who, std::int64_t rows, std::int64_t bytes,
                  std::chrono::nanoseconds took, Cancel& cancel) {
  nanoseconds until{0};
  {
    std::unique_lock lock(mutex_);
    read_[who] += bytes;
    TM_CHECK(wait_for_part(who, lock, cancel));
    const nanoseconds now = clock_.monotonic();
    const double dearer = 1 / strain();
    const double part = shared_ ? shared_->part : 1;
    const auto cost = [&](std::int64_t units, double of) {
      return static_cast<std::int64_t>(static_cast<double>(units) * dearer / of);
    };
    const nanoseconds from = now - std::min(took, took_counts_max);
    if (rows_) until = std::max(until, rows_->take(cost(rows, part), from));
    if (bytes_) until = std::max(until, bytes_->take(cost(bytes, part), from));
    if (const auto own = own_.find(who); own != own_.end()) {
      Paces& paces = own->second;
      if (paces.rows) until = std::max(until, paces.rows->take(cost(rows, 1), from));
      if (paces.bytes) until = std::max(until, paces.bytes->take(cost(bytes, 1), from));
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
  Paces& own = own_[who];
  if (own.share == share) return;
  own = {share, pace_of(spec_.rows_per_second, share), pace_of(spec_.bytes_per_second, share)};
}

void Guard::strained(bool is_strained) {
  constexpr double least = 1.0 / 64;
  const std::lock_guard lock(mutex_);
  share_ = is_strained ? std::max(least, share_ / 2) : std::min(1.0, share_ * 1.25);
}

double Guard::share() const {
  const std::lock_guard lock(mutex_);
  return strain();
}

Guard::Use Guard::use() const {
  const std::lock_guard lock(mutex_);
  return {in_use_, std::ssize(waiting_)};
}

void Guard::share(std::function<void()> ask) {
  const std::lock_guard lock(mutex_);
  shared_ = std::make_unique<Shared>();
  shared_->ask = std::move(ask);
}

GuardReport Guard::report() {
  using std::chrono::duration_cast;
  const std::lock_guard lock(mutex_);
  Shared& shared = *shared_;
  const nanoseconds now = clock_.monotonic();
  std::erase_if(shared.read_at, [&](const auto& one) { return now - one.second > reads_for; });
  if (shared.others_wait) let_end(kept_, ender_wakes_);
  if (shared.others_wait || now - shared.given_back > kept_for)
    shared.places = std::min(shared.places, in_use_);
  GuardReport report;
  if (spec_.connections) {
    const auto waiting = static_cast<std::int64_t>(waiting_.size());
    report.connections = *spec_.connections;
    report.places = std::max(shared.places, in_use_);
    report.wanted = std::max<std::int64_t>(0, in_use_ + waiting - report.places);
  }
  for (const Waiter& waiter : waiting_)
    report.waited = std::max(report.waited, duration_cast<milliseconds>(now - waiter.since));
  for (const auto& [who, at] : shared.read_at) {
    const auto own = own_.find(who);
    const double weight = own == own_.end() ? 1 : own->second.share;
    report.weight += static_cast<std::int64_t>(weight * static_cast<double>(whole_part));
    report.jobs.try_emplace(who, 0);
  }
  for (const auto& [who, sessions] : held_)
    report.jobs[who] = sessions;
  for (const Waiter& waiter : waiting_)
    report.jobs.try_emplace(waiter.who, 0);
  // Of a strain at which nobody looks any more nothing is known.
  if (!watch_.expired())
    report.strain = static_cast<std::int64_t>(share_ * static_cast<double>(whole_part));
  return report;
}

void Guard::told(const GuardGrant& grant, nanoseconds valid_until) {
  const std::lock_guard lock(mutex_);
  Shared& shared = *shared_;
  shared.places = grant.places;
  shared.free = grant.free;
  shared.others_wait = grant.others_wait;
  shared.part = static_cast<double>(grant.part) / static_cast<double>(whole_part);
  shared.strain = static_cast<double>(grant.strain) / static_cast<double>(whole_part);
  shared.valid_until = valid_until;
  shared.why.reset();
  if (grant.lost) shared.lost = held_;
  changed_.notify_all();
  if (grant.lost || !may_keep()) let_end(kept_, ender_wakes_);
}

void Guard::not_told(const Error& why) {
  const std::lock_guard lock(mutex_);
  shared_->why = why;
  changed_.notify_all();
  if (!is_valid()) let_end(kept_, ender_wakes_);  // they may be others' by now
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

Result<std::optional<QuietTime>> quiet_at(const GuardSpec& spec, UtcMicros at) {
  constexpr std::int64_t second_us = 1'000'000;
  if (spec.quiet_hours.empty()) return std::optional<QuietTime>();
  TM_TRY(const Zone zone, Zone::find(spec.timezone.value));
  const WallMinute now = zone.wall_minute(at);
  for (const QuietHours& hours : spec.quiet_hours) {
    const int left = hours.minutes_left(now);
    if (left == 0) continue;
    const int end = (now.minute + left) % (24 * 60);
    const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    // By the wall, whose clock may be set meanwhile.
    const std::int64_t second = at.get() / second_us;
    const std::int64_t wall = (second + zone.offset(second)) / 60 + left;
    const std::int64_t until = std::max(zone.shows(60 * wall), second + 1);
    return std::optional(QuietTime{UtcMicros(until * second_us),
                                   "the source is left alone at this time (`quiet_hours: " +
                                       hours.text() + "`, " + spec.timezone.value + ")",
                                   two(end / 60) + ":" + two(end % 60)});
  }
  return std::optional<QuietTime>();
}

Status Guard::check_hours() const {
  TM_TRY(const auto quiet, quiet_at(spec_, clock_.now_utc()));
  if (!quiet) return {};
  return Error{"blocked.quiet_hours",
               Fault::source,
               Retry::backoff,
               quiet->why,
               {},
               "run again from " + quiet->wall_end + ", or add --in-quiet-hours"};
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

#include "connect/shared_guards.h"

#include <chrono>
#include <utility>

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds every{1'000};
// Where somebody waits.
constexpr milliseconds every_soon{250};
// Many who ask at the same time are one question.
constexpr milliseconds apart{10};

bool uses_nothing(const GuardReport& report) {
  return report.places == 0 && report.wanted == 0 && report.weight == 0;
}

bool has_limits(const GuardSpec& spec) {
  return spec.connections || spec.rows_per_second || spec.bytes_per_second || spec.slow_above ||
         spec.lag_above;
}

}  // namespace

SharedGuards::SharedGuards(const Guards& guards, Open open, const Clock& clock)
    : open_(std::move(open)), clock_(clock) {
  for (const auto& [connection, guard] : guards.all()) {
    if (!has_limits(guard->spec())) continue;
    guard->share([this] { ask(); });
    members_.push_back({connection, guard.get()});
  }
  if (!members_.empty()) thread_ = std::thread([this] { keep(); });
}

SharedGuards::~SharedGuards() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (const Member& member : members_)
    member.guard->end_kept();
  // Where it cannot be told, the others find it out by themselves.
  if (shares_ != nullptr) static_cast<void>(shares_->leave());
}

void SharedGuards::ask() {
  const std::lock_guard lock(mutex_);
  is_asked_ = true;
  changed_.notify_all();
}

void SharedGuards::keep() {
  Next next = Next::when_asked;
  std::unique_lock lock(mutex_);
  while (!ends_) {
    const auto is_due = [&] { return ends_ || is_asked_; };
    if (next == Next::when_asked) {
      changed_.wait(lock, is_due);
    } else {
      changed_.wait_for(lock, next == Next::soon ? every_soon : every, is_due);
    }
    if (ends_) return;
    changed_.wait_for(lock, apart, [&] { return ends_; });
    is_asked_ = false;
    lock.unlock();
    next = exchange();
    lock.lock();
  }
}

SharedGuards::Next SharedGuards::exchange() {
  std::vector<Member*> members;
  std::vector<GuardReport> reports;
  for (Member& member : members_) {
    GuardReport report = member.guard->report();
    report.connection = member.connection;
    if (uses_nothing(report) && !member.is_told) continue;
    member.is_told = true;
    members.push_back(&member);
    reports.push_back(std::move(report));
  }
  if (members.empty()) return Next::when_asked;
  const auto is_owed = exchange_of(members, reports);
  if (is_owed.ok()) return *is_owed ? Next::soon : Next::later;
  for (const Member* member : members)
    member->guard->not_told(is_owed.error());
  return Next::later;
}

Result<bool> SharedGuards::exchange_of(const std::vector<Member*>& members,
                                       const std::vector<GuardReport>& reports) {
  if (shares_ == nullptr) {
    TM_TRY(shares_, open_());
  }
  const auto begun = clock_.monotonic();
  TM_TRY(const std::vector<GuardGrant> grants, shares_->exchange(reports));
  bool is_owed = false;
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i]->is_told = !uses_nothing(reports[i]);
    members[i]->guard->told(grants[i], begun + shares_->ttl() * 2 / 3);
    is_owed = is_owed || grants[i].is_owed;
  }
  return is_owed;
}

}  // namespace tidemark

// Guard: what protects the system behind one connection. Shared by every run of this process that
// reads from it, so that they keep its limits together. Where several processes share a store, a
// guard has a share of the limits, which changes as the others come and go (shared_guards.h).
//
// Guards owns one for each connection, as long as the process; every method is safe from any
// thread. `enter` and `pay` block, and return soon after `cancel`.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/copy_turn.h"
#include "env/clock.h"
#include "spec/project_spec.h"
#include "store/guard_shares.h"

namespace tidemark {

// A rate that is kept by waiting. What is read is paid for after it was read, in the order it came,
// so a row of any size passes; a pause saves nothing up.
class Pace {
 public:
  // Of units a second.
  explicit Pace(double per_second) : per_second_(per_second) {}
  // Until when to wait, on a clock that only goes forward, when `units` were read at `now`.
  std::chrono::nanoseconds take(std::int64_t units, std::chrono::nanoseconds now);

 private:
  double per_second_;
  std::chrono::nanoseconds paid_until_{0};
};

// A source that is left alone: until when, as a moment and on the wall of its zone, and why.
struct QuietTime {
  UtcMicros until;
  std::string why;
  std::string wall_end;
};
// Nothing outside of the quiet hours; `env.no_zone`.
Result<std::optional<QuietTime>> quiet_at(const GuardSpec& spec, UtcMicros at);

class Guard {
 public:
  // `sessions_kept_for`: how long one that nobody uses is kept.
  Guard(const GuardSpec& spec, const Clock& clock,
        std::chrono::nanoseconds sessions_kept_for = std::chrono::seconds(60));
  ~Guard();

  // A session with the system; given back when the last owner lets it go. `who` is the job: whoever
  // holds fewest comes first, then whoever has read least, so that a small run need not wait for
  // the end of a large one; one that has waited for ten seconds comes before all. `guard.too_few`
  // where `who` holds all there are; `guard.not_shared` where the store, which knows what others
  // hold, could not be asked.
  Result<std::shared_ptr<void>> enter(const std::string& who, Cancel& cancel);
  // Nothing where all are taken: for whoever can go on without.
  std::shared_ptr<void> try_enter(const std::string& who);

  // Takes a session that nobody uses now, for whoever takes it out soon by the same `key`. It keeps
  // its place, as that came from `enter`, and is ended as soon as somebody waits for one, here or
  // in another process; at once where somebody does. A key says all that makes two sessions one.
  void keep(const std::string& key, std::shared_ptr<void> session, std::shared_ptr<void> place);
  // The session of that key that was kept last, whose place is from now on of `who`; nothing where
  // there is none.
  std::shared_ptr<void> take_kept(const std::string& who, const std::string& key);
  // Ends those that are kept.
  void end_kept();

  // `who` has read so much, and took `took` for it: waits until that is paid for. `guard.lost`
  // where others may have his sessions, because the store was not reached for too long.
  Status pay(const std::string& who, std::int64_t rows, std::int64_t bytes,
             std::chrono::nanoseconds took, Cancel& cancel);

  // `who` has at most this share of the rates for himself, from (0, 1]; what he reads counts in the
  // rates of all as well. Nothing happens where the system has no rate, or he has this share
  // already.
  void limit(const std::string& who, double share);
  bool has_rate() const { return spec_.rows_per_second || spec_.bytes_per_second; }

  // Whether the system is slower than it may be, as somebody who looks at it says now and then: all
  // who read go at half the pace, down to a sixty-fourth, and come back bit by bit.
  void strained(bool is_strained);
  // Of the pace that they would have: 1 where all is well.
  double share() const;
  struct Use {
    std::int64_t sessions = 0;  // held by runs, or kept for the next
    std::int64_t wanted = 0;
  };
  Use use() const;
  // Who looks: one for all who read, made by the first, gone with the last.
  std::shared_ptr<void> watch(const std::function<std::shared_ptr<void>()>& make);
  std::chrono::nanoseconds now() const { return clock_.monotonic(); }

  // `blocked.quiet_hours` when no run may begin now, see quiet_at().
  Status check_hours() const;

  const GuardSpec& spec() const { return spec_; }
  CopyTurn& copies() { return copies_; }

  // For SharedGuards. From now on nothing is allowed but what `told` says; `ask` wants to be told
  // soon, is called under the guard's mutex and returns at once. REQUIRES that nobody uses it yet.
  void share(std::function<void()> ask);
  // What is held and wanted now. Until it is told more, no more is used than this says.
  GuardReport report();
  // The answer to the last report; it holds until `valid_until`.
  void told(const GuardGrant& grant, std::chrono::nanoseconds valid_until);
  // The last report was not answered.
  void not_told(const Error& why);

 private:
  struct Paces {
    double share = 0;
    std::optional<Pace> rows;
    std::optional<Pace> bytes;
  };
  // What others leave to this process.
  struct Shared {
    std::function<void()> ask;
    std::int64_t places = 0;
    std::int64_t free = 0;
    bool others_wait = false;
    double part = 0;  // of the rates
    double strain = 1;
    std::chrono::nanoseconds valid_until{-1};
    std::chrono::nanoseconds given_back{0};    // the last session
    std::map<std::string, std::int64_t> lost;  // sessions by job that others may have too
    std::map<std::string, std::chrono::nanoseconds> read_at;  // who reads, and when last
    std::optional<Error> why;                                 // the last answer is missing
  };
  struct Waiter {
    std::string who;
    std::int64_t number;
    std::chrono::nanoseconds since;
  };
  // Of a place: the job, or nobody while its session is kept.
  using Holder = std::optional<std::string>;
  // A guard knows no system, so what it keeps has no type here, and ends with its last owner.
  struct Kept {
    std::string key;
    std::shared_ptr<void> place;
    std::shared_ptr<void> session;  // ended before its place is given back
    std::chrono::nanoseconds until;
  };
  // On a thread of its own: ends what was kept for long enough.
  void end_old();
  // One that is kept, to be ended without the mutex, since that asks the system.
  bool end_one(std::unique_lock<std::mutex>& lock);
  // With the mutex held, these.
  bool may_keep() const;
  bool is_next(std::int64_t number) const;
  std::int64_t places() const;
  bool is_valid() const;
  void ask();
  Status check_store(std::chrono::nanoseconds since) const;
  Status check_held(const std::string& who) const;
  Status wait_for_part(const std::string& who, std::unique_lock<std::mutex>& lock, Cancel& cancel);
  double strain() const;
  std::shared_ptr<void> take(const std::string& who);
  void let_go(const std::string& who);
  void give_back(const Holder& holder);

  CopyTurn copies_;
  const GuardSpec spec_;
  const Clock& clock_;
  const std::chrono::nanoseconds sessions_kept_for_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::optional<Pace> rows_;
  std::optional<Pace> bytes_;
  std::map<std::string, Paces> own_;          // of who has a share only
  std::map<std::string, std::int64_t> held_;  // sessions by job
  std::map<std::string, std::int64_t> read_;  // bytes by job
  std::int64_t in_use_ = 0;
  std::vector<Waiter> waiting_;
  std::weak_ptr<void> watch_;
  double share_ = 1;
  std::unique_ptr<Shared> shared_;  // where the limits are shared
  std::int64_t last_number_ = 0;
  std::vector<Kept> kept_;  // the oldest first
  bool leaves_ = false;
  bool ender_sleeps_ = false;  // until it is woken
  std::condition_variable ender_wakes_;
  std::thread ender_;  // begun with the first that is kept
};

// `blocked.seq_scan`: each run would read all `bytes` of the table. `mend` says what to do about
// it, beside allowing it.
Error seq_scan(const std::string& table, const std::string& column, std::int64_t bytes,
               const std::string& mend);

class Guards {
 public:
  Guards(const ProjectSpec& project, const Clock& clock);
  // REQUIRES a connection of the project.
  Guard& of(const std::string& connection) const { return *guards_.at(connection); }
  const std::map<std::string, std::unique_ptr<Guard>>& all() const { return guards_; }

 private:
  std::map<std::string, std::unique_ptr<Guard>> guards_;
};

// A guard as one run uses it: what one reader reads, paid for in pieces of a fiftieth of a second.
class Toll {
 public:
  Toll() = default;  // free
  Toll(Guard& guard, std::string who)
      : guard_(&guard), who_(std::move(who)), paid_at_(guard.now()) {}
  // One row of so many bytes was read.
  Status row(std::size_t bytes, Cancel& cancel);

 private:
  Guard* guard_ = nullptr;
  std::string who_;
  std::int64_t rows_ = 0;
  std::int64_t bytes_ = 0;
  std::chrono::nanoseconds paid_at_{0};
};

}  // namespace tidemark

// GuardShares: how processes that share a store divide what the guard of a connection allows.
//
// Each process has a row for each connection that it uses: the places (sessions) it holds, how much
// it reads, which part of the rates it has. It tells and asks in one transaction for all its
// connections; what it gets there is its own until it gives it up, or has been silent for `ttl` by
// the store's clock. Over all rows of a connection the places are never more than the limit, and
// the parts of the rates never more than the whole: who comes waits until the others gave some up.
//
// Owned by whoever asks; every method is safe from any thread and blocks on the database.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/sql_session.h"

namespace tidemark {

// Parts are in millionths.
constexpr std::int64_t whole_part = 1'000'000;

// What a process tells of one connection. All zero: it is done with it.
struct GuardReport {
  std::string connection;
  std::int64_t connections = 0;  // the guard's limit; 0: there is none
  std::int64_t places = 0;       // held, in use or kept for the next; no more than it was given
  std::int64_t wanted = 0;       // beyond those
  std::chrono::milliseconds waited{};        // of who waits longest
  std::int64_t weight = 0;                   // of its readers: a million each, less for a slow one
  std::int64_t strain = whole_part;          // the pace that the system bears, as seen here
  std::map<std::string, std::int64_t> jobs;  // sessions of each, for people
};

struct GuardGrant {
  std::int64_t places = 0;  // held from now on
  // Of those it told there are fewer now: it was silent for too long, and others have them.
  bool lost = false;
  std::int64_t free = 0;             // that nobody holds
  bool others_wait = false;          // for a place
  std::int64_t part = 0;             // of the rates
  std::int64_t strain = whole_part;  // the least that others saw in the last seconds
  // What it should have is not given up by others yet: ask again soon.
  bool is_owed = false;
};

// For people.
struct GuardShare {
  std::string connection;
  std::string holder;
  std::int64_t places = 0;
  std::int64_t wanted = 0;
  std::int64_t weight = 0;
  std::int64_t part = 0;
  std::int64_t strain = whole_part;
  std::map<std::string, std::int64_t> jobs;
  std::chrono::milliseconds silent{};  // since it was heard
};

class GuardShares {
 public:
  // `holder` is a process as this_process() names it. Brings the store to this version.
  static Result<std::unique_ptr<GuardShares>> open(std::unique_ptr<SqlDatabase> database,
                                                   std::string holder,
                                                   std::chrono::milliseconds ttl);
  // One grant for each report, in their order. After an error it is unknown whether others know
  // what was told; the next exchange settles it.
  Result<std::vector<GuardGrant>> exchange(const std::vector<GuardReport>& reports);
  // Everything is given up.
  Status leave();
  // Of all processes that live; in the order of connections.
  Result<std::vector<GuardShare>> list();
  std::chrono::milliseconds ttl() const { return ttl_; }

 private:
  GuardShares(std::unique_ptr<SqlDatabase> database, std::string holder,
              std::chrono::milliseconds ttl)
      : database_(std::move(database)), holder_(std::move(holder)), ttl_(ttl) {}

  std::unique_ptr<SqlDatabase> database_;
  const std::string holder_;
  const std::chrono::milliseconds ttl_;
};

}  // namespace tidemark

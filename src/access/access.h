// Access: who may do what over the network: roles, tokens, and the account of what was done.
//
// Default deny: nobody may do anything without a token of this project. A token is 256 random bits,
// shown once when it is made; the store has its hash alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"

namespace tidemark {

// Each may what those before it may.
enum class Role {
  viewer,     // sees jobs, runs, plans, schedules, states; no rows
  operator_,  // runs, cancels, replays, backfills, silences; sees refused rows
  editor,     // edits and makes jobs
  admin,      // tokens, secrets, audit
};
std::string_view to_string(Role role);
std::optional<Role> role_of(std::string_view name);

// Whether a text is one that the pattern describes, in which `*` stands for any text. In time of at
// most the product of both lengths, whatever the pattern.
bool is_like(std::string_view pattern, std::string_view text);

struct Principal {
  std::string token;  // its id, which is no secret
  std::string name;   // whose it is, for the audit log
  Role role = Role::viewer;
  std::vector<std::string> jobs;  // that it is for, with `*` as in `tables`; empty: all
  bool may(Role needed) const { return role >= needed; }
  bool is_for(std::string_view job) const;
};

// What somebody did or was refused.
struct Deed {
  std::string request;  // its id
  std::string token;    // empty: none, or one that is not known
  std::string name;
  std::string peer;  // an address
  std::string what;  // as `run.start`
  std::string on;    // as a job's name; empty: the project
  int status = 0;    // of HTTP; 0: a command
  // For want of a token, a role or a right: nothing was done.
  bool is_refusal = false;
};

// Any thread; blocking, but who was let in lately is known without the store.
class Access {
 public:
  virtual ~Access() = default;
  // Error `access.denied` for a token that is unknown, expired or revoked, `access.locked` for an
  // address that tried too many.
  virtual Result<Principal> enter(std::string_view bearer, std::string_view peer) = 0;
  // The same where it can be told without waiting for anything; else nothing.
  virtual std::optional<Result<Principal>> enter_at_once(std::string_view bearer,
                                                         std::string_view peer) = 0;
  // Kept for the audit log, before the answer goes out where something was changed. A refusal is
  // kept within a minute or so, with others that are alike, and this does not wait for the store
  // then.
  virtual Status note(const Deed& deed) = 0;
};

}  // namespace tidemark

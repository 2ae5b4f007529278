// StoreAccess: Access by the tokens in a project's store, with its audit log.
//
// All tokens are held in memory and read again when they are older than a second, so strangers cost
// the store nothing, and what was made or revoked elsewhere is seen within `seen_within`. Where the
// store cannot be asked by then, nobody is let in. Owns its database; safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/access.h"
#include "access/lockout.h"
#include "access/refusal_log.h"
#include "access/token_text.h"
#include "base/secret.h"
#include "store/audit_log.h"
#include "store/sql_session.h"
#include "store/token_table.h"

namespace tidemark {

struct NewToken {
  std::string name;
  Role role = Role::viewer;
  std::vector<std::string> jobs;                      // with `*`; empty: all
  std::optional<std::chrono::milliseconds> lifetime;  // nothing: it does not expire
};

struct MadeToken {
  TokenRecord record;
  Secret text;  // the only time it is seen
};

class StoreAccess final : public Access {
 public:
  static constexpr std::chrono::milliseconds seen_within{2'000};

  // Brings the store to this version. `audit`: how long its entries are kept. The clock outlives
  // what is returned.
  static Result<std::unique_ptr<StoreAccess>> open(std::unique_ptr<SqlDatabase> database,
                                                   AuditLog::Keep audit, const Clock& clock);

  // A token that was wrong counts against the address; one that has expired or was revoked does
  // not, since nobody guesses those.
  // A token that is right lets in from a locked address too: who guesses behind the same proxy
  // locks out nobody else. While another thread waits for the store it is waited for two seconds at
  // most.
  Result<Principal> enter(std::string_view bearer, std::string_view peer) override;
  std::optional<Result<Principal>> enter_at_once(std::string_view bearer,
                                                 std::string_view peer) override;
  Status note(const Deed& deed) override;
  // Writes what was refused so far, without waiting for its minute.
  Status write_refusals() { return refused_.write(); }

  // `by` is who does it; what it says of `what` and `on` is set here. `user.bad_token` where the
  // name or a pattern cannot be one.
  Result<MadeToken> make(const NewToken& token, Deed by);
  Result<TokenRecord> revoke(const std::string& id, Deed by);
  Result<TokensThen> tokens() { return table_.list(); }
  Result<std::vector<AuditEntry>> audit(const AuditFilter& filter) { return log_.list(filter); }

 private:
  // The tokens as they were read at one moment.
  struct Known {
    std::unordered_map<std::string, TokenRecord> by_id;
    UtcMicros now{};                // of the store, then
    std::chrono::nanoseconds at{};  // of this process, then
  };

  StoreAccess(std::unique_ptr<SqlDatabase> database, AuditLog::Keep audit, const Clock& clock)
      : database_(std::move(database)),
        clock_(clock),
        table_(*database_),
        log_(*database_, audit),
        lockout_(clock),
        refused_(log_) {}
  Result<Principal> enter_by(const Known& all, std::string_view bearer, std::string_view peer);
  bool is_younger(const Known* than, std::chrono::milliseconds age) const;
  Result<std::shared_ptr<const Known>> known();
  std::shared_ptr<const Known> newest() const;
  Status read_again();
  void remember_use(const TokenRecord& token, UtcMicros now);

  std::unique_ptr<SqlDatabase> database_;
  const Clock& clock_;
  TokenTable table_;
  AuditLog log_;
  Lockout lockout_;
  RefusalLog refused_;

  std::timed_mutex reading_;  // whoever reads the tokens again
  mutable std::mutex mutex_;
  // Shared, since it is read while the next is put into its place. The rest is guarded by mutex_.
  std::shared_ptr<const Known> known_;
  std::set<std::string> used_;  // tokens, since the store was told
};

}  // namespace tidemark

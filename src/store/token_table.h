// TokenTable: the tokens of a project in its store: etl_tokens. What a token says is not in it, its
// hash alone.
//
// The database outlives it. Every method is safe from any thread and blocks on the database.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/audit_log.h"
#include "store/sql_session.h"

namespace tidemark {

struct TokenRecord {
  std::string id;
  std::string name;
  std::string role;               // as access/access.h names them
  std::vector<std::string> jobs;  // empty: all
  std::string hash;
  std::string made_by;
  UtcMicros created_at{};               // set by the store
  std::optional<UtcMicros> expires_at;  // nothing: never
  std::optional<UtcMicros> used_at;     // to a minute or so
  std::optional<UtcMicros> revoked_at;

  bool is_live(UtcMicros now) const { return !revoked_at && (!expires_at || *expires_at > now); }
};

// All tokens, at a time by the store's clock.
struct TokensThen {
  std::vector<TokenRecord> tokens;  // oldest first
  UtcMicros now{};
};

class TokenTable {
 public:
  // More that are live at a time are refused, so that all can be held in memory.
  static constexpr int live_max = 10'000;

  explicit TokenTable(SqlDatabase& database) : database_(database) {}

  // With its account, `deed`, in one transaction. `lifetime` from now; nothing: it does not expire.
  // `token.too_many`.
  Result<TokenRecord> add(TokenRecord token, std::optional<std::chrono::milliseconds> lifetime,
                          const AuditEntry& deed);
  // The same account. `token.unknown`; one that is revoked already stays as it is.
  Result<TokenRecord> revoke(const std::string& id, const AuditEntry& deed);
  // Of all that are live.
  Status revoke_all();
  // With those that have ended, as long as they are kept: 90 days.
  Result<TokensThen> list();
  // They were used now.
  Status touch(const std::vector<std::string>& ids);

 private:
  SqlDatabase& database_;
};

}  // namespace tidemark

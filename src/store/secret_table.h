// SecretTable: secrets in a store, as they are sealed: etl_secrets. Nothing in it opens them.
//
// The database outlives it. Every method is safe from any thread and blocks on the database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/audit_log.h"
#include "store/sql_session.h"

namespace tidemark {

// What of a secret is none.
struct SecretRecord {
  std::string name;
  std::int64_t version = 0;  // 1, 2, 3, ... each time it is set
  std::string key;           // the id of the project's key that seals its own
  std::string set_by;
  UtcMicros set_at{};
};

// Bytes.
struct Sealed {
  std::string key;         // the id of the project's key
  std::string sealed_key;  // the secret's own, by that one
  std::string sealed;      // the secret, by its own
};

struct SealedSecret {
  SecretRecord record;
  Sealed sealed;
  std::string project;  // the id of the store's project, which is no secret
};

class SecretTable {
 public:
  // Called in the transaction, with the project's id and the version that it will be.
  using Seal = std::function<Result<Sealed>(const std::string& project, std::int64_t version)>;

  explicit SecretTable(SqlDatabase& database) : database_(database) {}

  Result<std::optional<SealedSecret>> find(const std::string& name);
  // By name.
  Result<std::vector<SecretRecord>> list();
  // With its account, `deed`, in one transaction.
  Result<SecretRecord> put(const std::string& name, const std::string& by, const Seal& seal,
                           const AuditEntry& deed);
  // The same account; false where there is none.
  Result<bool> remove(const std::string& name, const AuditEntry& deed);
  // Up to `limit` whose own key is sealed by another than `key`.
  Result<std::vector<SealedSecret>> not_sealed_by(const std::string& key, int limit);
  // Their own keys, as they are sealed now; what was set or sealed again since they were read
  // stays.
  Status seal_again(const std::vector<SealedSecret>& before, const std::vector<Sealed>& now);
  Status note(const AuditEntry& deed);

 private:
  SqlDatabase& database_;
};

}  // namespace tidemark

// StoredSecrets: secrets in a project's store, each sealed with a key of its own, and that one with
// the project's key, which is never in the store.
//
// What is sealed is bound to the project, the secret's name and its version, so that no row can
// take another's place. The project's key can be exchanged while secrets are read: with two of them
// both open. Owns its database; safe from any thread; blocks on the store and the key's file.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "access/access.h"
#include "access/key_ring.h"
#include "base/cancel.h"
#include "base/result.h"
#include "base/secret.h"
#include "env/files.h"
#include "store/secret_table.h"
#include "store/sql_session.h"

namespace tidemark {

struct Rotation {
  std::string key;          // the id of the one that seals now
  std::int64_t sealed = 0;  // how many secrets were sealed again
  bool is_new = false;      // the key was made for this
};

class StoredSecrets {
 public:
  static constexpr std::size_t value_bytes_max = 64 * 1024;

  // Brings the store to this version. The files outlive what is returned.
  static Result<std::unique_ptr<StoredSecrets>> open(std::unique_ptr<SqlDatabase> database,
                                                     KeyPlace place, Files& files);

  // What get() says where there is none, `secret.unknown`.
  static Error unknown(const std::string& name);
  // `secret.unknown`; `secret.no_key` and `secret.wrong_key` say which key is wanted;
  // `secret.damaged` where the row is not as it was sealed.
  Result<Secret> get(const std::string& name);
  // In the place of what it was; makes the key's file when there is no secret yet.
  Result<SecretRecord> set(const std::string& name, const Secret& value, const Deed& by);
  // `secret.unknown`.
  Status remove(const std::string& name, const Deed& by);
  Result<std::vector<SecretRecord>> list();
  // Seals all with the first key of those at hand; where that is so already, with a new one, which
  // a key in the environment cannot be. Goes on where one before was stopped.
  Result<Rotation> rotate(const Deed& by, Cancel& cancel);

 private:
  StoredSecrets(std::unique_ptr<SqlDatabase> database, KeyPlace place, Files& files)
      : database_(std::move(database)), table_(*database_), ring_(std::move(place), files) {}
  Result<KeyRing> ring_to_seal();
  Result<std::int64_t> seal_all(const KeyRing& ring, Cancel& cancel);

  std::unique_ptr<SqlDatabase> database_;
  SecretTable table_;
  KeyRingFile ring_;
};

}  // namespace tidemark

#include "access/stored_secrets.h"

#include <utility>

#include "base/secret_name.h"
#include "store/migrations.h"

namespace tidemark {
namespace {

// Few enough that nobody who sets a secret waits long for them.
constexpr int sealed_together = 500;

AuditEntry entry_of(const Deed& by, std::string what, std::string on) {
  AuditEntry entry;
  entry.request = by.request;
  entry.token = by.token;
  entry.name = by.name;
  entry.peer = by.peer;
  entry.what = std::move(what);
  entry.on = std::move(on);
  entry.status = by.status;
  return entry;
}

// What a seal is good for, and for nothing else.
std::string bound_to(const char* what, const std::string& project, const std::string& name,
                     std::int64_t version) {
  return std::string(what) + '\0' + project + '\0' + name + '\0' + std::to_string(version);
}

std::string bound_to(const char* what, const SealedSecret& secret) {
  return bound_to(what, secret.project, secret.record.name, secret.record.version);
}

constexpr const char* for_key = "key";
constexpr const char* for_value = "value";

Error wrong_key(const SealedSecret& secret, const KeyRing& ring, const KeyRingFile& file) {
  const std::string wanted =
      "the secret `" + secret.record.name + "` is sealed with key " + secret.record.key;
  const std::string hint =
      "bring the key's file from where the secrets were set (`secrets:` in tidemark.yaml says "
      "where it is), or set them again";
  if (ring.empty())
    return user_error("secret.no_key", wanted + ", and there is no key in " + file.where(), hint);
  return user_error("secret.wrong_key", wanted + ", and " + file.where() + " has " + ring.ids(),
                    hint);
}

Error damaged(const std::string& name) {
  return internal_error("secret.damaged",
                        "the secret `" + name + "` in the store is not as it was sealed",
                        Retry::never, "set it again: `tidemark secret set " + name + "`");
}

Result<Key> own_key(const SealedSecret& secret, const KeyRing& ring, const KeyRingFile& file) {
  const Key* const key = ring.find(secret.record.key);
  if (key == nullptr) return wrong_key(secret, ring, file);
  const auto bytes = unseal(*key, secret.sealed.sealed_key, bound_to(for_key, secret));
  auto own = bytes ? Key::of(bytes->reveal()) : std::nullopt;
  if (!own) return damaged(secret.record.name);
  return *std::move(own);
}

}  // namespace

Result<std::unique_ptr<StoredSecrets>> StoredSecrets::open(std::unique_ptr<SqlDatabase> database,
                                                           KeyPlace place, Files& files) {
  TM_CHECK(migrate(*database, store_migrations()));
  return std::unique_ptr<StoredSecrets>(
      new StoredSecrets(std::move(database), std::move(place), files));
}

Error StoredSecrets::unknown(const std::string& name) {
  return user_error("secret.unknown", "there is no secret `" + name + "` in the store",
                    "set it: `tidemark secret set " + name + "`");
}

// First the row, then the keys: a key stands in the file before anything is sealed with it.
Result<Secret> StoredSecrets::get(const std::string& name) {
  TM_TRY(std::optional<SealedSecret> found, table_.find(name));
  if (!found) return unknown(name);
  TM_TRY(const KeyRing ring, ring_.read());
  // The key may have been exchanged twice since the row was read.
  if (ring.find(found->record.key) == nullptr) {
    TM_TRY(found, table_.find(name));
    if (!found) return unknown(name);
  }
  TM_TRY(const Key own, own_key(*found, ring, ring_));
  auto value = unseal(own, found->sealed.sealed, bound_to(for_value, *found));
  if (!value) return damaged(name);
  return *std::move(value);
}

// A first key is made for a first secret. Where there are some, theirs is elsewhere: beside a new
// one they would be lost one by one.
Result<KeyRing> StoredSecrets::ring_to_seal() {
  TM_TRY(KeyRing ring, ring_.read());
  if (!ring.empty()) return ring;
  TM_TRY(const std::vector<SecretRecord> there, table_.list());
  if (there.empty()) return ring_.read_or_make();
  return user_error("secret.no_key",
                    "the store has secrets that are sealed with key " + there.front().key +
                        ", and there is no key in " + ring_.where(),
                    "bring the key's file from where they were set (`secrets:` in tidemark.yaml "
                    "says where it is), or remove them: `tidemark secret remove NAME`");
}

Result<SecretRecord> StoredSecrets::set(const std::string& name, const Secret& value,
                                        const Deed& by) {
  if (!is_secret_name(name)) {
    return user_error("user.bad_secret", "`" + name + "` cannot be the name of a secret",
                      "names are letters, digits, `_`, `-` and `.`");
  }
  if (value.empty() || value.reveal().size() > value_bytes_max) {
    return user_error("user.bad_secret", "a secret has 1 byte to 64 KiB",
                      "give it on stdin: `tidemark secret set " + name + " < FILE`");
  }
  TM_TRY(const KeyRing ring, ring_to_seal());
  return table_.put(
      name, by.name,
      [&](const std::string& project, std::int64_t version) -> Result<Sealed> {
        const Key own = Key::random();
        return Sealed{ring.sealing().id(),
                      seal(ring.sealing(), own.bytes(), bound_to(for_key, project, name, version)),
                      seal(own, value.reveal(), bound_to(for_value, project, name, version))};
      },
      entry_of(by, "secret.set", name));
}

Status StoredSecrets::remove(const std::string& name, const Deed& by) {
  TM_TRY(const bool removed, table_.remove(name, entry_of(by, "secret.remove", name)));
  return removed ? Status() : unknown(name);
}

Result<std::vector<SecretRecord>> StoredSecrets::list() {
  return table_.list();
}

Result<Rotation> StoredSecrets::rotate(const Deed& by, Cancel& cancel) {
  Rotation rotation;
  TM_TRY(KeyRing ring, ring_to_seal());
  TM_TRY(const auto left, table_.not_sealed_by(ring.sealing().id(), 1));
  if (left.empty()) {
    const std::string before = ring.sealing().id();
    if (!ring_.is_file()) {
      return user_error(
          "secret.no_key",
          "all secrets are sealed with the first key of " + ring_.where() + " already: " + before,
          "put a new one before it, with a space between, and ask again");
    }
    TM_TRY(ring, ring_.change([&](KeyRing& now) -> Result<bool> {
      // Another may have done so meanwhile.
      rotation.is_new = now.empty() || now.sealing().id() == before;
      if (rotation.is_new) now.exchange();
      return rotation.is_new;
    }));
  }
  rotation.key = ring.sealing().id();
  TM_CHECK(table_.note(entry_of(by, "secret.rotate", rotation.key)));
  TM_TRY(rotation.sealed, seal_all(ring, cancel));
  return rotation;
}

Result<std::int64_t> StoredSecrets::seal_all(const KeyRing& ring, Cancel& cancel) {
  std::int64_t sealed = 0;
  while (true) {
    TM_CHECK(cancel.check());
    TM_TRY(const std::vector<SealedSecret> before,
           table_.not_sealed_by(ring.sealing().id(), sealed_together));
    if (before.empty()) return sealed;
    std::vector<Sealed> now;
    for (const SealedSecret& secret : before) {
      TM_TRY(const Key own, own_key(secret, ring, ring_));
      now.push_back({ring.sealing().id(),
                     seal(ring.sealing(), own.bytes(), bound_to(for_key, secret)),
                     secret.sealed.sealed});
    }
    TM_CHECK(table_.seal_again(before, now));
    sealed += static_cast<std::int64_t>(before.size());
  }
}

}  // namespace tidemark

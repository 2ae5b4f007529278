#include "store/secret_table.h"

#include "base/assert.h"
#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

constexpr const char* select_sealed =
    "SELECT name, version, key_id, set_by, set_at, sealed_key, sealed FROM etl_secrets ";

Error damaged(const std::string& name) {
  return internal_error("secret.damaged", "the secret `" + name + "` in the store is damaged",
                        Retry::never, "set it again: `tidemark secret set " + name + "`");
}

// Which project a store is of: chosen when the first asks who may choose.
Result<std::string> project_of(SqlSession& session, bool choose) {
  if (choose) {
    TM_TRY(auto insert, session.prepare("INSERT INTO etl_project (id, project_id) VALUES (1, ?) "
                                        "ON CONFLICT (id) DO NOTHING"));
    TM_CHECK(insert.bind_text(0, random_hex(16).reveal()).run());
  }
  TM_TRY(auto rows, session.prepare("SELECT project_id FROM etl_project WHERE id = 1"));
  TM_TRY(const bool has_row, rows.step());
  return has_row ? std::string(rows.text_at(0)) : std::string();
}

Result<SecretRecord> record_at(const SqlStatement& rows) {
  SecretRecord record;
  record.name = rows.text_at(0);
  record.version = rows.int64_at(1);
  record.key = rows.text_at(2);
  record.set_by = rows.text_at(3);
  TM_TRY(record.set_at, parse_utc(rows.text_at(4)));
  return record;
}

Result<std::vector<SealedSecret>> read(SqlStatement& rows, const std::string& project) {
  std::vector<SealedSecret> secrets;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return secrets;
    SealedSecret secret;
    TM_TRY(secret.record, record_at(rows));
    const auto sealed_key = from_hex(rows.text_at(5));
    const auto sealed = from_hex(rows.text_at(6));
    if (!sealed_key || !sealed) return damaged(secret.record.name);
    secret.sealed = {secret.record.key, *sealed_key, *sealed};
    secret.project = project;
    secrets.push_back(std::move(secret));
  }
}

Result<std::int64_t> next_version(SqlSession& session, const std::string& name) {
  TM_TRY(auto rows, session.prepare("SELECT version FROM etl_secrets WHERE name = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, name).step());
  return has_row ? rows.int64_at(0) + 1 : 1;
}

}  // namespace

Result<std::optional<SealedSecret>> SecretTable::find(const std::string& name) {
  std::vector<SealedSecret> found;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(const std::string project, project_of(session, false));
    TM_TRY(auto rows, session.prepare(std::string(select_sealed) + "WHERE name = ?"));
    rows.bind_text(0, name);
    TM_TRY(found, read(rows, project));
    return {};
  }));
  if (found.empty()) return std::optional<SealedSecret>();
  return std::optional(std::move(found.front()));
}

Result<std::vector<SecretRecord>> SecretTable::list() {
  std::vector<SecretRecord> records;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(auto rows, session.prepare("SELECT name, version, key_id, set_by, set_at FROM "
                                      "etl_secrets ORDER BY name"));
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) return {};
      TM_TRY(SecretRecord record, record_at(rows));
      records.push_back(std::move(record));
    }
  }));
  return records;
}

Result<SecretRecord> SecretTable::put(const std::string& name, const std::string& by,
                                      const Seal& seal, const AuditEntry& deed) {
  SecretRecord record{.name = name, .set_by = by};
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const std::string project, project_of(session, true));
    TM_TRY(record.version, next_version(session, name));
    TM_TRY(const Sealed sealed, seal(project, record.version));
    record.key = sealed.key;
    TM_TRY(record.set_at, session.now());
    TM_TRY(auto upsert,
           session.prepare("INSERT INTO etl_secrets (name, version, key_id, set_by, set_at, "
                           "sealed_key, sealed) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO "
                           "UPDATE SET version = excluded.version, key_id = excluded.key_id, "
                           "set_by = excluded.set_by, set_at = excluded.set_at, "
                           "sealed_key = excluded.sealed_key, sealed = excluded.sealed"));
    TM_CHECK(upsert.bind_text(0, name)
                 .bind_int64(1, record.version)
                 .bind_text(2, sealed.key)
                 .bind_text(3, by)
                 .bind_text(4, to_text(record.set_at))
                 .bind_text(5, to_hex(sealed.sealed_key))
                 .bind_text(6, to_hex(sealed.sealed))
                 .run());
    return sql_audit::append(session, deed);
  }));
  return record;
}

Result<bool> SecretTable::remove(const std::string& name, const AuditEntry& deed) {
  bool removed = false;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(auto gone, session.prepare("DELETE FROM etl_secrets WHERE name = ?"));
    TM_CHECK(gone.bind_text(0, name).run());
    removed = session.changed_rows() == 1;
    return removed ? sql_audit::append(session, deed) : Status();
  }));
  return removed;
}

Result<std::vector<SealedSecret>> SecretTable::not_sealed_by(const std::string& key, int limit) {
  std::vector<SealedSecret> found;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(const std::string project, project_of(session, false));
    TM_TRY(auto rows,
           session.prepare(std::string(select_sealed) + "WHERE key_id <> ? ORDER BY name LIMIT ?"));
    rows.bind_text(0, key).bind_int64(1, limit);
    TM_TRY(found, read(rows, project));
    return {};
  }));
  return found;
}

Status SecretTable::seal_again(const std::vector<SealedSecret>& before,
                               const std::vector<Sealed>& now) {
  TM_ASSERT(before.size() == now.size());
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(auto update,
           session.prepare("UPDATE etl_secrets SET key_id = ?4, sealed_key = ?5 WHERE name = ?1 "
                           "AND version = ?2 AND key_id = ?3"));
    for (std::size_t i = 0; i < before.size(); ++i) {
      TM_CHECK(update.bind_text(0, before[i].record.name)
                   .bind_int64(1, before[i].record.version)
                   .bind_text(2, before[i].record.key)
                   .bind_text(3, now[i].key)
                   .bind_text(4, to_hex(now[i].sealed_key))
                   .run());
    }
    return {};
  });
}

Status SecretTable::note(const AuditEntry& deed) {
  return database_.write([&](SqlSession& session) { return sql_audit::append(session, deed); });
}

}  // namespace tidemark

#include "store/audit_log.h"

#include <string_view>

#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

constexpr std::chrono::hours forget_every{1};
// Few enough that nobody waits for them.
constexpr int forget_max = 1000;
constexpr std::size_t time_length = 27;  // of to_text

UtcMicros later(UtcMicros at, std::chrono::microseconds by) {
  return UtcMicros(at.get() + by.count());
}

}  // namespace

Status sql_audit::append(SqlSession& session, const AuditEntry& entry) {
  TM_TRY(const UtcMicros now, session.now());
  TM_TRY(auto insert,
         session.prepare("INSERT INTO etl_audit (at, entry, request, token_id, name, peer, what, "
                         "item, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return insert.bind_text(0, to_text(now))
      .bind_text(1, random_hex(8).reveal())
      .bind_text(2, entry.request)
      .bind_text(3, entry.token)
      .bind_text(4, entry.name)
      .bind_text(5, entry.peer)
      .bind_text(6, entry.what)
      .bind_text(7, entry.on)
      .bind_int64(8, entry.status)
      .run();
}

Status AuditLog::append(const AuditEntry& entry) {
  return database_.write([&](SqlSession& session) { return add(session, entry); });
}

Status AuditLog::append_behind(const AuditEntry& entry) {
  return database_.write_behind([&](SqlSession& session) { return add(session, entry); });
}

Status AuditLog::add(SqlSession& session, const AuditEntry& entry) {
  TM_CHECK(sql_audit::append(session, entry));
  TM_TRY(const UtcMicros now, session.now());
  return forget(session, now);
}

Status AuditLog::forget(SqlSession& session, UtcMicros now) {
  if (!keep_ || now.get() < forget_at_) return {};
  forget_at_ = later(now, forget_every).get();
  TM_TRY(auto gone,
         session.prepare("DELETE FROM etl_audit WHERE (at, entry) IN (SELECT at, entry FROM "
                         "etl_audit WHERE at < ? ORDER BY at LIMIT ?)"));
  TM_CHECK(gone.bind_text(0, to_text(later(now, -std::chrono::microseconds(*keep_))))
               .bind_int64(1, forget_max)
               .run());
  // There may be more of them.
  if (session.changed_rows() == forget_max) forget_at_ = 0;
  return {};
}

Result<std::vector<AuditEntry>> AuditLog::list(const AuditFilter& filter) {
  if (filter.before && filter.before->size() <= time_length + 1) {
    return user_error("audit.bad_cursor", "`" + *filter.before + "` is no entry of the audit log",
                      "take the `id` of the last entry of the page before");
  }
  std::vector<AuditEntry> entries;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    const std::string older = filter.before ? "WHERE (at, entry) < (?2, ?3) " : "";
    TM_TRY(auto rows,
           session.prepare("SELECT at, entry, request, token_id, name, peer, what, item, status "
                           "FROM etl_audit " +
                           older + "ORDER BY at DESC, entry DESC LIMIT ?1"));
    rows.bind_int64(0, filter.limit);
    if (filter.before) {
      const std::string_view id = *filter.before;
      rows.bind_text(1, id.substr(0, time_length)).bind_text(2, id.substr(time_length + 1));
    }
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) return {};
      AuditEntry entry;
      entry.id = std::string(rows.text_at(0)) + "-" + std::string(rows.text_at(1));
      TM_TRY(entry.at, parse_utc(rows.text_at(0)));
      entry.request = rows.text_at(2);
      entry.token = rows.text_at(3);
      entry.name = rows.text_at(4);
      entry.peer = rows.text_at(5);
      entry.what = rows.text_at(6);
      entry.on = rows.text_at(7);
      entry.status = static_cast<int>(rows.int64_at(8));
      entries.push_back(std::move(entry));
    }
  }));
  return entries;
}

}  // namespace tidemark

#include "store/token_table.h"

#include <algorithm>
#include <string_view>

namespace tidemark {
namespace {

constexpr std::chrono::hours ended_kept_for{90 * 24};

constexpr const char* select_tokens =
    "SELECT token_id, name, role, jobs, hash, made_by, created_at, expires_at, used_at, revoked_at "
    "FROM etl_tokens ";

// Patterns of jobs hold no spaces.
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

Result<std::optional<UtcMicros>> time_at(const SqlStatement& rows, int column) {
  if (rows.is_null(column)) return std::optional<UtcMicros>();
  TM_TRY(const UtcMicros at, parse_utc(rows.text_at(column)));
  return std::optional(at);
}

std::optional<std::string> text_of(const std::optional<UtcMicros>& at) {
  return at ? std::optional(to_text(*at)) : std::nullopt;
}

Result<std::vector<TokenRecord>> read(SqlStatement& rows) {
  std::vector<TokenRecord> tokens;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return tokens;
    TokenRecord token;
    token.id = rows.text_at(0);
    token.name = rows.text_at(1);
    token.role = rows.text_at(2);
    token.jobs = words_of(rows.text_at(3));
    token.hash = rows.text_at(4);
    token.made_by = rows.text_at(5);
    TM_TRY(token.created_at, parse_utc(rows.text_at(6)));
    TM_TRY(token.expires_at, time_at(rows, 7));
    TM_TRY(token.used_at, time_at(rows, 8));
    TM_TRY(token.revoked_at, time_at(rows, 9));
    tokens.push_back(std::move(token));
  }
}

Status check_place(SqlSession& session, UtcMicros now) {
  TM_TRY(auto rows, session.prepare("SELECT count(*) FROM etl_tokens WHERE revoked_at IS NULL AND "
                                    "(expires_at IS NULL OR expires_at > ?)"));
  TM_TRY(const bool has_row, rows.bind_text(0, to_text(now)).step());
  if (!has_row || rows.int64_at(0) < TokenTable::live_max) return {};
  return user_error("token.too_many",
                    "the project has " + std::to_string(TokenTable::live_max) + " tokens already",
                    "`tidemark token list` shows which were never used: revoke those");
}

Status forget_ended(SqlSession& session, UtcMicros now) {
  const std::string before =
      to_text(UtcMicros(now.get() - std::chrono::microseconds(ended_kept_for).count()));
  TM_TRY(auto gone, session.prepare("DELETE FROM etl_tokens WHERE revoked_at < ?1 OR expires_at < "
                                    "?1"));
  return gone.bind_text(0, before).run();
}

}  // namespace

Result<TokenRecord> TokenTable::add(TokenRecord token,
                                    std::optional<std::chrono::milliseconds> lifetime,
                                    const AuditEntry& deed) {
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(token.created_at, session.now());
    TM_CHECK(forget_ended(session, token.created_at));
    TM_CHECK(check_place(session, token.created_at));
    if (lifetime) {
      token.expires_at =
          UtcMicros(token.created_at.get() + std::chrono::microseconds(*lifetime).count());
    }
    TM_TRY(auto insert,
           session.prepare("INSERT INTO etl_tokens (token_id, name, role, jobs, hash, made_by, "
                           "created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    TM_CHECK(insert.bind_text(0, token.id)
                 .bind_text(1, token.name)
                 .bind_text(2, token.role)
                 .bind_text(3, joined(token.jobs))
                 .bind_text(4, token.hash)
                 .bind_text(5, token.made_by)
                 .bind_text(6, to_text(token.created_at))
                 .bind_optional_text(7, text_of(token.expires_at))
                 .run());
    return sql_audit::append(session, deed);
  }));
  return token;
}

Result<TokenRecord> TokenTable::revoke(const std::string& id, const AuditEntry& deed) {
  TokenRecord revoked;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(auto rows, session.prepare(std::string(select_tokens) + "WHERE token_id = ?"));
    rows.bind_text(0, id);
    TM_TRY(const std::vector<TokenRecord> found, read(rows));
    if (found.empty()) {
      return user_error("token.unknown", "there is no token `" + id + "`",
                        "`tidemark token list` shows the ids of all");
    }
    revoked = found.front();
    if (revoked.revoked_at) return {};
    TM_TRY(const UtcMicros now, session.now());
    revoked.revoked_at = now;
    TM_TRY(auto update, session.prepare("UPDATE etl_tokens SET revoked_at = ? WHERE token_id = ?"));
    TM_CHECK(update.bind_text(0, to_text(now)).bind_text(1, id).run());
    return sql_audit::append(session, deed);
  }));
  return revoked;
}

Status TokenTable::revoke_all() {
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(auto all,
           session.prepare("UPDATE etl_tokens SET revoked_at = ? WHERE revoked_at IS NULL"));
    return all.bind_text(0, to_text(now)).run();
  });
}

Result<TokensThen> TokenTable::list() {
  TokensThen all;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(all.now, session.now());
    TM_TRY(auto rows,
           session.prepare(std::string(select_tokens) + "ORDER BY created_at, token_id"));
    TM_TRY(all.tokens, read(rows));
    return {};
  }));
  return all;
}

Status TokenTable::touch(const std::vector<std::string>& ids) {
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(auto update, session.prepare("UPDATE etl_tokens SET used_at = ? WHERE token_id = ?"));
    for (const std::string& id : ids)
      TM_CHECK(update.bind_text(0, to_text(now)).bind_text(1, id).run());
    return {};
  });
}

}  // namespace tidemark

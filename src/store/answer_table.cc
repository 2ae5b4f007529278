#include "store/answer_table.h"

namespace tidemark {
namespace {

UtcMicros before(UtcMicros now, std::chrono::microseconds by) {
  return UtcMicros(now.get() - by.count());
}

Status forget_old(SqlSession& session, UtcMicros now) {
  TM_TRY(auto old, session.prepare("DELETE FROM etl_api_answers WHERE begun_at < ?"));
  return old.bind_text(0, to_text(before(now, AnswerTable::kept_for))).run();
}

// For one more of that token: its oldest answers go, and those of others stay. What is not answered
// yet stays too: without it nobody could tell whether it was done.
Status make_room(SqlSession& session, const std::string& token, std::int64_t keep) {
  TM_TRY(auto rows, session.prepare("SELECT count(*) FROM etl_api_answers WHERE token_id = ? AND "
                                    "status IS NOT NULL"));
  TM_TRY(const bool has_row, rows.bind_text(0, token).step());
  const std::int64_t many = has_row ? rows.int64_at(0) - keep + 1 : 0;
  if (many <= 0) return {};
  TM_TRY(
      auto oldest,
      session.prepare("DELETE FROM etl_api_answers WHERE token_id = ?1 AND answer_key IN (SELECT "
                      "answer_key FROM etl_api_answers WHERE token_id = ?1 AND status IS NOT "
                      "NULL ORDER BY begun_at, answer_key LIMIT ?2)"));
  return oldest.bind_text(0, token).bind_int64(1, many).run();
}

Result<std::optional<AskedRequest>> find(SqlSession& session, const AnswerKey& key) {
  TM_TRY(auto rows,
         session.prepare("SELECT digest, made_id, owner, begun_at, status, location, body FROM "
                         "etl_api_answers WHERE token_id = ? AND answer_key = ?"));
  TM_TRY(const bool has_row, rows.bind_text(0, key.token).bind_text(1, key.key).step());
  if (!has_row) return std::optional<AskedRequest>();
  AskedRequest found;
  found.digest = rows.text_at(0);
  found.id = rows.text_at(1);
  found.owner = rows.text_at(2);
  TM_TRY(found.begun_at, parse_utc(rows.text_at(3)));
  if (!rows.is_null(4)) {
    found.answer = StoredAnswer{static_cast<int>(rows.int64_at(4)), std::string(rows.text_at(5)),
                                std::string(rows.text_at(6))};
  }
  return std::optional(std::move(found));
}

Status insert(SqlSession& session, const AnswerKey& key, const AskedRequest& asked) {
  TM_TRY(auto insert,
         session.prepare("INSERT INTO etl_api_answers (token_id, answer_key, digest, made_id, "
                         "owner, begun_at) VALUES (?, ?, ?, ?, ?, ?)"));
  return insert.bind_text(0, key.token)
      .bind_text(1, key.key)
      .bind_text(2, asked.digest)
      .bind_text(3, asked.id)
      .bind_text(4, asked.owner)
      .bind_text(5, to_text(asked.begun_at))
      .run();
}

}  // namespace

Result<BegunRequest> AnswerTable::begin(const AnswerKey& key, const AskedRequest& asked) {
  BegunRequest begun;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    begun = {};
    TM_TRY(const UtcMicros now, session.now());
    TM_CHECK(forget_old(session, now));
    TM_TRY(auto found, find(session, key));
    begun.is_new = !found;
    begun.request = found ? *std::move(found) : asked;
    if (begun.is_new) {
      TM_CHECK(make_room(session, key.token, keep_));
      begun.request.begun_at = now;
      return insert(session, key, begun.request);
    }
    begun.owner_is_gone = session.is_gone(begun.request.owner);
    begun.is_old = begun.request.begun_at < before(now, answered_within);
    return {};
  }));
  return begun;
}

Status AnswerTable::run(const std::string& sql, const AnswerKey& key,
                        const std::vector<std::string>& values) {
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(auto statement, session.prepare(sql + " WHERE token_id = ?1 AND answer_key = ?2"));
    statement.bind_text(0, key.token).bind_text(1, key.key);
    for (std::size_t i = 0; i < values.size(); ++i)
      statement.bind_text(static_cast<int>(i) + 2, values[i]);
    return statement.run();
  });
}

// Several may find at the same moment that it was left: one of them has it.
Result<bool> AnswerTable::take_over(const AnswerKey& key, const std::string& before,
                                    const std::string& owner) {
  bool is_taken = false;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    is_taken = false;
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(auto statement,
           session.prepare("UPDATE etl_api_answers SET owner = ?4, begun_at = ?5, status = NULL "
                           "WHERE token_id = ?1 AND answer_key = ?2 AND owner = ?3"));
    TM_CHECK(statement.bind_text(0, key.token)
                 .bind_text(1, key.key)
                 .bind_text(2, before)
                 .bind_text(3, owner)
                 .bind_text(4, to_text(now))
                 .run());
    is_taken = session.changed_rows() == 1;
    return {};
  }));
  return is_taken;
}

Status AnswerTable::keep(const AnswerKey& key, const StoredAnswer& answer) {
  return run("UPDATE etl_api_answers SET status = " + std::to_string(answer.status) +
                 ", location = ?3, body = ?4",
             key, {answer.location, answer.body});
}

Status AnswerTable::forget(const AnswerKey& key) {
  return run("DELETE FROM etl_api_answers", key, {});
}

}  // namespace tidemark

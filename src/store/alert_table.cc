#include "store/alert_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours ended_kept_for{90 * 24};
constexpr milliseconds held_back_for{60'000};
// Of one rule and channel that are looked at together.
constexpr int looked_at_max = 1000;

constexpr std::string_view alert_columns =
    "alert_id, rule, subject, server, severity, job, run, text, hint, runbook, since, opened_at, "
    "told_at, away_since, resolved_at";

// The first for an index.
constexpr std::string_view behind_condition =
    "AND opened_at <= ?2 AND (opened_at < ?2 OR alert_id > ?3) ";

UtcMicros later(UtcMicros at, std::chrono::microseconds by) {
  return UtcMicros(at.get() + by.count());
}

std::optional<std::string> text_of(const std::optional<UtcMicros>& at) {
  return at ? std::optional(to_text(*at)) : std::nullopt;
}

Result<std::optional<UtcMicros>> time_at(const SqlStatement& rows, int column) {
  if (rows.is_null(column)) return std::optional<UtcMicros>();
  TM_TRY(const UtcMicros at, parse_utc(rows.text_at(column)));
  return std::optional(at);
}

// From that column on, in the order of alert_columns.
Result<AlertRecord> alert_at(const SqlStatement& rows, int at) {
  AlertRecord alert;
  for (std::string* const text :
       {&alert.id, &alert.rule, &alert.subject, &alert.server, &alert.severity, &alert.job,
        &alert.run, &alert.text, &alert.hint, &alert.runbook})
    *text = rows.text_at(at++);
  for (UtcMicros* const time : {&alert.since, &alert.opened_at, &alert.told_at}) {
    TM_TRY(*time, parse_utc(rows.text_at(at++)));
  }
  TM_TRY(alert.away_since, time_at(rows, at));
  TM_TRY(alert.resolved_at, time_at(rows, at + 1));
  return alert;
}

Result<std::vector<AlertRecord>> alerts_of(SqlStatement& rows) {
  std::vector<AlertRecord> alerts;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return alerts;
    TM_TRY(AlertRecord alert, alert_at(rows, 0));
    alerts.push_back(std::move(alert));
  }
}

Result<std::vector<SilenceRecord>> silences_where(SqlSession& session, const std::string& where,
                                                  const std::string& value) {
  TM_TRY(auto rows, session.prepare("SELECT silence_id, rule, subject, job, until, reason, "
                                    "made_by, made_at FROM etl_silences " +
                                    where + " ORDER BY until, silence_id"));
  rows.bind_text(0, value);
  std::vector<SilenceRecord> silences;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return silences;
    SilenceRecord silence;
    silence.id = rows.text_at(0);
    silence.rule = rows.text_at(1);
    silence.subject = rows.text_at(2);
    silence.job = rows.text_at(3);
    TM_TRY(silence.until, parse_utc(rows.text_at(4)));
    silence.reason = rows.text_at(5);
    silence.made_by = rows.text_at(6);
    TM_TRY(silence.made_at, parse_utc(rows.text_at(7)));
    silences.push_back(std::move(silence));
  }
}

Result<AlertsThen> read_open(SqlSession& session) {
  AlertsThen then;
  TM_TRY(then.now, session.now());
  TM_TRY(auto rows, session.prepare("SELECT " + std::string(alert_columns) +
                                    " FROM etl_alerts WHERE resolved_at IS NULL "
                                    "ORDER BY opened_at DESC, alert_id"));
  TM_TRY(then.alerts, alerts_of(rows));
  TM_TRY(then.silences, silences_where(session, "WHERE until > ?", to_text(then.now)));
  then.total = std::ssize(then.alerts);
  return then;
}

Status put(SqlSession& session, const AlertRecord& alert) {
  TM_TRY(auto upsert,
         session.prepare(
             "INSERT INTO etl_alerts (" + std::string(alert_columns) +
             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (alert_id) DO "
             "UPDATE SET server = excluded.server, severity = excluded.severity, job = "
             "excluded.job, run = excluded.run, text = excluded.text, hint = excluded.hint, "
             "runbook = excluded.runbook, told_at = excluded.told_at, away_since = "
             "excluded.away_since, resolved_at = excluded.resolved_at"));
  int at = 0;
  for (const std::string* const text :
       {&alert.id, &alert.rule, &alert.subject, &alert.server, &alert.severity, &alert.job,
        &alert.run, &alert.text, &alert.hint, &alert.runbook})
    upsert.bind_text(at++, *text);
  for (const UtcMicros time : {alert.since, alert.opened_at, alert.told_at})
    upsert.bind_text(at++, to_text(time));
  return upsert.bind_optional_text(at, text_of(alert.away_since))
      .bind_optional_text(at + 1, text_of(alert.resolved_at))
      .run();
}

Status add(SqlSession& session, const NewMessage& message, UtcMicros now) {
  TM_TRY(auto insert,
         session.prepare("INSERT INTO etl_alert_outbox (message_id, alert_id, channel, what, "
                         "made_at, due_at, attempts, last_error, claimed_by, state) VALUES (?, ?, "
                         "?, ?, ?, ?, 0, '', '', 'waiting')"));
  return insert.bind_text(0, random_hex(8).reveal())
      .bind_text(1, message.alert)
      .bind_text(2, message.channel)
      .bind_text(3, to_string(message.kind))
      .bind_text(4, to_text(now))
      .bind_text(5, to_text(message.due_at))
      .run();
}

Status add_end(SqlSession& session, const NewEnd& end, UtcMicros now) {
  if (end.is_silent) {
    TM_TRY(auto withdraw,
           session.prepare("UPDATE etl_alert_outbox SET state = 'withdrawn', ended_at = ?2 WHERE "
                           "alert_id = ?1 AND state = 'waiting' AND claimed_by = '' AND attempts = "
                           "0 AND what <> 'resolved'"));
    TM_CHECK(withdraw.bind_text(0, end.alert).bind_text(1, to_text(now)).run());
  }
  std::vector<std::string> channels;
  TM_TRY(auto rows, session.prepare("SELECT DISTINCT channel FROM etl_alert_outbox WHERE alert_id "
                                    "= ? AND state IN ('waiting', 'sent') ORDER BY channel"));
  rows.bind_text(0, end.alert);
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) break;
    channels.emplace_back(rows.text_at(0));
  }
  for (const std::string& channel : channels)
    TM_CHECK(add(session, {end.alert, channel, MessageKind::resolved, end.due_at}, now));
  return {};
}

Result<AlertChanges> decided(SqlSession& session, const AlertTable::Decide& decide,
                             UtcMicros& now) {
  TM_TRY(const AlertsThen then, read_open(session));
  now = then.now;
  std::set<std::string> living;
  TM_TRY(auto rows, session.prepare("SELECT owner FROM etl_servers"));
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) break;
    living.emplace(rows.text_at(0));
  }
  return decide(then, [&](const std::string& server) {
    return !living.contains(server) || session.is_gone(server);
  });
}

MessageKind kind_of(std::string_view text) {
  if (text == "resolved") return MessageKind::resolved;
  return text == "repeat" ? MessageKind::repeat : MessageKind::firing;
}

constexpr std::string_view select_messages =
    "SELECT message_id, what, attempts, made_at, claimed_by, claimed_until, failing_since, "
    "etl_alerts.";

std::string messages_sql(const std::string& where) {
  std::string columns(alert_columns);
  for (std::size_t at = 0; (at = columns.find(", ", at)) != std::string::npos; at += 2)
    columns.insert(at + 2, "etl_alerts.");
  return std::string(select_messages) + columns +
         " FROM etl_alert_outbox JOIN etl_alerts ON etl_alerts.alert_id = "
         "etl_alert_outbox.alert_id WHERE state = 'waiting' AND channel = ?1 AND " +
         where + " LIMIT " + std::to_string(looked_at_max);
}

struct Waiting {
  OutboxMessage message;
  bool is_claimed = false;
};

Result<std::vector<Waiting>> read_waiting(SqlSession& session, SqlStatement& rows, UtcMicros now) {
  std::vector<Waiting> all;
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return all;
    Waiting one;
    one.message.id = rows.text_at(0);
    one.message.kind = kind_of(rows.text_at(1));
    one.message.attempts = static_cast<int>(rows.int64_at(2));
    TM_TRY(one.message.made_at, parse_utc(rows.text_at(3)));
    TM_TRY(const auto until, time_at(rows, 5));
    one.is_claimed =
        !rows.text_at(4).empty() && until && *until > now && !session.is_gone(rows.text_at(4));
    TM_TRY(one.message.failing_since, time_at(rows, 6));
    TM_TRY(one.message.alert, alert_at(rows, 7));
    all.push_back(std::move(one));
  }
}

Status run_for_each(SqlSession& session, const std::vector<OutboxMessage>& messages,
                    const std::string& sql, const std::vector<std::string>& values) {
  TM_TRY(auto update, session.prepare(sql));
  for (const OutboxMessage& message : messages) {
    update.bind_text(0, message.id);
    for (std::size_t at = 0; at < values.size(); ++at)
      update.bind_text(static_cast<int>(at) + 1, values[at]);
    TM_CHECK(update.run());
  }
  return {};
}

// Those that may be sent; the others are due later, and no failure of before counts against them
// then.
Result<std::vector<Waiting>> not_held_back(SqlSession& session, std::vector<Waiting> all,
                                           const OutboxClaim& claim, const AlertsThen& then) {
  std::vector<Waiting> sendable;
  std::vector<OutboxMessage> held;
  for (Waiting& one : all) {
    if (claim.is_held_back && claim.is_held_back(one.message, then)) {
      held.push_back(std::move(one.message));
    } else {
      sendable.push_back(std::move(one));
    }
  }
  TM_CHECK(run_for_each(session, held,
                        "UPDATE etl_alert_outbox SET due_at = ?2, failing_since = NULL WHERE "
                        "message_id = ?1 AND due_at < ?2",
                        {to_text(later(then.now, held_back_for))}));
  return sendable;
}

Result<OutboxGroup> take(SqlSession& session, const OutboxClaim& claim) {
  AlertsThen then;
  TM_TRY(then.now, session.now());
  TM_TRY(then.silences, silences_where(session, "WHERE until > ?", to_text(then.now)));
  OutboxGroup group{{}, then.now, claim.channel};
  TM_TRY(auto due, session.prepare(messages_sql("due_at <= ?2 ORDER BY due_at, message_id")));
  due.bind_text(0, claim.channel).bind_text(1, to_text(then.now));
  TM_TRY(std::vector<Waiting> candidates, read_waiting(session, due, then.now));
  TM_TRY(candidates, not_held_back(session, std::move(candidates), claim, then));
  std::set<std::string> seen;
  for (const Waiting& candidate : candidates) {
    const std::string& rule = candidate.message.alert.rule;
    if (!seen.insert(rule).second) continue;
    TM_TRY(auto rows, session.prepare(messages_sql("rule = ?2 ORDER BY made_at, message_id")));
    rows.bind_text(0, claim.channel).bind_text(1, rule);
    TM_TRY(std::vector<Waiting> waiting, read_waiting(session, rows, then.now));
    const bool is_busy = std::any_of(waiting.begin(), waiting.end(),
                                     [](const Waiting& one) { return one.is_claimed; });
    if (is_busy) continue;
    TM_TRY(waiting, not_held_back(session, std::move(waiting), claim, then));
    for (Waiting& one : waiting) {
      if (std::ssize(group.messages) == claim.group_max) break;
      group.messages.push_back(std::move(one.message));
    }
    break;
  }
  TM_CHECK(run_for_each(session, group.messages,
                        "UPDATE etl_alert_outbox SET claimed_by = ?2, claimed_until = ?3 WHERE "
                        "message_id = ?1",
                        {claim.by, to_text(later(then.now, claim.claim_for))}));
  return group;
}

// What waits besides a group that has failed: it is due with the group, and what of it was due when
// the group was claimed has failed as well. What is held back was due later than that.
Status put_off_with(SqlSession& session, const OutboxGroup& group, const std::string& now,
                    const std::string& due) {
  TM_TRY(auto update,
         session.prepare("UPDATE etl_alert_outbox SET due_at = ?3, failing_since = CASE WHEN "
                         "due_at <= ?4 THEN coalesce(failing_since, ?5) ELSE failing_since END "
                         "WHERE state = 'waiting' AND claimed_by = '' AND channel = ?1 AND due_at "
                         "< ?3 AND EXISTS (SELECT 1 FROM etl_alerts WHERE etl_alerts.alert_id = "
                         "etl_alert_outbox.alert_id AND rule = ?2)"));
  return update.bind_text(0, group.channel)
      .bind_text(1, group.messages.front().alert.rule)
      .bind_text(2, due)
      .bind_text(3, to_text(group.now))
      .bind_text(4, now)
      .run();
}

Status give_up(SqlSession& session, const OutboxGroup& group, const std::string& now,
               UtcMicros before) {
  TM_TRY(auto update,
         session.prepare("UPDATE etl_alert_outbox SET state = 'given_up', ended_at = ?3 WHERE "
                         "state = 'waiting' AND claimed_by = '' AND channel = ?1 AND failing_since "
                         "< ?4 AND EXISTS (SELECT 1 FROM etl_alerts WHERE etl_alerts.alert_id = "
                         "etl_alert_outbox.alert_id AND rule = ?2)"));
  return update.bind_text(0, group.channel)
      .bind_text(1, group.messages.front().alert.rule)
      .bind_text(2, now)
      .bind_text(3, to_text(before))
      .run();
}

// The newest of those that are wanted, and how many these are.
bool is_behind(const AlertRecord& alert, const AlertTable::Filter& filter) {
  if (!filter.behind) return true;
  const auto& [at, id] = *filter.behind;
  return alert.opened_at < at || (alert.opened_at == at && alert.id > id);
}

Status read_wanted(SqlStatement& rows, const AlertTable::Filter& filter, AlertsThen& then) {
  while (true) {
    TM_TRY(const bool more, rows.step());
    if (!more) return {};
    TM_TRY(AlertRecord alert, alert_at(rows, 0));
    if (!filter.is_wanted(alert)) continue;
    ++then.total;
    if (!is_behind(alert, filter)) continue;
    if (std::ssize(then.alerts) < filter.limit) then.alerts.push_back(std::move(alert));
  }
}

}  // namespace

std::string_view to_string(MessageKind kind) {
  if (kind == MessageKind::firing) return "firing";
  return kind == MessageKind::repeat ? "repeat" : "resolved";
}

Result<AlertsThen> AlertTable::open() {
  AlertsThen then;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(then, read_open(session));
    return {};
  }));
  return then;
}

Result<AlertsThen> AlertTable::list(const Filter& filter) {
  AlertsThen then;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    then = {};
    TM_TRY(then.now, session.now());
    const std::string from =
        std::string(" FROM etl_alerts WHERE ") + (filter.all ? "1 = 1 " : "resolved_at IS NULL ");
    const bool is_bounded = filter.behind && !filter.is_wanted;
    TM_TRY(auto rows, session.prepare("SELECT " + std::string(alert_columns) + from +
                                      (is_bounded ? std::string(behind_condition) : "") +
                                      "ORDER BY opened_at DESC, alert_id" +
                                      (filter.is_wanted ? "" : " LIMIT ?1")));
    if (filter.is_wanted) {
      TM_CHECK(read_wanted(rows, filter, then));
    } else {
      rows.bind_int64(0, filter.limit);
      if (is_bounded) rows.bind_text(1, to_text(filter.behind->first));
      if (is_bounded) rows.bind_text(2, filter.behind->second);
      TM_TRY(then.alerts, alerts_of(rows));
      TM_TRY(auto counted, session.prepare("SELECT count(*)" + from));
      TM_TRY(const bool has_row, counted.step());
      then.total = has_row ? counted.int64_at(0) : 0;
    }
    TM_TRY(then.silences, silences_where(session, "WHERE until > ?", to_text(then.now)));
    return {};
  }));
  return then;
}

Result<AlertRecord> AlertTable::find(const std::string& id) {
  std::vector<AlertRecord> found;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(auto rows, session.prepare("SELECT " + std::string(alert_columns) +
                                      " FROM etl_alerts WHERE alert_id = ?"));
    rows.bind_text(0, id);
    TM_TRY(found, alerts_of(rows));
    return {};
  }));
  if (!found.empty()) return std::move(found.front());
  return user_error("alert.unknown", "there is no alert `" + id + "`",
                    "`tidemark alert list --all` shows the ids of all");
}

Status AlertTable::change(const Decide& decide) {
  UtcMicros now;
  bool changes = false;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    TM_TRY(const AlertChanges found, decided(session, decide, now));
    changes = !found.empty();
    return {};
  }));
  if (!changes) return {};
  // Decided anew where nobody else writes.
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const AlertChanges found, decided(session, decide, now));
    for (const AlertRecord& alert : found.put)
      TM_CHECK(put(session, alert));
    for (const NewMessage& message : found.messages)
      TM_CHECK(add(session, message, now));
    for (const NewEnd& end : found.ends)
      TM_CHECK(add_end(session, end, now));
    return {};
  });
}

Result<SilenceRecord> AlertTable::silence(SilenceRecord silence, milliseconds lasts,
                                          const AuditEntry& deed) {
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    silence.id = random_hex(8).reveal();
    TM_TRY(silence.made_at, session.now());
    silence.until = later(silence.made_at, lasts);
    TM_TRY(auto insert,
           session.prepare("INSERT INTO etl_silences (silence_id, rule, subject, job, until, "
                           "reason, made_by, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    TM_CHECK(insert.bind_text(0, silence.id)
                 .bind_text(1, silence.rule)
                 .bind_text(2, silence.subject)
                 .bind_text(3, silence.job)
                 .bind_text(4, to_text(silence.until))
                 .bind_text(5, silence.reason)
                 .bind_text(6, silence.made_by)
                 .bind_text(7, to_text(silence.made_at))
                 .run());
    return sql_audit::append(session, deed);
  }));
  return silence;
}

Result<SilenceRecord> AlertTable::unsilence(const std::string& id, const AuditEntry& deed) {
  SilenceRecord ended;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(const auto found, silences_where(session, "WHERE silence_id = ?", id));
    if (found.empty() || found.front().until <= now) {
      return user_error("silence.unknown", "there is no silence `" + id + "` that has not ended",
                        "`tidemark alert list` shows the silences");
    }
    ended = found.front();
    ended.until = now;
    TM_TRY(auto update, session.prepare("UPDATE etl_silences SET until = ? WHERE silence_id = ?"));
    TM_CHECK(update.bind_text(0, to_text(now)).bind_text(1, id).run());
    return sql_audit::append(session, deed);
  }));
  return ended;
}

Result<std::vector<std::string>> AlertTable::due_channels() {
  std::set<std::string> channels;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    channels.clear();
    TM_TRY(const UtcMicros now, session.now());
    TM_TRY(auto rows, session.prepare("SELECT channel, claimed_by, max(coalesce(claimed_until, "
                                      "'')) FROM etl_alert_outbox WHERE state = 'waiting' AND "
                                      "due_at <= ? GROUP BY channel, claimed_by"));
    rows.bind_text(0, to_text(now));
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) return {};
      const bool is_claimed = !rows.text_at(1).empty() && rows.text_at(2) > to_text(now) &&
                              !session.is_gone(rows.text_at(1));
      if (!is_claimed) channels.emplace(rows.text_at(0));
    }
  }));
  return std::vector<std::string>(channels.begin(), channels.end());
}

Result<OutboxGroup> AlertTable::claim(const OutboxClaim& claim) {
  OutboxGroup group;
  TM_CHECK(database_.write([&](SqlSession& session) -> Status {
    TM_TRY(group, take(session, claim));
    return {};
  }));
  return group;
}

Status AlertTable::sent(const std::vector<OutboxMessage>& messages) {
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    return run_for_each(session, messages,
                        "UPDATE etl_alert_outbox SET state = 'sent', ended_at = ?2, claimed_by = "
                        "'', claimed_until = NULL WHERE message_id = ?1",
                        {to_text(now)});
  });
}

Status AlertTable::failed(const OutboxGroup& group, const OutboxFailure& failure) {
  if (group.messages.empty()) return {};
  return database_.write([&](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros at, session.now());
    const std::string now = to_text(at);
    const std::string due = to_text(later(at, failure.again_in));
    TM_CHECK(run_for_each(session, group.messages,
                          "UPDATE etl_alert_outbox SET attempts = attempts + 1, last_error = ?3, "
                          "due_at = ?4, failing_since = coalesce(failing_since, ?5), claimed_by = "
                          "'', claimed_until = NULL WHERE message_id = ?1 AND claimed_by = ?2 AND "
                          "state = 'waiting'",
                          {failure.by, failure.error, due, now}));
    TM_CHECK(put_off_with(session, group, now, due));
    return give_up(session, group, now, failure.given_up_before);
  });
}

Status AlertTable::release(const std::vector<OutboxMessage>& messages, const std::string& by) {
  return database_.write([&](SqlSession& session) {
    return run_for_each(session, messages,
                        "UPDATE etl_alert_outbox SET claimed_by = '', claimed_until = NULL WHERE "
                        "message_id = ?1 AND claimed_by = ?2 AND state = 'waiting'",
                        {by});
  });
}

Result<std::vector<ChannelState>> AlertTable::channel_states() {
  std::vector<ChannelState> states;
  TM_CHECK(database_.read([&](SqlSession& session) -> Status {
    states.clear();
    TM_TRY(auto rows,
           session.prepare("SELECT channel, count(*), max(attempts), max(last_error) FROM "
                           "etl_alert_outbox WHERE state = 'waiting' GROUP BY channel ORDER BY "
                           "channel"));
    while (true) {
      TM_TRY(const bool more, rows.step());
      if (!more) return {};
      states.push_back({std::string(rows.text_at(0)), rows.int64_at(1),
                        static_cast<int>(rows.int64_at(2)), std::string(rows.text_at(3))});
    }
  }));
  return states;
}

Status AlertTable::forget() {
  return database_.write([](SqlSession& session) -> Status {
    TM_TRY(const UtcMicros now, session.now());
    const std::string before = to_text(later(now, -ended_kept_for));
    for (const char* const sql :
         {"DELETE FROM etl_alert_outbox WHERE made_at < ?1 AND state <> 'waiting'",
          "DELETE FROM etl_alert_outbox WHERE alert_id IN (SELECT alert_id FROM etl_alerts WHERE "
          "resolved_at < ?1)",
          "DELETE FROM etl_alerts WHERE resolved_at < ?1",
          "DELETE FROM etl_silences WHERE until < ?1"}) {
      TM_TRY(auto gone, session.prepare(sql));
      TM_CHECK(gone.bind_text(0, before).run());
    }
    return {};
  });
}

}  // namespace tidemark

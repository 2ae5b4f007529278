// AlertTable: alerts, what is to be sent of them, and silences in a store: etl_alerts,
// etl_alert_outbox, etl_silences. It decides nothing; who uses it says what is to become of them.
//
// The database outlives it. Every method is safe from any thread and blocks on the database; each
// is one transaction.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/audit_log.h"
#include "store/sql_session.h"

namespace tidemark {

struct AlertRecord {
  std::string id;
  std::string rule;
  std::string subject;
  std::string server;    // whose state it is, as etl_servers names it; empty: the project's
  std::string severity;  // `warning`, `critical`
  std::string job;       // empty: not one job's
  std::string run;       // empty: none shows it
  std::string text;
  std::string hint;
  std::string runbook;
  UtcMicros since{};
  UtcMicros opened_at{};
  UtcMicros told_at{};                   // last, to whomever it is told
  std::optional<UtcMicros> away_since;   // it holds no more, and may come back
  std::optional<UtcMicros> resolved_at;  // nothing: it is open
};

struct SilenceRecord {
  std::string id;       // set by the store
  std::string rule;     // with `*`
  std::string subject;  // empty: all
  std::string job;      // with `*`; empty: all, and what is not one job's
  UtcMicros until{};
  std::string reason;
  std::string made_by;
  UtcMicros made_at{};  // set by the store
};

// What is open and what is silent at a time by the store's clock.
struct AlertsThen {
  std::vector<AlertRecord> alerts;      // newest first
  std::vector<SilenceRecord> silences;  // that have not ended, the first to end first
  UtcMicros now{};
  std::int64_t total = 0;  // how many alerts there are, of which `alerts` may have the newest only
};

enum class MessageKind { firing, resolved, repeat };
std::string_view to_string(MessageKind kind);

struct NewMessage {
  std::string alert;  // its id
  std::string channel;
  MessageKind kind = MessageKind::firing;
  UtcMicros due_at{};
};

// Told to the channels that were told of the alert, or are to be.
struct NewEnd {
  std::string alert;  // its id
  UtcMicros due_at{};
  // What has not been sent of it is never sent, and its end only to those that were told before.
  bool is_silent = false;
};

// What becomes of alerts, all or nothing of it.
struct AlertChanges {
  std::vector<AlertRecord> put;  // in the place of those with their ids, or new
  std::vector<NewMessage> messages;
  std::vector<NewEnd> ends;
  bool empty() const { return put.empty() && messages.empty() && ends.empty(); }
};

// One that waits in the outbox, with what it tells of.
struct OutboxMessage {
  std::string id;
  MessageKind kind = MessageKind::firing;
  int attempts = 0;  // that failed
  UtcMicros made_at{};
  std::optional<UtcMicros> failing_since;  // nothing: it has not failed since it may be sent
  AlertRecord alert;
};

// Those of one channel and rule that go out together, oldest first. Nobody else has any of that
// channel and rule meanwhile.
struct OutboxGroup {
  std::vector<OutboxMessage> messages;
  UtcMicros now{};
  std::string channel;
};

struct OutboxClaim {
  std::string channel;
  std::string by;  // this_process()
  // After that, or when the claimer is gone, others may have them.
  std::chrono::milliseconds claim_for{};
  int group_max = 0;
  // Whether it is not to be sent now; it is asked again a minute later. Pure.
  std::function<bool(const OutboxMessage&, const AlertsThen&)> is_held_back;
};

struct OutboxFailure {
  std::string by;  // who had claimed them
  std::string error;
  std::chrono::milliseconds again_in{};
  UtcMicros given_up_before{};  // what has failed since before that is not tried again
};

// Of a channel: what waits, and what came of it last.
struct ChannelState {
  std::string channel;
  std::int64_t waiting = 0;
  int attempts = 0;  // of what failed most often among that
  std::string last_error;
};

class AlertTable {
 public:
  // Also with what was resolved lately; it is kept for 90 days.
  struct Filter {
    bool all = false;
    int limit = 1000;
    // Nothing: all. Pure; what it does not want is neither listed nor counted.
    std::function<bool(const AlertRecord&)> is_wanted = nullptr;
    // Only those behind the one of that time and id, which may be gone by now; all are counted.
    std::optional<std::pair<UtcMicros, std::string>> behind = std::nullopt;
  };
  // Whether that server certainly lives no more.
  using IsGone = std::function<bool(const std::string& server)>;
  // A pure function of what is open; it may be asked twice.
  using Decide = std::function<AlertChanges(const AlertsThen&, const IsGone&)>;

  explicit AlertTable(SqlDatabase& database) : database_(database) {}

  // All that is open.
  Result<AlertsThen> open();
  Result<AlertsThen> list(const Filter& filter);
  // `alert.unknown` where there is none.
  Result<AlertRecord> find(const std::string& id);
  // Nothing is written where nothing changes.
  Status change(const Decide& decide);

  // With its account, `deed`. `until` is set by `lasts`.
  Result<SilenceRecord> silence(SilenceRecord silence, std::chrono::milliseconds lasts,
                                const AuditEntry& deed);
  // The same account. `silence.unknown` where there is none, or it has ended.
  Result<SilenceRecord> unsilence(const std::string& id, const AuditEntry& deed);

  // Channels that have something due which nobody is sending.
  Result<std::vector<std::string>> due_channels();
  // What waits of the channel with the rule of the oldest that is due, though it be due later, so
  // that nothing is told before what came before it. No messages where nothing is due.
  Result<OutboxGroup> claim(const OutboxClaim& claim);
  // They have arrived. Idempotent.
  Status sent(const std::vector<OutboxMessage>& messages);
  // They have not. What else waits of that channel and rule waits with them, so that what is more
  // than one group is not tried group by group without end. Nothing happens to those that are
  // somebody else's by now.
  Status failed(const OutboxGroup& group, const OutboxFailure& failure);
  // Nobody's again, as if they had not been claimed.
  Status release(const std::vector<OutboxMessage>& messages, const std::string& by);
  // Those that have something waiting, by name.
  Result<std::vector<ChannelState>> channel_states();
  // Forgets what ended more than 90 days ago.
  Status forget();

 private:
  SqlDatabase& database_;
};

}  // namespace tidemark

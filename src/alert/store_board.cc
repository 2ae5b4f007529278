#include "alert/store_board.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "alert/telling.h"
#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

UtcMicros later(UtcMicros at, std::chrono::microseconds by) {
  return UtcMicros(at.get() + by.count());
}

// What of an alert may change while it is open.
AlertRecord with(AlertRecord record, const Alert& alert, const std::string& server) {
  record.server = server;
  record.severity = to_string(alert.severity);
  record.job = alert.job ? alert.job->get() : "";
  record.run = alert.run ? alert.run->get() : "";
  record.text = alert.text;
  record.hint = alert.hint;
  record.runbook = alert.runbook;
  record.away_since.reset();
  return record;
}

bool says_the_same(const AlertRecord& one, const AlertRecord& other) {
  return one.server == other.server && one.severity == other.severity && one.job == other.job &&
         one.run == other.run && one.text == other.text && one.hint == other.hint &&
         one.runbook == other.runbook && one.away_since == other.away_since;
}

// What becomes of the alerts that are open, at one moment.
class Decision {
 public:
  Decision(const AlertSpec& spec, const AlertsThen& then) : spec_(spec), then_(then) {}

  void open(const Alert& alert, const std::string& server) {
    AlertRecord record;
    record.id = random_hex(8).reveal();
    record.rule = alert.key.rule;
    record.subject = alert.key.subject;
    record.since = alert.since;
    record.opened_at = then_.now;
    tell(with(std::move(record), alert, server), MessageKind::firing);
  }
  void keep(const AlertRecord& before, const Alert& alert, const std::string& server) {
    AlertRecord now = with(before, alert, server);
    if (before.severity != "critical" && now.severity == "critical") {
      tell(std::move(now), MessageKind::firing);
    } else if (!says_the_same(before, now)) {
      changes_.put.push_back(std::move(now));
    }
  }
  void miss(AlertRecord record, std::chrono::milliseconds resolve_after) {
    const bool is_news = !record.away_since;
    if (is_news) record.away_since = then_.now;
    if (later(*record.away_since, resolve_after) <= then_.now) {
      end(std::move(record));
    } else if (is_news) {
      changes_.put.push_back(std::move(record));
    }
  }
  // Whoever keeps account of each alert learns that this one is over.
  void end(AlertRecord record) {
    record.resolved_at = then_.now;
    changes_.ends.push_back(
        {record.id, later(then_.now, spec_.group_wait), is_silent(record, then_.silences)});
    changes_.put.push_back(std::move(record));
  }
  void tell(AlertRecord record, MessageKind kind) {
    record.told_at = then_.now;
    for (const std::string& channel : channels_of(spec_, record))
      changes_.messages.push_back({record.id, channel, kind, later(then_.now, spec_.group_wait)});
    changes_.put.push_back(std::move(record));
  }
  AlertChanges take() { return std::move(changes_); }

 private:
  const AlertSpec& spec_;
  const AlertsThen& then_;
  AlertChanges changes_;
};

constexpr std::string_view channel_subject = "channel:";

bool has_channel(const AlertSpec& spec, const std::string& subject) {
  return std::any_of(spec.channels.begin(), spec.channels.end(), [&](const ChannelSpec& channel) {
    return subject == std::string(channel_subject) + channel.name.value;
  });
}

Alert of_channel(const std::string& channel, const std::string& code) {
  Alert alert;
  alert.key = {std::string(channel_down), std::string(channel_subject) + channel};
  alert.severity = AlertSeverity::critical;
  alert.text = "alerts do not reach the channel `" + channel + "`: `" + code + "`";
  alert.hint = "`tidemark alert test " + channel + "` tries it and says why";
  alert.runbook = "channel-down.md";
  return alert;
}

}  // namespace

Status StoreBoard::holds(AlertScope scope, const std::vector<Alert>& now) {
  std::map<AlertKey, const Alert*> by_key;
  for (const Alert& alert : now)
    by_key.emplace(alert.key, &alert);
  const std::string server = scope == AlertScope::server ? server_ : "";
  return table_.change([&](const AlertsThen& then, const AlertTable::IsGone& is_gone) {
    Decision decision(spec_, then);
    std::map<AlertKey, const Alert*> left = by_key;
    // Its own first: what a server had that is gone may be the same.
    for (const bool is_own : {true, false}) {
      for (const AlertRecord& record : then.alerts) {
        if ((record.server == server) != is_own || record.rule == channel_down) continue;
        if (!is_own && (record.server.empty() || server.empty() || !is_gone(record.server)))
          continue;
        const auto held = left.find({record.rule, record.subject});
        if (held == left.end()) {
          // Where this server has the same, it may not come back.
          if (!is_own && by_key.contains({record.rule, record.subject})) {
            decision.end(record);
          } else {
            decision.miss(record, spec_.resolve_after);
          }
          continue;
        }
        decision.keep(record, *held->second, server);
        left.erase(held);
      }
    }
    for (const auto& [key, alert] : left)
      decision.open(*alert, server);
    return decision.take();
  });
}

Status StoreBoard::repeat() {
  return table_.change([&](const AlertsThen& then, const AlertTable::IsGone&) {
    Decision decision(spec_, then);
    for (const AlertRecord& record : then.alerts) {
      if (record.rule == channel_down && !has_channel(spec_, record.subject)) {
        decision.end(record);
        continue;
      }
      const bool is_due = record.severity == "critical" && !record.away_since &&
                          later(record.told_at, spec_.repeat) <= then.now;
      if (is_due && !is_silent(record, then.silences) && !channels_of(spec_, record).empty())
        decision.tell(record, MessageKind::repeat);
    }
    return decision.take();
  });
}

Status StoreBoard::channel_is_down(const std::string& channel, const std::string& code) {
  return table_.change([&](const AlertsThen& then, const AlertTable::IsGone&) {
    Alert alert = of_channel(channel, code);
    Decision decision(spec_, then);
    for (const AlertRecord& record : then.alerts) {
      if (AlertKey{record.rule, record.subject} != alert.key) continue;
      decision.keep(record, alert, "");
      return decision.take();
    }
    alert.since = then.now;
    decision.open(alert, "");
    return decision.take();
  });
}

Status StoreBoard::channel_is_up(const std::string& channel) {
  return table_.change([&](const AlertsThen& then, const AlertTable::IsGone&) {
    Decision decision(spec_, then);
    for (const AlertRecord& record : then.alerts) {
      if (record.rule == channel_down && record.subject == std::string(channel_subject) + channel)
        decision.miss(record, std::chrono::milliseconds(0));
    }
    return decision.take();
  });
}

}  // namespace tidemark

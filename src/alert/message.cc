#include "alert/message.h"

#include <algorithm>
#include <utility>

#include "drivers/hash/hash.h"

namespace tidemark {
namespace {

constexpr std::size_t key_max = 255;
// Of alerts whose lines are in a text.
constexpr std::size_t shown_max = 20;

std::string one_line(std::string text) {
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < ' ' || letter == 0x7f) letter = ' ';
  }
  return text;
}

JsonValue time_or_null(const std::optional<UtcMicros>& at) {
  return at ? JsonValue(to_text(*at)) : JsonValue();
}
JsonValue text_or_null(const std::string& text) {
  return text.empty() ? JsonValue() : JsonValue(text);
}

const char* state_of(const AlertNotice& notice) {
  return notice.kind == MessageKind::resolved ? "resolved" : "firing";
}

JsonValue document_of(const AlertNotice& notice) {
  const AlertRecord& alert = notice.alert;
  JsonValue json;
  json.set("id", alert.id).set("key", key_of(alert)).set("state", state_of(notice));
  json.set("repeated", notice.kind == MessageKind::repeat).set("rule", alert.rule);
  json.set("subject", alert.subject).set("severity", alert.severity);
  json.set("job", text_or_null(alert.job)).set("run_id", text_or_null(alert.run));
  json.set("since", to_text(alert.since)).set("opened_at", to_text(alert.opened_at));
  json.set("resolved_at", time_or_null(alert.resolved_at)).set("text", alert.text);
  return json.set("hint", alert.hint).set("runbook", text_or_null(alert.runbook));
}

}  // namespace

AlertMessage message_of(const std::vector<OutboxMessage>& messages, const std::string& project,
                        UtcMicros at) {
  AlertMessage made;
  made.project = project;
  made.at = at;
  std::string ids;
  for (const OutboxMessage& message : messages) {
    ids += message.id + " ";
    const auto known = std::find_if(
        made.notices.begin(), made.notices.end(),
        [&](const AlertNotice& notice) { return notice.alert.id == message.alert.id; });
    if (known == made.notices.end()) {
      made.notices.push_back({message.kind, message.alert});
    } else {
      known->kind = message.kind;
    }
  }
  made.id = "msg_" + sha256_hex(ids).substr(0, 32);
  return made;
}

AlertMessage test_message(const std::string& project, UtcMicros at) {
  AlertRecord alert;
  alert.id = "test";
  alert.rule = "test";
  alert.subject = "test";
  alert.severity = "warning";
  alert.text = "this is a test: somebody tries whether alerts of Tidemark arrive here";
  alert.hint = "nothing is to be done";
  alert.since = at;
  alert.opened_at = at;
  AlertMessage message;
  message.id = "msg_test_" + std::to_string(at.get());
  message.project = project;
  message.at = at;
  message.is_test = true;
  message.notices.push_back({MessageKind::firing, std::move(alert)});
  return message;
}

JsonValue document_of(const AlertMessage& message) {
  JsonArray alerts;
  for (const AlertNotice& notice : message.notices)
    alerts.push_back(document_of(notice));
  JsonValue json;
  json.set("version", 1).set("id", message.id).set("at", to_text(message.at));
  json.set("project", message.project).set("test", message.is_test);
  json.set("rule", message.notices.front().alert.rule).set("title", title_of(message));
  return json.set("alerts", std::move(alerts));
}

std::string title_of(const AlertMessage& message) {
  const auto firing =
      std::count_if(message.notices.begin(), message.notices.end(),
                    [](const AlertNotice& notice) { return notice.kind != MessageKind::resolved; });
  const auto resolved = std::ssize(message.notices) - firing;
  std::string states;
  if (firing > 0) states = "firing " + std::to_string(firing);
  if (resolved > 0) states += (firing > 0 ? ", " : "") + ("resolved " + std::to_string(resolved));
  const AlertRecord& first = message.notices.front().alert;
  std::string title = "[tidemark " + message.project + "] ";
  if (message.is_test) return one_line(title + "test");
  title += first.rule + " (" + states + ")";
  if (message.notices.size() == 1) title += ": " + first.subject;
  return one_line(title);
}

std::string text_of(const AlertMessage& message) {
  std::string text;
  std::size_t shown = 0;
  for (const AlertNotice& notice : message.notices) {
    if (shown++ == shown_max) {
      text += "and " + std::to_string(message.notices.size() - shown_max) + " more\n";
      break;
    }
    const AlertRecord& alert = notice.alert;
    const bool is_over = notice.kind == MessageKind::resolved;
    text += std::string(is_over ? "resolved" : alert.severity) + ": " + one_line(alert.text) + "\n";
    text += "  " + one_line(alert.rule + " of " + alert.subject) + ", since " +
            to_text(alert.since).substr(0, 19) + "Z" +
            (notice.kind == MessageKind::repeat ? ", still" : "") + "\n";
    if (is_over || alert.hint.empty()) continue;
    text += "  " + one_line(alert.hint) + "\n";
    if (!alert.runbook.empty()) text += "  runbook: docs/runbooks/" + alert.runbook + "\n";
  }
  return text;
}

std::string key_of(const AlertRecord& alert) {
  const std::string key = "tidemark/" + alert.rule + "/" + alert.subject + "/" + alert.id;
  return key.size() <= key_max ? key : "tidemark/" + sha256_hex(key);
}

}  // namespace tidemark

#include "alert/documents.h"

#include "alert/telling.h"

namespace tidemark {
namespace {

JsonValue text_or_null(const std::string& text) {
  return text.empty() ? JsonValue() : JsonValue(text);
}

}  // namespace

JsonValue alert_document(const AlertRecord& alert, const std::vector<SilenceRecord>& silences) {
  JsonValue json;
  json.set("id", alert.id).set("rule", alert.rule).set("subject", alert.subject);
  json.set("severity", alert.severity).set("state", alert.resolved_at ? "resolved" : "open");
  json.set("silent", !alert.resolved_at && is_silent(alert, silences));
  json.set("job", text_or_null(alert.job)).set("run_id", text_or_null(alert.run));
  json.set("server", text_or_null(alert.server)).set("since", to_text(alert.since));
  json.set("opened_at", to_text(alert.opened_at));
  json.set("resolved_at", alert.resolved_at ? JsonValue(to_text(*alert.resolved_at)) : JsonValue());
  json.set("text", alert.text).set("hint", alert.hint);
  return json.set("runbook", text_or_null(alert.runbook));
}

JsonValue silence_document(const SilenceRecord& silence) {
  JsonValue json;
  json.set("id", silence.id).set("rule", silence.rule);
  json.set("subject", text_or_null(silence.subject)).set("job", text_or_null(silence.job));
  json.set("until", to_text(silence.until)).set("reason", silence.reason);
  return json.set("made_by", silence.made_by).set("made_at", to_text(silence.made_at));
}

}  // namespace tidemark

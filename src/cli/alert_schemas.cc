#include <utility>

#include "cli/schema_parts.h"

namespace tidemark::schema {
namespace {

JsonValue kinds() {
  return words({"webhook", "slack", "pagerduty", "email", "command"}, "How it tells.");
}

}  // namespace

JsonValue alert() {
  return object({{"id", text()},
                 {"rule", text("What found it, as `run_failed`.")},
                 {"subject", text("Of what, as `job:orders`.")},
                 {"severity", words({"warning", "critical"}, "")},
                 {"state", words({"open", "resolved"}, "")},
                 {"silent", boolean("Nobody is told of it now.")},
                 {"job", or_null(text("Whose state it is; null: not one job's."))},
                 {"run_id", or_null(text("The run that shows it."))},
                 {"server", or_null(text("The process whose state it is; null: the project's."))},
                 {"since", instant("When the state began, as far as it is known. UTC.")},
                 {"opened_at", instant("When it was found. UTC.")},
                 {"resolved_at", or_null(instant("UTC; null: it is open."))},
                 {"text", text("What is.")},
                 {"hint", text("What to do.")},
                 {"runbook", or_null(text("A page of docs/runbooks."))}});
}

JsonValue silence() {
  return object({{"id", text()},
                 {"rule", text("With `*` for any text.")},
                 {"subject", or_null(text("Only of this; null: of all."))},
                 {"job", or_null(text("Only of these jobs, with `*`; null: of all."))},
                 {"until", instant("UTC.")},
                 {"reason", text()},
                 {"made_by", text("A user of the machine, or a token's name.")},
                 {"made_at", instant("UTC.")}});
}

JsonValue alert_list() {
  JsonValue channel =
      object({{"name", text()},
              {"kind", kinds()},
              {"waiting", count("Messages that are to be sent.")},
              {"attempts", count("That failed, of the one of them that was tried most often.")},
              {"last_error", or_null(text("Why; null: none of them was tried."))}});
  return object({{"alerts", list(alert(), "Newest first.")},
                 {"alerts_total", count("How many those are, of which `alerts` has the newest.")},
                 {"silences", list(silence(), "Those that have not ended.")},
                 {"channels", list(std::move(channel), "Those of tidemark.yaml.")}});
}

JsonValue channels_tried() {
  return list(object({{"channel", text()},
                      {"kind", kinds()},
                      {"sent", boolean("It was taken.")},
                      {"message", or_null(text("Why not."))},
                      {"hint", or_null(text("What to do then."))}}));
}

}  // namespace tidemark::schema

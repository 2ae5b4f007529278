// The schema of one refused row, as `tidemark quarantine show` prints it.
#include <utility>

#include "cli/schema_parts.h"

namespace tidemark::schema {

JsonValue refused_row() {
  const JsonValue text_or_null = or_null(text());
  JsonObject column{
      {"column", text()},
      {"type", or_null(text("The engine's type; null where the stage is gone."))},
      {"value", or_null(text("As it came, exactly; bytes as hex; null: NULL."))},
      {"is_edited", boolean()},
      {"edited", or_null(text("What the newest edit says; null: NULL, where it is edited."))}};
  JsonObject edit{{"edit", integer("From 1.")},
                  {"by", text()},
                  {"at", instant("UTC.")},
                  {"values", list(object({{"column", text()}, {"value", text_or_null}}),
                                  "With those of the edits before it.")}};
  JsonObject tried{{"run_id", text("The replay.")},
                   {"at", instant("UTC.")},
                   {"rule", text()},
                   {"column", text_or_null},
                   {"message", text("Why it was refused again.")}};
  return object(
      {{"id", text("Stays the same; `replay --quarantined --id` takes it.")},
       {"job", text()},
       {"stream", text()},
       {"run_id", text("The run that refused it.")},
       {"seq", integer("Its window; 0: a part of a backfill.")},
       {"rule", text("What it broke; `extract`: it could not be read.")},
       {"column", text_or_null},
       {"message", text("The reason, with the values.")},
       {"locator", text("Where it stood.")},
       {"refused_at", instant("UTC.")},
       {"state", text("`open`, `loaded`, `superseded`.")},
       {"resolved_at", or_null(instant("UTC."))},
       {"resolution", or_null(text("What settled it; null: it is open."))},
       {"columns", list(object(std::move(column)), "Empty where there are bytes alone.")},
       {"raw", or_null(text("The bytes of a row that could not be read, those that are no ASCII as "
                            "\\xAB."))},
       {"edits", list(object(std::move(edit)), "Oldest first.")},
       {"tries", list(object(std::move(tried)),
                      "Replays that asked for it or had its edit, and refused it again.")},
       {"no_edit", or_null(text("Why it takes no edit; null: it does."))},
       {"version", text("Another one with every change: for `--version` and If-Match.")}});
}

}  // namespace tidemark::schema

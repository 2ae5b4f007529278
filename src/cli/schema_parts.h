// The parts of which the schemas of documents are made, and the schemas that have files of their
// own. Pure. For this folder only.
#pragma once

#include <string>

#include "drivers/json/json.h"
#include "spec/reference.h"

namespace tidemark::schema {

JsonValue typed(const char* type, const char* description);
JsonValue text(const char* description = "");
JsonValue integer(const char* description = "");
JsonValue count(const char* description = "");
JsonValue boolean(const char* description = "");
JsonValue instant(const char* description);
JsonValue list(JsonValue items, const char* description = "");
JsonValue or_null(JsonValue schema);
JsonValue words(JsonArray choices, const char* description);
// An object whose members are all there and no others.
JsonValue object(JsonObject members, const char* description = "");
ReferencePage page(const std::string& name, const char* title, const JsonValue& body);

// Of `tidemark quarantine show`.
JsonValue refused_row();
// Of `tidemark alert`.
JsonValue alert();
JsonValue alert_list();
JsonValue silence();
JsonValue channels_tried();

}  // namespace tidemark::schema

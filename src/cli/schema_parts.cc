#include "cli/schema_parts.h"

#include <utility>

namespace tidemark::schema {

JsonValue typed(const char* type, const char* description) {
  JsonValue schema;
  schema.set("type", type);
  if (*description != '\0') schema.set("description", description);
  return schema;
}
JsonValue text(const char* description) {
  return typed("string", description);
}
JsonValue integer(const char* description) {
  return typed("integer", description);
}
JsonValue count(const char* description) {
  return integer(description).set("minimum", 0);
}
JsonValue boolean(const char* description) {
  return typed("boolean", description);
}
JsonValue instant(const char* description) {
  return text(description).set("pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$");
}
JsonValue list(JsonValue items, const char* description) {
  return typed("array", description).set("items", std::move(items));
}
JsonValue or_null(JsonValue schema) {
  return JsonValue().set("anyOf", JsonArray{std::move(schema), JsonValue().set("type", "null")});
}

JsonValue words(JsonArray choices, const char* description) {
  return JsonValue().set("enum", std::move(choices)).set("description", description);
}
// An object whose members are all there and no others.
JsonValue object(JsonObject members, const char* description) {
  JsonArray names;
  for (const JsonMember& member : members)
    names.emplace_back(member.name);
  return typed("object", description)
      .set("properties", std::move(members))
      .set("required", std::move(names))
      .set("additionalProperties", false);
}

ReferencePage page(const std::string& name, const char* title, const JsonValue& body) {
  JsonValue schema;
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema").set("title", title);
  for (const JsonMember& member : *body.object())
    schema.set(member.name, member.value);
  return {"schemas/" + name + ".json", to_json(schema, JsonLayout::indented) + "\n"};
}

}  // namespace tidemark::schema

#include "spec/json_schema.h"

#include "drivers/json/json.h"
#include "spec/job_yaml.h"
#include "spec/project_yaml.h"

namespace tidemark {

namespace {

JsonValue strings(const std::vector<std::string>& words) {
  JsonArray array;
  for (const std::string& word : words)
    array.emplace_back(word);
  return array;
}

JsonValue object_schema(const ObjectDoc& object);

// A text that must look like `pattern`; a number is fine where it needs no unit.
JsonValue measure(const char* pattern, bool plain_number) {
  JsonValue schema;
  schema.set("type", plain_number ? strings({"string", "integer"}) : JsonValue("string"))
      .set("pattern", pattern);
  return schema;
}

JsonValue text_schema(const ValueDoc& value) {
  JsonValue schema;
  if (value.secret) return schema.set("type", "string").set("pattern", "\\$\\{");
  // YAML reads an unquoted 2024 or true as a number or a boolean; we take what was written.
  std::vector<std::string> types{"string", "number", "boolean"};
  if (value.nullable) types.emplace_back("null");
  return schema.set("type", strings(types));
}

JsonValue value_schema(const ValueDoc& value) {
  JsonValue schema;
  switch (value.shape) {
    case ValueShape::text:
      return text_schema(value);
    case ValueShape::boolean:
      return schema.set("type", "boolean");
    case ValueShape::integer:
      return schema.set("type", "integer").set("minimum", *value.min).set("maximum", *value.max);
    case ValueShape::size:
      return measure("^[0-9]+(\\.[0-9]+)? ?(B|[KMGT]i?B)?$", true);
    case ValueShape::duration:
      return measure("^[0-9]+(\\.[0-9]+)? ?(ms|s|m|min|h|d)$", false);
    case ValueShape::percent:
      return measure("^[0-9]+(\\.[0-9]+)? ?%$", false);
    case ValueShape::choice:
      return schema.set("enum", strings(value.choices));
    case ValueShape::list:
      return schema.set("type", "array")
          .set("items", value_schema(value.parts.front()))
          .set("minItems", 1);
    case ValueShape::map:
      return schema.set("type", "object")
          .set("additionalProperties", value_schema(value.parts.front()))
          .set("minProperties", 1);
    case ValueShape::object:
      return object_schema(*value.object);
    case ValueShape::one_key:
      return object_schema(*value.object).set("minProperties", 1).set("maxProperties", 1);
    case ValueShape::any_of: {
      JsonArray alternatives;
      for (const ValueDoc& part : value.parts)
        alternatives.push_back(value_schema(part));
      return schema.set("anyOf", std::move(alternatives));
    }
  }
  return schema;
}

JsonValue default_json(const FieldDoc& field) {
  if (field.value.shape == ValueShape::boolean) return field.default_text == "true";
  if (field.value.shape == ValueShape::integer)
    return static_cast<std::int64_t>(std::stoll(field.default_text));
  return field.default_text;
}

JsonValue object_schema(const ObjectDoc& object) {
  JsonValue properties{JsonObject{}};
  std::vector<std::string> required;
  for (const FieldDoc& field : object.fields) {
    JsonValue schema = value_schema(field.value);
    schema.set("description", field.description);
    if (!field.default_text.empty()) schema.set("default", default_json(field));
    if (!field.deprecated.empty()) schema.set("deprecated", true);
    properties.set(field.name, std::move(schema));
    if (field.required) required.push_back(field.name);
  }
  JsonValue schema;
  schema.set("type", "object").set("properties", std::move(properties));
  if (!required.empty()) schema.set("required", strings(required));
  return schema.set("additionalProperties", false);
}

std::string whole_schema(const ObjectDoc& object, const char* title) {
  JsonValue schema;
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema")
      .set("title", title)
      .set("description", object.description);
  const JsonValue body = object_schema(object);
  for (const JsonMember& member : *body.object())
    schema.set(member.name, member.value);
  return to_json(schema, JsonLayout::indented) + "\n";
}

}  // namespace

std::string job_json_schema() {
  return whole_schema(*job_doc(), "Tidemark job");
}

std::string project_json_schema(const ConnectorCatalog& catalog) {
  return whole_schema(*project_doc(catalog), "Tidemark project");
}

}  // namespace tidemark

#include "spec/config_spec.h"

#include <algorithm>

namespace tidemark {

bool check_mapping(const YamlNode& node, ReadContext& context, const ObjectDoc& doc,
                   const std::vector<std::string>& other_keys) {
  std::vector<std::string> known = doc.field_names();
  const std::string keys = "the keys here are " + list_words(known);
  if (node.kind != YamlKind::map) {
    context.fault(node.at, "`" + doc.name + "` must be a mapping", keys);
    return false;
  }
  known.insert(known.end(), other_keys.begin(), other_keys.end());
  bool good = true;
  for (const YamlEntry& entry : node.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    context.fault(entry.key_at, "unknown key `" + entry.key + "`" + did_you_mean(entry.key, known),
                  keys);
    good = false;
  }
  for (const FieldDoc& field : doc.fields) {
    if (!field.required || node.find(field.name) != nullptr) continue;
    const std::string example =
        field.example.empty() ? "" : ", for example `" + field.name + ": " + field.example + "`";
    context.fault(node.at, "the key `" + field.name + "` of `" + doc.name + "` is missing",
                  "add " + field.name + ": " + field.value.phrase + example);
    good = false;
  }
  return good;
}

YamlDocument parse_default(const std::string& default_text) {
  YamlDocument document = YamlDocument::parse(default_text);
  TM_ASSERT(document.faults().empty());
  return document;
}

bool check_not_empty(const YamlNode& value, const FieldDoc& field, ReadContext& context) {
  if (!field.deprecated.empty()) {
    context.fault(value.at, "`" + field.name + "` is no longer used", field.deprecated);
    return false;
  }
  if (value.kind != YamlKind::null || field.value.nullable) return true;
  context.fault(value.at, "`" + field.name + "` is empty",
                "write " + field.value.phrase + ", or remove the key");
  return false;
}

}  // namespace tidemark

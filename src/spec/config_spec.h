// ConfigSpec<T>: the fields of one mapping, each bound to a member of T: name, kind, default,
// description.
//
// One list of fields gives the parser, the reference page and the JSON Schema. Built once, by calls
// of `field`, then immutable: it may be read from any thread.
//
//   ConfigSpec<FilesConfig> spec("files", "A folder of files.");
//   spec.field("files", &FilesConfig::folder, text(), {.required = true, .description = "The
//   folder."});
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "spec/config_value.h"

namespace tidemark {

struct FieldInfo {
  bool required = false;
  // YAML of the value that is taken when the key is not written; it is parsed, so it cannot be
  // wrong.
  std::string default_text;
  // Where the default is no fixed value: `the file's name`.
  std::string default_note;
  std::string description;
  std::string example;
  std::string deprecated;
};

// A value goes into a member of its own type, or into one that also keeps its place or its absence.
template <class V>
void keep_value(V& member, V value, Location) {
  member = std::move(value);
}
template <class V>
void keep_value(std::optional<V>& member, V value, Location) {
  member = std::move(value);
}
template <class V>
void keep_value(Located<V>& member, V value, Location at) {
  member = {std::move(value), at};
}
template <class V>
void keep_value(std::optional<Located<V>>& member, V value, Location at) {
  member = Located<V>{std::move(value), at};
}

// The part of reading a mapping that needs no types: is it one, which keys are unknown or missing.
bool check_mapping(const YamlNode& node, ReadContext& context, const ObjectDoc& doc,
                   const std::vector<std::string>& other_keys);
// Parses the default of a field; a default that is no YAML is our bug.
YamlDocument parse_default(const std::string& default_text);
// Warns of nothing yet: a deprecated key is a fault that says what to write.
bool check_not_empty(const YamlNode& value, const FieldDoc& field, ReadContext& context);

template <class T>
class ConfigSpec {
 public:
  using Check = std::function<void(const T&, const YamlNode&, ReadContext&)>;

  ConfigSpec(std::string name, std::string description, std::string example = {})
      : doc_(std::make_shared<ObjectDoc>()) {
    doc_->name = std::move(name);
    doc_->description = std::move(description);
    doc_->example = std::move(example);
  }

  template <class Member, class V>
  ConfigSpec& field(std::string name, Member T::* member, ValueSpec<V> value, FieldInfo info) {
    FieldDoc described;
    described.name = name;
    described.value = value.doc;
    described.required = info.required;
    described.default_text = info.default_text;
    described.default_note = info.default_note;
    described.description = info.description;
    described.example = info.example;
    described.deprecated = info.deprecated;
    if (!info.default_text.empty()) {
      Faults faults;
      const YamlDocument document = parse_default(info.default_text);
      ReadContext context({.root = {}, .file = name, .document = document, .faults = faults});
      V parsed{};
      const bool good = value.read(document.root(), context, name, parsed);
      TM_ASSERT(good);
      keep_value(prototype_.*member, std::move(parsed), Location{});
    }
    readers_.push_back([member, value = std::move(value), quoted = "`" + name + "`"](
                           const YamlNode& node, ReadContext& context, T& out) {
      V parsed{};
      const bool good = value.read(node, context, quoted, parsed);
      keep_value(out.*member, std::move(parsed), place(node.at));
      return good;
    });
    doc_->fields.push_back(std::move(described));
    return *this;
  }

  // Looks at the whole mapping after its fields were read without a fault.
  ConfigSpec& check(Check check) {
    checks_.push_back(std::move(check));
    return *this;
  }

  // Fills `out` with what is written and with the defaults; true when that brought no fault.
  // `other_keys` may stand in the mapping too; somebody else reads them.
  bool read(const YamlNode& node, ReadContext& context, T& out,
            const std::vector<std::string>& other_keys = {}) const {
    out = prototype_;
    bool good = check_mapping(node, context, *doc_, other_keys);
    if (node.kind != YamlKind::map) return false;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      const YamlNode* value = node.find(doc_->fields[i].name);
      if (value == nullptr) continue;
      const bool field_good =
          check_not_empty(*value, doc_->fields[i], context) && readers_[i](*value, context, out);
      good = good && field_good;
    }
    if (!good) return false;
    const std::size_t faults_before = context.fault_count();
    for (const Check& check : checks_)
      check(out, node, context);
    return context.fault_count() == faults_before;
  }

  // A mapping with every default and nothing else.
  const T& defaults() const { return prototype_; }
  const std::shared_ptr<ObjectDoc>& doc() const { return doc_; }

 private:
  using Reader = std::function<bool(const YamlNode&, ReadContext&, T&)>;

  std::shared_ptr<ObjectDoc> doc_;
  T prototype_{};
  std::vector<Reader> readers_;  // one per field of doc_, in its order
  std::vector<Check> checks_;
};

namespace config {

// A mapping as the value of a field.
template <class T>
ValueSpec<T> object(ConfigSpec<T> spec) {
  ValueDoc doc{.shape = ValueShape::object,
               .phrase = "a mapping with the keys " + list_words(spec.doc()->field_names()),
               .object = spec.doc()};
  return {std::move(doc),
          [spec = std::move(spec)](const YamlNode& node, ReadContext& context, ValueName, T& out) {
            return spec.read(node, context, out);
          }};
}

// A mapping, or one plain value that stands for its field `member`.
template <class T, class V>
ValueSpec<T> object_or_short(ConfigSpec<T> spec, ValueSpec<V> brief, V T::* member) {
  ValueDoc whole{.shape = ValueShape::object, .phrase = "a mapping", .object = spec.doc()};
  ValueDoc doc{.shape = ValueShape::any_of,
               .phrase = brief.doc.phrase + ", or a mapping with the keys " +
                         list_words(spec.doc()->field_names()),
               .parts = {brief.doc, std::move(whole)}};
  return {std::move(doc), [spec = std::move(spec), brief = std::move(brief), member](
                              const YamlNode& node, ReadContext& context, ValueName name, T& out) {
            if (node.kind == YamlKind::map) return spec.read(node, context, out);
            out = spec.defaults();
            return brief.read(node, context, name, out.*member);
          }};
}

}  // namespace config
}  // namespace tidemark

// ValueSpec<V>: how one kind of value is read from YAML, with its description for page and schema.
//
// Made by the functions below, combined freely (`list_of(name())`), handed to ConfigSpec::field.
// Immutable after that, so it may be read from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "spec/config_doc.h"
#include "spec/location.h"
#include "spec/read_context.h"

namespace tidemark {

// The name a value goes by in messages: `load`, or `an item of `key``.
using ValueName = const std::string&;

template <class V>
struct ValueSpec {
  ValueDoc doc;
  // Fills the value and returns true, or adds a fault and returns false.
  std::function<bool(const YamlNode&, ReadContext&, ValueName, V&)> read;
};

// A text of tidemark.yaml that keeps what was written beside what it means: only the former may be
// shown.
struct WrittenText {
  std::string value;
  std::string written;
  Location at;
};

enum class SqlRole {
  query,         // may also be the name of a file
  source_query,  // the same in the source's SQL, judged when the connection is known
  expression,    // a value or condition
  order,         // what follows ORDER BY
};
// The functions have a namespace of their own, so that `text` and `name` stay free as names of
// variables.
namespace config {

// Adds "`load` must be <phrase>, not a list"; returns false for the reader to return.
bool wrong_value(const YamlNode& node, ReadContext& context, ValueName name, const ValueDoc& doc,
                 const std::string& hint = {});

// One word or line. `${...}` is resolved in tidemark.yaml and a fault elsewhere.
ValueSpec<std::string> text(std::string phrase = "a text");
ValueSpec<WrittenText> written_text(std::string phrase = "a text");
// Text that may be empty and may hold anything.
ValueSpec<std::string> any_text(std::string phrase = "a text");
// Text or YAML's null.
ValueSpec<std::optional<std::string>> text_or_null();
// Must be written as a reference.
ValueSpec<Secret> secret();
ValueSpec<bool> boolean();
ValueSpec<std::int64_t> integer(std::int64_t min, std::int64_t max);
ValueSpec<std::int64_t> size();
ValueSpec<std::chrono::milliseconds> duration();
ValueSpec<double> percent();
// The name of a type, checked, kept as written.
ValueSpec<Located<std::string>> type_name();

ValueSpec<SqlText> sql(SqlRole role);

template <class V>
ValueSpec<Located<V>> located(ValueSpec<V> inner) {
  ValueDoc doc = inner.doc;
  return {std::move(doc), [inner = std::move(inner)](const YamlNode& node, ReadContext& context,
                                                     ValueName name, Located<V>& out) {
            out.at = place(node.at);
            return inner.read(node, context, name, out.value);
          }};
}

// A name and where it stands.
inline ValueSpec<Located<std::string>> name(std::string phrase = "a name") {
  return located(text(std::move(phrase)));
}

bool read_choice(const YamlNode& node, ReadContext& context, ValueName name, const ValueDoc& doc,
                 std::size_t& index);

template <class E>
ValueSpec<E> choice(std::vector<std::pair<std::string, E>> words) {
  ValueDoc doc{.shape = ValueShape::choice, .phrase = {}};
  for (const auto& word : words)
    doc.choices.push_back(word.first);
  doc.phrase = "one of " + list_words(doc.choices);
  ValueDoc described = doc;
  return {std::move(described),
          [words = std::move(words), doc = std::move(doc)](
              const YamlNode& node, ReadContext& context, ValueName name, E& out) {
            std::size_t index = 0;
            if (!read_choice(node, context, name, doc, index)) return false;
            out = words[index].second;
            return true;
          }};
}

template <class V>
bool read_items(const YamlNode& node, ReadContext& context, ValueName name,
                const ValueSpec<V>& item, std::vector<V>& out) {
  bool good = true;
  const std::string item_name = "an item of " + name;
  for (const YamlNode& child : node.items) {
    V value{};
    if (item.read(child, context, item_name, value)) {
      out.push_back(std::move(value));
    } else {
      good = false;
    }
  }
  return good;
}

// A list with at least one item.
template <class V>
ValueSpec<std::vector<V>> list_of(ValueSpec<V> item, std::string phrase) {
  ValueDoc doc{.shape = ValueShape::list, .phrase = std::move(phrase), .parts = {item.doc}};
  ValueDoc described = doc;
  return {std::move(described),
          [item = std::move(item), doc = std::move(doc)](const YamlNode& node, ReadContext& context,
                                                         ValueName name, std::vector<V>& out) {
            if (node.kind != YamlKind::sequence || node.items.empty())
              return wrong_value(node, context, name, doc);
            return read_items(node, context, name, item, out);
          }};
}

// A list, or one item that stands for a list of itself.
template <class V>
ValueSpec<std::vector<V>> list_or_one(ValueSpec<V> item, std::string phrase) {
  ValueDoc list{.shape = ValueShape::list, .phrase = phrase, .parts = {item.doc}};
  ValueDoc doc{.shape = ValueShape::any_of,
               .phrase = std::move(phrase),
               .parts = {item.doc, std::move(list)}};
  ValueDoc described = doc;
  return {std::move(described),
          [item = std::move(item), doc = std::move(doc)](const YamlNode& node, ReadContext& context,
                                                         ValueName name, std::vector<V>& out) {
            if (node.kind == YamlKind::sequence && !node.items.empty()) {
              return read_items(node, context, name, item, out);
            }
            if (node.kind != YamlKind::scalar) return wrong_value(node, context, name, doc);
            V value{};
            if (!item.read(node, context, name, value)) return false;
            out.push_back(std::move(value));
            return true;
          }};
}

template <class V>
struct MapItem {
  Located<std::string> key;
  V value;
};

// A mapping of names the user chooses, at least one, in the order written.
template <class V>
ValueSpec<std::vector<MapItem<V>>> map_of(ValueSpec<V> value, std::string phrase) {
  ValueDoc doc{.shape = ValueShape::map, .phrase = std::move(phrase), .parts = {value.doc}};
  ValueDoc described = doc;
  return {std::move(described), [value = std::move(value), doc = std::move(doc)](
                                    const YamlNode& node, ReadContext& context, ValueName name,
                                    std::vector<MapItem<V>>& out) {
            if (node.kind != YamlKind::map || node.entries.empty())
              return wrong_value(node, context, name, doc);
            bool good = true;
            for (const YamlEntry& entry : node.entries) {
              MapItem<V> item{{entry.key, place(entry.key_at)}, {}};
              if (value.read(entry.value, context, "`" + entry.key + "`", item.value)) {
                out.push_back(std::move(item));
              } else {
                good = false;
              }
            }
            return good;
          }};
}

// Reads as `inner` and makes another type of it. `convert` may add faults and return false.
template <class To, class From>
ValueSpec<To> converted(ValueSpec<From> inner,
                        std::function<bool(From&&, const YamlNode&, ReadContext&, To&)> convert) {
  ValueDoc doc = inner.doc;
  return {std::move(doc), [inner = std::move(inner), convert = std::move(convert)](
                              const YamlNode& node, ReadContext& context, ValueName name, To& out) {
            From value{};
            // What could be read is converted even after a fault, so that further faults are found.
            const bool good = inner.read(node, context, name, value);
            return convert(std::move(value), node, context, out) && good;
          }};
}

}  // namespace config
}  // namespace tidemark

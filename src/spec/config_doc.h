// What a ConfigSpec says about itself to people and editors: the reference page and the JSON Schema
// are made from these values.
//
// Plain values, immutable once built, no thread rule.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct ObjectDoc;

enum class ValueShape {
  text,
  boolean,
  integer,
  size,
  duration,
  percent,
  choice,   // one of `choices`
  list,     // of parts[0]
  map,      // of names to parts[0]
  object,   // a mapping with the fields of `object`
  one_key,  // a mapping with exactly one of the fields of `object`
  any_of,   // one of `parts`
};

struct ValueDoc {
  ValueShape shape = ValueShape::text;
  std::string phrase;  // `a duration such as 1h`: follows "must be", and stands on the page
  bool nullable = false;
  bool secret = false;
  std::vector<std::string> choices;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::vector<ValueDoc> parts;
  // Shared because descriptions are immutable and one object may stand in several places.
  std::shared_ptr<const ObjectDoc> object;
};

struct FieldDoc {
  std::string name;
  ValueDoc value;
  bool required = false;
  std::string default_text;  // YAML of the value taken when the key is not written; empty: none
  std::string default_note;  // where the default is no fixed value
  std::string description;
  std::string example;     // YAML of the value
  std::string deprecated;  // what to write instead; empty: in use
};

struct ObjectDoc {
  std::string name;
  std::string description;
  std::string example;  // YAML of the whole
  std::vector<FieldDoc> fields;

  std::vector<std::string> field_names() const;
};

// `a`, `b` and `c`.
std::string list_words(const std::vector<std::string>& words);
// "; did you mean `table`?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace tidemark

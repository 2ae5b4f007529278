// JSON: a value tree, a writer and a parser.
//
// Values are plain, copyable, ordered as written; no thread rule. Writing never fails and never
// loses:
// - int64 is exact; a double is the shortest text that reads back the same, with `.0` when it has
// no fraction;
//   NaN and the infinities, which JSON lacks, are the strings "NaN", "Infinity", "-Infinity";
// - valid UTF-8 is written as it is, control characters and U+2028/2029 as \u escapes;
// - text that is not valid UTF-8 is not a JSON string: it is written as {"bytes_hex": "66ff"}, and
// `bytes`
//   reads both forms back. No character is ever replaced. A key like that becomes "bytes_hex:66ff".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tidemark {

class JsonValue;
struct JsonMember;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<JsonMember>;

class JsonValue {
 public:
  JsonValue();
  JsonValue(std::nullptr_t);
  JsonValue(bool value);
  JsonValue(int value);
  JsonValue(std::int64_t value);
  JsonValue(double value);
  JsonValue(std::string value);
  JsonValue(std::string_view value);
  JsonValue(const char* value);
  JsonValue(JsonArray value);
  JsonValue(JsonObject value);
  JsonValue(const JsonValue& other);
  JsonValue(JsonValue&& other) noexcept;
  JsonValue& operator=(const JsonValue& other);
  JsonValue& operator=(JsonValue&& other) noexcept;
  ~JsonValue();

  bool is_null() const;
  // The value when it has that type, else nullptr.
  const bool* boolean() const;
  const std::int64_t* integer() const;
  const double* number() const;
  const std::string* string() const;
  const JsonArray* array() const;
  const JsonObject* object() const;
  // The member of an object; nullptr when this is no object or has none of that name.
  const JsonValue* find(std::string_view name) const;

  // As `find`, but a missing member or another type is the error `json.unexpected` that names the
  // member.
  Result<std::string> string_at(std::string_view name) const;
  // A string, or the bytes of a {"bytes_hex": ...}.
  Result<std::string> bytes_at(std::string_view name) const;
  Result<std::int64_t> integer_at(std::string_view name) const;
  Result<bool> boolean_at(std::string_view name) const;
  Result<const JsonArray*> array_at(std::string_view name) const;
  Result<const JsonObject*> object_at(std::string_view name) const;

  // Building: `object.set("a", 1).set("b", "x")` and `array.append(1)`; a null turns into either.
  // Setting a name again replaces its value in place.
  JsonValue& set(std::string name, JsonValue value);
  JsonValue& append(JsonValue value);

  friend bool operator==(const JsonValue&, const JsonValue&);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, JsonArray, JsonObject>
      value_;
};

struct JsonMember {
  std::string name;
  JsonValue value;
  friend bool operator==(const JsonMember&, const JsonMember&);
};

enum class JsonLayout { compact, indented };

std::string to_json(const JsonValue& value, JsonLayout layout = JsonLayout::compact);

// Appends JSON to a string piece by piece, for documents too large for a tree. The caller keeps the
// order: in an object `key` before every value. Closing what is not open is a bug and aborts.
class JsonWriter {
 public:
  JsonWriter(std::string& out, JsonLayout layout) : out_(out), layout_(layout) {}
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& null();
  JsonWriter& boolean(bool value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& number(double value);
  JsonWriter& string(std::string_view value);
  JsonWriter& value(const JsonValue& value);

 private:
  struct Level {
    bool is_object;
    bool has_members;
  };
  void before_value();
  void open(char bracket, bool is_object);
  void close(char bracket, bool is_object);
  void new_line();

  std::string& out_;
  JsonLayout layout_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

struct JsonLimits {
  int depth_max = 64;
  std::size_t bytes_max = 256u << 20;
};

// One whole document. Errors are `json.invalid` with line and column: broken syntax, invalid UTF-8,
// the same key twice in an object, too deep, too long, an integer beyond int64 (never rounded to a
// double).
Result<JsonValue> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace tidemark

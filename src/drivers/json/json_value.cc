#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "drivers/json/json.h"
#include "drivers/json/utf8.h"

namespace tidemark {

JsonValue::JsonValue() = default;
JsonValue::JsonValue(std::nullptr_t) {}
JsonValue::JsonValue(bool value) : value_(value) {}
JsonValue::JsonValue(int value) : value_(static_cast<std::int64_t>(value)) {}
JsonValue::JsonValue(std::int64_t value) : value_(value) {}
JsonValue::JsonValue(double value) : value_(value) {}
JsonValue::JsonValue(std::string value) : value_(std::move(value)) {}
JsonValue::JsonValue(std::string_view value) : value_(std::string(value)) {}
JsonValue::JsonValue(const char* value) : value_(std::string(value)) {}
JsonValue::JsonValue(JsonArray value) : value_(std::move(value)) {}
JsonValue::JsonValue(JsonObject value) : value_(std::move(value)) {}
JsonValue::JsonValue(const JsonValue& other) = default;
JsonValue::JsonValue(JsonValue&& other) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue& other) = default;
JsonValue& JsonValue::operator=(JsonValue&& other) noexcept = default;
JsonValue::~JsonValue() = default;

bool JsonValue::is_null() const {
  return std::holds_alternative<std::monostate>(value_);
}
const bool* JsonValue::boolean() const {
  return std::get_if<bool>(&value_);
}
const std::int64_t* JsonValue::integer() const {
  return std::get_if<std::int64_t>(&value_);
}
const double* JsonValue::number() const {
  return std::get_if<double>(&value_);
}
const std::string* JsonValue::string() const {
  return std::get_if<std::string>(&value_);
}
const JsonArray* JsonValue::array() const {
  return std::get_if<JsonArray>(&value_);
}
const JsonObject* JsonValue::object() const {
  return std::get_if<JsonObject>(&value_);
}

bool operator==(const JsonValue& left, const JsonValue& right) {
  return left.value_ == right.value_;
}

bool operator==(const JsonMember& left, const JsonMember& right) {
  return left.name == right.name && left.value == right.value;
}

const JsonValue* JsonValue::find(std::string_view name) const {
  const JsonObject* members = object();
  if (members == nullptr) return nullptr;
  for (const JsonMember& member : *members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

namespace {

Error unexpected(std::string_view name, std::string_view wanted) {
  return internal_error("json.unexpected", "the member '" + std::string(name) +
                                               "' is missing or is no " + std::string(wanted));
}

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned char byte = 0;
    auto [end, failed] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (failed != std::errc() || end != hex.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

void append_hex(std::string& out, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (char letter : bytes) {
    auto byte = static_cast<unsigned char>(letter);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

// `text` is valid UTF-8.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      append_hex(out, text.substr(i, 1));
    } else if (byte == 0xe2 && (text.substr(i, 3) == "\u2028" || text.substr(i, 3) == "\u2029")) {
      // Legal in JSON, but they end a line for JavaScript and for some line readers.
      out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += text[i];
    }
  }
  out += '"';
}

}  // namespace

Result<std::string> JsonValue::string_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr || member->string() == nullptr) return unexpected(name, "string");
  return *member->string();
}

Result<std::string> JsonValue::bytes_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr) return unexpected(name, "string or bytes_hex");
  if (member->string() != nullptr) return *member->string();
  const JsonValue* hex = member->find("bytes_hex");
  if (hex == nullptr || hex->string() == nullptr) return unexpected(name, "string or bytes_hex");
  std::optional<std::string> bytes = bytes_of_hex(*hex->string());
  if (!bytes) return unexpected(name, "string or bytes_hex");
  return std::move(*bytes);
}

Result<std::int64_t> JsonValue::integer_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr || member->integer() == nullptr) return unexpected(name, "integer");
  return *member->integer();
}

Result<bool> JsonValue::boolean_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr || member->boolean() == nullptr) return unexpected(name, "boolean");
  return *member->boolean();
}

Result<const JsonArray*> JsonValue::array_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr || member->array() == nullptr) return unexpected(name, "array");
  return member->array();
}

Result<const JsonObject*> JsonValue::object_at(std::string_view name) const {
  const JsonValue* member = find(name);
  if (member == nullptr || member->object() == nullptr) return unexpected(name, "object");
  return member->object();
}

JsonValue& JsonValue::set(std::string name, JsonValue value) {
  if (is_null()) value_ = JsonObject();
  auto* members = std::get_if<JsonObject>(&value_);
  TM_ASSERT(members != nullptr);
  for (JsonMember& member : *members) {
    if (member.name == name) {
      member.value = std::move(value);
      return *this;
    }
  }
  members->push_back(JsonMember{std::move(name), std::move(value)});
  return *this;
}

JsonValue& JsonValue::append(JsonValue value) {
  if (is_null()) value_ = JsonArray();
  auto* values = std::get_if<JsonArray>(&value_);
  TM_ASSERT(values != nullptr);
  values->push_back(std::move(value));
  return *this;
}

std::string to_json(const JsonValue& value, JsonLayout layout) {
  std::string out;
  JsonWriter(out, layout).value(value);
  if (layout == JsonLayout::indented) out += '\n';
  return out;
}

void JsonWriter::new_line() {
  if (layout_ == JsonLayout::compact) return;
  out_ += '\n';
  out_.append(levels_.size() * 2, ' ');
}

void JsonWriter::before_value() {
  if (std::exchange(after_key_, false) || levels_.empty()) return;
  TM_ASSERT(!levels_.back().is_object);
  if (std::exchange(levels_.back().has_members, true)) out_ += ',';
  new_line();
}

void JsonWriter::open(char bracket, bool is_object) {
  before_value();
  out_ += bracket;
  levels_.push_back({is_object, false});
}

void JsonWriter::close(char bracket, bool is_object) {
  TM_ASSERT(!after_key_);
  TM_ASSERT(!levels_.empty());
  TM_ASSERT(levels_.back().is_object == is_object);
  bool had_members = levels_.back().has_members;
  levels_.pop_back();
  if (had_members) new_line();
  out_ += bracket;
}

JsonWriter& JsonWriter::begin_object() {
  return open('{', true), *this;
}
JsonWriter& JsonWriter::end_object() {
  return close('}', true), *this;
}
JsonWriter& JsonWriter::begin_array() {
  return open('[', false), *this;
}
JsonWriter& JsonWriter::end_array() {
  return close(']', false), *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  TM_ASSERT(!after_key_);
  TM_ASSERT(!levels_.empty());
  TM_ASSERT(levels_.back().is_object);
  if (std::exchange(levels_.back().has_members, true)) out_ += ',';
  new_line();
  if (is_utf8(name)) {
    append_quoted(out_, name);
  } else {
    out_ += "\"bytes_hex:";
    append_hex(out_, name);
    out_ += '"';
  }
  out_ += layout_ == JsonLayout::compact ? ":" : ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::null() {
  before_value();
  out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  before_value();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
  before_value();
  out_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  if (std::isnan(value)) return string("NaN");
  if (std::isinf(value)) return string(value > 0 ? "Infinity" : "-Infinity");
  before_value();
  std::array<char, 32> digits;
  auto [end, failed] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  TM_ASSERT(failed == std::errc());
  std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out_ += text;
  if (text.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  before_value();
  if (is_utf8(value)) {
    append_quoted(out_, value);
    return *this;
  }
  out_ += "{\"bytes_hex\":\"";
  append_hex(out_, value);
  out_ += "\"}";
  return *this;
}

JsonWriter& JsonWriter::value(const JsonValue& value) {
  if (value.is_null()) return null();
  if (value.boolean() != nullptr) return boolean(*value.boolean());
  if (value.integer() != nullptr) return integer(*value.integer());
  if (value.number() != nullptr) return number(*value.number());
  if (value.string() != nullptr) return string(*value.string());
  if (value.array() != nullptr) {
    begin_array();
    for (const JsonValue& element : *value.array())
      this->value(element);
    return end_array();
  }
  begin_object();
  for (const JsonMember& member : *value.object())
    key(member.name).value(member.value);
  return end_object();
}

}  // namespace tidemark

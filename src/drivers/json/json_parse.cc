#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "drivers/json/json.h"
#include "drivers/json/utf8.h"

namespace tidemark {
namespace {

// Builds a JsonValue from nlohmann's events and stops at the first thing we refuse. Values live in
// the frames of a stack and move into their parent when they close, so no pointer into a growing
// vector is kept.
class TreeBuilder {
 public:
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  explicit TreeBuilder(int depth_max) : depth_max_(depth_max) {}

  bool null() { return add(JsonValue()); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(INT64_MAX))
      return refuse("an integer is beyond 64 bits");
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& text) {
    // nlohmann reads integers beyond 64 bits as doubles, which would change them.
    if (text.find_first_of(".eE") == std::string::npos)
      return refuse("the integer " + text + " is beyond 64 bits");
    return add(value);
  }
  bool string(std::string& value) { return add(JsonValue(std::move(value))); }
  bool binary(binary_t&) { return refuse("binary data"); }
  bool start_object(std::size_t) { return open(JsonValue(JsonObject())); }
  bool start_array(std::size_t) { return open(JsonValue(JsonArray())); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (!frames_.back().names.insert(name).second)
      return refuse("the key '" + name + "' stands twice in an object");
    frames_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) {
    position_ = position;
    return refuse(token.empty() ? "it is not JSON" : "it is not JSON near '" + token + "'");
  }

  JsonValue take() { return std::move(root_); }
  const std::string& refusal() const { return refusal_; }
  std::optional<std::size_t> position() const { return position_; }

 private:
  struct Frame {
    // Exactly one of the two is used.
    bool is_object = false;
    JsonArray values;
    JsonObject members;
    std::string key;
    std::unordered_set<std::string> names;
  };

  bool open(const JsonValue& kind) {
    if (static_cast<int>(frames_.size()) >= depth_max_) {
      return refuse("it is nested deeper than " + std::to_string(depth_max_) + " levels");
    }
    frames_.emplace_back();
    frames_.back().is_object = kind.object() != nullptr;
    return true;
  }

  bool close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    return add(frame.is_object ? JsonValue(std::move(frame.members))
                               : JsonValue(std::move(frame.values)));
  }

  bool add(JsonValue value) {
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (frames_.back().is_object) {
      frames_.back().members.push_back(JsonMember{std::move(frames_.back().key), std::move(value)});
    } else {
      frames_.back().values.push_back(std::move(value));
    }
    return true;
  }

  bool refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
    return false;
  }

  int depth_max_;
  std::vector<Frame> frames_;
  JsonValue root_;
  std::string refusal_;
  std::optional<std::size_t> position_;
};

// Counts what an iterator has handed to the parser, so that refusals of ours have a position too.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    *furthest_ = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  const char** furthest_;
};

Error invalid(std::string_view text, std::size_t position, const std::string& why) {
  std::string_view before = text.substr(0, std::min(position == 0 ? 0 : position - 1, text.size()));
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  std::size_t line_start = before.rfind('\n');
  std::size_t column =
      before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  // What it stands near to may be half a character.
  const std::string_view told =
      is_utf8(why) ? std::string_view(why) : std::string_view(why).substr(0, why.find(" near "));
  return internal_error("json.invalid", "JSON, line " + std::to_string(line) + ", column " +
                                            std::to_string(column) + ": " + std::string(told));
}

}  // namespace

Result<JsonValue> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return internal_error("json.invalid", "the JSON document is longer than " +
                                              std::to_string(limits.bytes_max) + " bytes");
  }
  const char* furthest = text.data();
  TreeBuilder builder(limits.depth_max);
  // nlohmann reports syntax by event; this catches what it may throw besides, such as a failed
  // allocation.
  try {
    CountingIterator begin(text.data(), &furthest);
    CountingIterator end(text.data() + text.size(), &furthest);
    if (nlohmann::json::sax_parse(begin, end, &builder)) return builder.take();
  } catch (const std::exception& error) {
    return internal_error("json.invalid",
                          std::string("the JSON document cannot be read: ") + error.what());
  }
  auto reached = static_cast<std::size_t>(furthest - text.data());
  return invalid(text, builder.position().value_or(reached), builder.refusal());
}

}  // namespace tidemark

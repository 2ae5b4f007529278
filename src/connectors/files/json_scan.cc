#include "connectors/files/json_scan.h"

#include <algorithm>

namespace tidemark {

namespace {

constexpr int depth_max = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

std::string JsonScan::scan(std::string_view text, std::vector<JsonField>& fields) {
  text_ = text;
  at_ = 0;
  problem_.clear();
  scratch_.clear();
  // Unescaped text is never longer than the escaped one, so earlier views stay where they are.
  scratch_.reserve(text.size());
  fields.clear();
  skip_space();
  if (at_ == text_.size() || text_[at_] != '{') return "it is no JSON object";
  if (!object(&fields, 0)) return problem_;
  skip_space();
  if (at_ != text_.size())
    return "text stands after the JSON object, at byte " + std::to_string(at_ + 1);
  return {};
}

bool JsonScan::fail(const std::string& what) {
  if (problem_.empty()) problem_ = "bad JSON at byte " + std::to_string(at_ + 1) + ": " + what;
  return false;
}

void JsonScan::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

bool JsonScan::take(char c) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

// `fields` is null below the top.
bool JsonScan::object(std::vector<JsonField>* fields, int depth) {
  ++at_;
  if (depth > depth_max) return fail("it is nested too deep");
  if (take('}')) return true;
  for (;;) {
    skip_space();
    JsonField field;
    if (at_ >= text_.size() || text_[at_] != '"') return fail("a key was expected");
    if (!string(field.name)) return false;
    if (!take(':')) return fail("a `:` was expected");
    if (!value(field.cell, depth)) return false;
    if (fields != nullptr) {
      const auto same = [&](const JsonField& other) { return other.name == field.name; };
      if (std::any_of(fields->begin(), fields->end(), same)) {
        return fail("the key `" + std::string(field.name) + "` stands there twice");
      }
      fields->push_back(field);
    }
    if (take('}')) return true;
    if (!take(',')) return fail("a `,` or `}` was expected");
  }
}

bool JsonScan::array(int depth) {
  ++at_;
  if (depth > depth_max) return fail("it is nested too deep");
  if (take(']')) return true;
  for (;;) {
    Cell ignored;
    if (!value(ignored, depth)) return false;
    if (take(']')) return true;
    if (!take(',')) return fail("a `,` or `]` was expected");
  }
}

bool JsonScan::value(Cell& cell, int depth) {
  skip_space();
  if (at_ >= text_.size()) return fail("it ends too early");
  const std::size_t start = at_;
  const char c = text_[at_];
  bool good = false;
  if (c == '"') {
    cell.kind = CellKind::text;
    return string(cell.text);
  }
  if (c == '{' || c == '[') {
    cell.kind = CellKind::nested;
    good = c == '{' ? object(nullptr, depth + 1) : array(depth + 1);
  } else if (c == 't' || c == 'f') {
    cell.kind = CellKind::boolean;
    good = word(c == 't' ? "true" : "false");
  } else if (c == 'n') {
    cell.kind = CellKind::null;
    good = word("null");
  } else {
    cell.kind = CellKind::number;
    good = number();
  }
  cell.text = text_.substr(start, at_ - start);
  return good;
}

bool JsonScan::word(std::string_view expected) {
  if (!text_.substr(at_).starts_with(expected)) return fail("an unknown word");
  at_ += expected.size();
  return true;
}

bool JsonScan::number() {
  const auto digits = [&] {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_]))
      ++at_;
    return at_ > start;
  };
  if (at_ < text_.size() && text_[at_] == '-') ++at_;
  const bool zero = at_ < text_.size() && text_[at_] == '0';
  if (zero) {
    ++at_;
  } else if (!digits()) {
    return fail("a value was expected");
  }
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    if (!digits()) return fail("a digit was expected");
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (!digits()) return fail("a digit was expected");
  }
  return true;
}

bool JsonScan::string(std::string_view& out) {
  ++at_;
  const std::size_t start = at_;
  while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
         static_cast<unsigned char>(text_[at_]) >= 0x20)
    ++at_;
  if (at_ < text_.size() && text_[at_] == '"') {
    out = text_.substr(start, at_ - start);
    ++at_;
    return true;
  }
  const std::size_t scratch_start = scratch_.size();
  scratch_.append(text_.substr(start, at_ - start));
  while (at_ < text_.size() && text_[at_] != '"') {
    if (static_cast<unsigned char>(text_[at_]) < 0x20)
      return fail("a control character inside a text");
    if (text_[at_] == '\\') {
      if (!escape()) return false;
    } else {
      scratch_ += text_[at_++];
    }
  }
  if (at_ >= text_.size()) return fail("a text does not end");
  ++at_;
  out = std::string_view(scratch_).substr(scratch_start);
  return true;
}

bool JsonScan::escape() {
  ++at_;
  if (at_ >= text_.size()) return fail("a text does not end");
  constexpr std::string_view names = "\"\\/bfnrt";
  constexpr std::string_view values = "\"\\/\b\f\n\r\t";
  const char c = text_[at_++];
  if (const std::size_t which = names.find(c); which != std::string_view::npos) {
    scratch_ += values[which];
    return true;
  }
  unsigned code = 0;
  if (c != 'u' || !unicode(code)) return fail("an unknown escape");
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_).starts_with("\\u")) {
    at_ += 2;
    unsigned low = 0;
    if (!unicode(low) || low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code >= 0xd800 && code <= 0xdfff) return fail("half of a surrogate pair");
  if (code == 0) return fail("a NUL inside a text");
  append_utf8(scratch_, code);
  return true;
}

bool JsonScan::unicode(unsigned& code) {
  if (at_ + 4 > text_.size()) return false;
  code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[at_++];
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      code = code * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      code = code * 16 + static_cast<unsigned>(lower - 'a' + 10);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace tidemark

#include "drivers/yaml/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "drivers/yaml/source_check.h"

namespace tidemark {

namespace {

// Ends the parse from inside yaml-cpp's callbacks, once the fault that makes going on pointless is
// noted.
struct StopParsing {};

// Positions for the offsets that events name. Events come nearly in order, so it goes on from the
// last one.
class Positions {
 public:
  explicit Positions(std::string_view source) : source_(source) {}
  Positions(std::string_view source, std::size_t offset, YamlPosition at)
      : source_(source), offset_(offset), at_(at) {}

  YamlPosition at(std::size_t offset) {
    offset = std::min(offset, source_.size());
    if (offset < offset_) {
      offset_ = 0;
      at_ = {};
    }
    for (; offset_ < offset; ++offset_) {
      if (source_[offset_] == '\n') {
        ++at_.line;
        at_.column = 1;
      } else if ((static_cast<unsigned char>(source_[offset_]) & 0xC0) != 0x80) {
        ++at_.column;
      }
    }
    return at_;
  }

 private:
  std::string_view source_;
  std::size_t offset_ = 0;
  YamlPosition at_;
};

// Builds the tree from events. yaml-cpp's own tree is not used: it resolves aliases, drops
// positions of keys and keeps doubled keys.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view source, const YamlLimits& limits, std::vector<YamlFault>& faults)
      : source_(source), limits_(limits), faults_(faults), positions_(source) {}

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    const std::size_t at = offset_of(mark);
    // Text that is left over after a complete document comes here too.
    const std::string_view before = source_.substr(0, at + 3);
    const bool separated = before.starts_with("---") ||
                           before.find("\n---") != std::string_view::npos ||
                           before.find("\n...") != std::string_view::npos;
    if (separated) {
      stop(at, "the file holds more than one YAML document",
           "remove the line `---` and what follows it");
    }
    stop(at, "this does not belong to what stands above it", "check the indentation");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = start_node(YamlKind::null, mark, anchor);
    place(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fault(offset_of(mark), "YAML aliases (`*name`) are not allowed", "write the value out");
    YamlNode node;
    node.offset = offset_of(mark);
    node.at = positions_.at(node.offset);
    place(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = start_node(YamlKind::scalar, mark, anchor);
    node.text = value;
    node.quoted = tag == "!";
    if (node.quoted && !is_closed(node.offset)) {
      fault(node.offset, "a quote is not closed", "add it where the text ends");
    }
    place(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(start_node(YamlKind::sequence, mark, anchor));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(start_node(YamlKind::map, mark, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  // A collection that is being filled. The key of a map waits here for its value.
  struct Level {
    YamlNode node;
    bool key_waits = false;
    bool keep_value = true;  // false under a key that is a fault
    std::string key;
    YamlPosition key_at;
    std::unordered_map<std::string, int> key_lines;
    bool is_key = false;  // the collection itself stands where a key belongs
  };

  std::size_t offset_of(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : std::min(static_cast<std::size_t>(mark.pos), source_.size());
  }

  void fault(std::size_t offset, std::string message, std::string hint) {
    faults_.push_back({positions_.at(offset), std::move(message), std::move(hint)});
  }

  [[noreturn]] void stop(std::size_t offset, std::string message, std::string hint) {
    fault(offset, std::move(message), std::move(hint));
    throw StopParsing{};
  }

  YamlNode start_node(YamlKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    YamlNode node;
    node.kind = kind;
    node.offset = offset_of(mark);
    node.at = positions_.at(node.offset);
    if (++nodes_ > limits_.nodes_max) {
      stop(node.offset, "the file holds more than " + std::to_string(limits_.nodes_max) + " values",
           "split it");
    }
    const char first = node.offset < source_.size() ? source_[node.offset] : '\0';
    if (anchor != 0) {
      fault(node.offset, "YAML anchors (`&name`) are not allowed",
            "write the value out where it is needed");
    } else if (first == '!') {
      fault(node.offset, "YAML tags (`!name`) are not allowed", "remove the tag");
    }
    return node;
  }

  // yaml-cpp lets the end of the file close a quote, and so would take the rest of it for one text.
  bool is_closed(std::size_t offset) const {
    const char quote = offset < source_.size() ? source_[offset] : '\0';
    if (quote != '"' && quote != '\'') return true;
    for (std::size_t at = offset + 1; at < source_.size(); ++at) {
      if (quote == '"' && source_[at] == '\\') {
        ++at;
      } else if (source_[at] == quote) {
        if (quote == '"' || at + 1 >= source_.size() || source_[at + 1] != quote) return true;
        ++at;
      }
    }
    return false;
  }

  bool expects_key() const {
    return !levels_.empty() && levels_.back().node.kind == YamlKind::map &&
           !levels_.back().key_waits;
  }

  void open(YamlNode node) {
    if (static_cast<int>(levels_.size()) >= limits_.depth_max) {
      stop(node.offset,
           "values are nested more than " + std::to_string(limits_.depth_max) + " deep",
           "flatten them");
    }
    const bool is_key = expects_key();
    if (is_key)
      fault(node.offset, "a key must be a word, not a list or a mapping",
            template_hint(node.offset));
    Level level;
    level.node = std::move(node);
    level.is_key = is_key;
    levels_.push_back(std::move(level));
  }

  // `{{name}}` and `{table}` unquoted are the way people get here.
  std::string template_hint(std::size_t offset) const {
    const bool brace = offset < source_.size() && source_[offset] == '{';
    return brace ? "put text that holds { } in quotes" : "";
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    if (level.is_key) {
      take_key({}, level.node.at, false);
    } else {
      place(std::move(level.node));
    }
  }

  void place(YamlNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
    } else if (levels_.back().node.kind == YamlKind::sequence) {
      levels_.back().node.items.push_back(std::move(node));
    } else if (expects_key()) {
      place_key(node);
    } else {
      Level& level = levels_.back();
      level.key_waits = false;
      // yaml-cpp says that an empty value stands where the next thing does.
      if (node.kind == YamlKind::null && node.at.line != level.key_at.line) node.at = level.key_at;
      if (level.keep_value)
        level.node.entries.push_back({std::move(level.key), level.key_at, std::move(node)});
    }
  }

  void place_key(const YamlNode& key) {
    if (key.kind == YamlKind::null) {
      // `{a, }` and `? ` give empty keys; `null:` and `~:` are words YAML keeps for itself.
      fault(key.offset, "a key is empty",
            "write a name before the colon, in quotes if it is `null` or `~`");
      return take_key({}, key.at, false);
    }
    if (key.text == "<<" && !key.quoted) {
      fault(key.offset, "YAML merge keys (`<<`) are not allowed", "write the values out");
      return take_key({}, key.at, false);
    }
    const auto [first, is_new] = levels_.back().key_lines.emplace(key.text, key.at.line);
    if (!is_new) {
      fault(key.offset, "the key `" + key.text + "` is written twice",
            "the first one is in line " + std::to_string(first->second) + "; keep one of them");
      return take_key({}, key.at, false);
    }
    take_key(key.text, key.at, true);
  }

  void take_key(std::string key, YamlPosition at, bool keep_value) {
    Level& level = levels_.back();
    level.key = std::move(key);
    level.key_at = at;
    level.key_waits = true;
    level.keep_value = keep_value;
  }

  std::string_view source_;
  const YamlLimits& limits_;
  std::vector<YamlFault>& faults_;
  Positions positions_;
  YamlNode root_;
  std::vector<Level> levels_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// yaml-cpp's words are for its own developers; the commonest causes are named instead.
YamlFault syntax_fault(std::string_view source, std::size_t offset, const std::string& what) {
  YamlFault fault;
  fault.at = yaml_position(source, offset);
  fault.message = "this is not valid YAML: " + what;
  offset = std::min(offset, source.size());
  const std::size_t line_start = offset == 0 ? 0 : source.rfind('\n', offset - 1) + 1;
  const std::string_view line = source.substr(line_start, source.find('\n', offset) - line_start);
  const auto is_star = [&](std::size_t at) { return at < source.size() && source[at] == '*'; };
  if (is_star(offset) || (offset > 0 && is_star(offset - 1))) {
    fault.hint = "text that starts with * needs quotes, for example \"* * * * *\"";
  } else if (line.find("${") != std::string_view::npos) {
    fault.hint = "inside { } put ${...} in quotes";
  } else if (line.find('\t') != std::string_view::npos) {
    fault.hint = "use spaces, not tabs";
  } else {
    fault.hint =
        "check the indentation, the quotes and the brackets here and in the line above; text that "
        "holds "
        "`: `, ` #`, or starts with one of @ ` % & * ! | > [ { needs quotes";
  }
  return fault;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

YamlDocument YamlDocument::parse(std::string source, const YamlLimits& limits) {
  YamlDocument document;
  // The mark some editors write at the start is no part of the text.
  if (source.starts_with("\xEF\xBB\xBF")) source.erase(0, 3);
  document.source_ = std::move(source);
  std::vector<YamlFault>& faults = document.faults_;
  if (document.source_.size() > limits.bytes_max) {
    faults.push_back(
        {{}, "the file is larger than " + std::to_string(limits.bytes_max) + " bytes", "split it"});
    return document;
  }
  faults = check_yaml_bytes(document.source_);
  if (!faults.empty()) return document;
  faults = check_yaml_lines(document.source_);
  if (!faults.empty()) return document;

  TreeBuilder builder(document.source_, limits, faults);
  try {
    std::istringstream stream(document.source_);
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const StopParsing&) {
    // Its fault is noted.
  } catch (const YAML::Exception& problem) {
    const std::size_t offset =
        problem.mark.pos < 0 ? 0 : static_cast<std::size_t>(problem.mark.pos);
    faults.push_back(syntax_fault(document.source_, offset, problem.msg));
  } catch (const std::exception& problem) {
    faults.push_back({{}, std::string("this is not valid YAML: ") + problem.what(), ""});
  }
  document.root_ = builder.take_root();
  return document;
}

std::vector<YamlStretch> YamlDocument::stretches(const YamlNode& scalar) const {
  std::vector<YamlStretch> found;
  const std::string_view text = scalar.text;
  Positions positions(source_, std::min(scalar.offset, source_.size()), scalar.at);
  std::size_t at = scalar.offset;
  char escape = '\0';
  if (scalar.quoted && at < source_.size()) {
    const bool block = source_[at] == '|' || source_[at] == '>';
    escape = source_[at] == '"' ? '\\' : source_[at] == '\'' ? '\'' : '\0';
    at = block ? std::min(source_.find('\n', at), source_.size() - 1) + 1 : at + 1;
  }
  // Spaces and line ends may have been cut or folded; everything else stands in the file in the
  // same order. An escape like \u00e9 breaks that: then the rest is said to stand where it began.
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  std::size_t expected = std::string::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_blank(text[i])) {
      if (at < source_.size() && source_[at] == text[i] && at == expected) expected = ++at;
      continue;
    }
    std::size_t here = at;
    while (here < source_.size() && is_blank(source_[here]))
      ++here;
    if (escape == '\'' && text[i] == '\'') {
      // Written twice.
      if (source_.compare(here, 2, "''") != 0) break;
      found.push_back({i, positions.at(here)});
      at = here + 2;
      expected = std::string::npos;
      continue;
    }
    const bool escaped = escape == '\\' && here + 1 < source_.size() && source_[here] == '\\' &&
                         source_[here + 1] == text[i];
    if (escaped) ++here;
    if (here >= source_.size() || source_[here] != text[i]) break;
    if (here != expected) found.push_back({i, positions.at(here)});
    at = expected = here + 1;
  }
  if (found.empty() || found.front().offset != 0) found.insert(found.begin(), {0, scalar.at});
  return found;
}

}  // namespace tidemark

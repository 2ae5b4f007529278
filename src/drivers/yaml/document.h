// YamlDocument: one YAML file as a tree of values that know where they stand.
//
// Parsed once from bytes, read-only after, no thread rule. The parser takes the part of YAML that
// configuration needs: anchors, aliases, tags, merge keys, several documents, doubled keys and keys
// that are no plain words are faults, and so are deep nesting, many nodes and big files. Nothing
// throws.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

// Lines and columns count from 1; columns count characters.
struct YamlPosition {
  int line = 1;
  int column = 1;
};

enum class YamlKind { null, scalar, sequence, map };

struct YamlEntry;

struct YamlNode {
  YamlKind kind = YamlKind::null;
  std::string text;     // of a scalar
  bool quoted = false;  // '...', "...", | or >: text whatever it looks like
  YamlPosition at;
  std::size_t offset = 0;          // of `at` in the file, in bytes
  std::vector<YamlNode> items;     // of a sequence
  std::vector<YamlEntry> entries;  // of a map, in the order written, each key once

  // The value of a key of a map, or null.
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  YamlPosition key_at;
  YamlNode value;
};

struct YamlFault {
  YamlPosition at;
  std::string message;
  std::string hint;
};

// A piece of a scalar that stands in the file just as it is in the value.
struct YamlStretch {
  std::size_t offset = 0;  // in the scalar's text
  YamlPosition at;
};

struct YamlLimits {
  std::size_t bytes_max = 1'000'000;
  std::size_t nodes_max = 100'000;
  int depth_max = 64;
};

class YamlDocument {
 public:
  // Never fails as a whole: what could be read is in the tree, what is wrong is in `faults`.
  static YamlDocument parse(std::string source, const YamlLimits& limits = {});

  // A file of 0 bytes or of comments only has a null root.
  const YamlNode& root() const { return root_; }
  // The text it was made of.
  const std::string& source() const { return source_; }
  const std::vector<YamlFault>& faults() const { return faults_; }

  // Where the characters of a scalar of this document stand: the first stretch starts at offset 0.
  std::vector<YamlStretch> stretches(const YamlNode& scalar) const;

 private:
  std::string source_;
  YamlNode root_;
  std::vector<YamlFault> faults_;
};

}  // namespace tidemark

// Where something stands in a project file, so that every later step can point at it.
//
// Plain values, copyable, no thread rule. Lines and columns count from 1, columns in characters; 0
// means the value was not written by the user but is a default.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct Location {
  int line = 0;
  int column = 0;
  friend auto operator<=>(const Location&, const Location&) = default;
};

// A value and the place it was written at.
template <class T>
struct Located {
  T value{};
  Location at;
  // A value compares by what it is; where it stood is for messages only.
  friend bool operator==(const Located& left, const Located& right) {
    return left.value == right.value;
  }
};

// From an offset in a text to its place in the file the text came from. A text inside YAML is not a
// copy of its source (indentation is cut, lines are folded), so the map is a list of stretches that
// are.
class TextMap {
 public:
  // The text is a whole file.
  static TextMap of_file(std::string_view text);
  // `offset` grows from call to call.
  void add(std::size_t offset, Location at);
  // `text` is the text the map was made for; an offset past its end means its end.
  Location locate(std::string_view text, std::size_t offset) const;

 private:
  struct Stretch {
    std::size_t offset = 0;
    Location at;
  };
  std::vector<Stretch> stretches_;
};

// SQL as the user wrote it, inline in a job file or in a file of its own.
struct SqlText {
  std::string text;
  std::string file;  // relative to the project folder
  TextMap map;
  Location locate(std::size_t offset) const { return map.locate(text, offset); }
  friend bool operator==(const SqlText& left, const SqlText& right) {
    return left.text == right.text;
  }
};

}  // namespace tidemark

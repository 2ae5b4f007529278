#include "spec/config_doc.h"

#include <string_view>

#include "base/nearest.h"

namespace tidemark {

std::vector<std::string> ObjectDoc::field_names() const {
  std::vector<std::string> names;
  for (const FieldDoc& field : fields)
    names.push_back(field.name);
  return names;
}

std::string list_words(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += ", ";
    text += words[i];
  }
  return text;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::optional<std::string> nearest = nearest_word(word, known);
  return nearest ? "; did you mean `" + *nearest + "`?" : "";
}

}  // namespace tidemark

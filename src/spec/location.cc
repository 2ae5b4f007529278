#include "spec/location.h"

#include <algorithm>

namespace tidemark {

TextMap TextMap::of_file(std::string_view text) {
  TextMap map;
  map.add(0, {1, 1});
  int line = 1;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    map.add(at + 1, {++line, 1});
  }
  return map;
}

void TextMap::add(std::size_t offset, Location at) {
  stretches_.push_back({offset, at});
}

Location TextMap::locate(std::string_view text, std::size_t offset) const {
  offset = std::min(offset, text.size());
  auto after = std::upper_bound(
      stretches_.begin(), stretches_.end(), offset,
      [](std::size_t wanted, const Stretch& stretch) { return wanted < stretch.offset; });
  if (after == stretches_.begin()) return stretches_.empty() ? Location{} : stretches_.front().at;
  const Stretch& stretch = *(after - 1);
  Location at = stretch.at;
  for (std::size_t i = stretch.offset; i < offset; ++i) {
    // Bytes that continue a UTF-8 character are no column of their own.
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) ++at.column;
  }
  return at;
}

}  // namespace tidemark

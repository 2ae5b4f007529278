// Any bytes give a tree or faults, every position lies in the file, and every scalar can be
// located.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "drivers/yaml/document.h"

namespace {

using tidemark::YamlDocument;
using tidemark::YamlNode;

void visit(const YamlDocument& document, const YamlNode& node) {
  TM_ASSERT(node.at.line >= 1 && node.at.column >= 1);
  if (node.kind == tidemark::YamlKind::scalar) {
    const auto stretches = document.stretches(node);
    TM_ASSERT(!stretches.empty() && stretches.front().offset == 0);
    for (std::size_t i = 1; i < stretches.size(); ++i)
      TM_ASSERT(stretches[i - 1].offset < stretches[i].offset);
  }
  for (const YamlNode& item : node.items)
    visit(document, item);
  for (const tidemark::YamlEntry& entry : node.entries)
    visit(document, entry.value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const YamlDocument document =
      YamlDocument::parse(std::string(reinterpret_cast<const char*>(data), size));
  for (const tidemark::YamlFault& fault : document.faults())
    TM_ASSERT(fault.at.line >= 1 && !fault.message.empty());
  visit(document, document.root());
  return 0;
}

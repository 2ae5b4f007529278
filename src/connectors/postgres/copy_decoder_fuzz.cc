// Arbitrary bytes as COPY binary: no crash, no unbounded memory, no row beyond the capacity.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "connectors/postgres/copy_decoder.h"
#include "connectors/postgres/memory_batch.h"

using namespace tidemark;
using namespace tidemark::postgres;

namespace {

std::vector<DecodedColumn> columns() {
  std::vector<DecodedColumn> all;
  for (const TypeRule& rule : type_rules()) {
    ColumnForm form{rule.form, ValueForm::text, 0, false, Type::of(rule.kind)};
    if (rule.form == ValueForm::numeric_decimal) form.type = Type::decimal(38, 10);
    all.push_back({std::string(rule.name), form});
    ColumnForm list{ValueForm::array, form.form, rule.oid, false, Type::list_of(form.type)};
    all.push_back({std::string(rule.name) + "[]", list});
  }
  all.push_back(
      {"numeric text",
       {ValueForm::numeric_text, ValueForm::text, 0, false, Type::of(TypeKind::varchar)}});
  return all;
}

}  // namespace

// The first byte picks one column type; the header is put before, so that every input gets past it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<DecodedColumn> all = columns();
  if (size == 0) return 0;
  std::string bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  bytes.append(reinterpret_cast<const char*>(data + 1), size - 1);
  CopyDecoder decoder({all[data[0] % all.size()]});
  decoder.feed(bytes);
  while (!decoder.hungry()) {
    MemoryBatch batch(1, 8);
    const auto rows = decoder.decode(batch, 0);
    if (!rows.ok()) break;
    if (*rows > 8) std::abort();
  }
  return 0;
}

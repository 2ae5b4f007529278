// The decoder alone, into plain memory: rows of ten columns as in an ordinary table of orders, and
// values of the types that cost most.
#include "connectors/postgres/copy_decoder.h"

#include "base/kernel_bench.h"
#include "connectors/postgres/memory_batch.h"

namespace tidemark::postgres {
namespace {

constexpr std::size_t rows_in_block = 4096;

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i)
    out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string field(const std::string& bytes) {
  return big_endian(bytes.size(), 4) + bytes;
}

// A numeric of these groups of four digits, the first of which counts 10000^weight.
std::string numeric(const std::vector<std::uint64_t>& groups, std::uint64_t weight,
                    std::uint64_t digits_shown) {
  std::string bytes = big_endian(groups.size(), 2) + big_endian(weight, 2) + big_endian(0, 2) +
                      big_endian(digits_shown, 2);
  for (const std::uint64_t group : groups)
    bytes += big_endian(group, 2);
  return bytes;
}

ColumnForm plain(ValueForm form, Type type) {
  return {form, ValueForm::text, 0, false, std::move(type)};
}

std::vector<DecodedColumn> columns() {
  return {{"id", plain(ValueForm::int8, Type::of(TypeKind::int64))},
          {"customer", plain(ValueForm::int4, Type::of(TypeKind::int32))},
          {"price", plain(ValueForm::numeric_decimal, Type::decimal(15, 2))},
          {"tax", plain(ValueForm::numeric_decimal, Type::decimal(15, 2))},
          {"at", plain(ValueForm::timestamp, Type::of(TypeKind::timestamptz))},
          {"day", plain(ValueForm::date, Type::of(TypeKind::date))},
          {"weight", plain(ValueForm::float8, Type::of(TypeKind::float64))},
          {"paid", plain(ValueForm::boolean, Type::of(TypeKind::boolean))},
          {"state", plain(ValueForm::text, Type::of(TypeKind::varchar))},
          {"remark", plain(ValueForm::text, Type::of(TypeKind::varchar))}};
}

std::string block() {
  std::string bytes;
  for (std::size_t i = 0; i < rows_in_block; ++i) {
    const std::string price = numeric({12, i % 10000, 5000}, 1, 2);
    bytes += big_endian(10, 2) + field(big_endian(i, 8)) + field(big_endian(i, 4)) + field(price) +
             field(price) + field(big_endian(i * 1000, 8)) + field(big_endian(i, 4)) +
             field(big_endian(i, 8)) + field(std::string(1, '\1')) + field("shipped") +
             field("a remark of some thirty letters");
  }
  return bytes;
}

void decode_rows(Kernel& kernel) {
  const std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const std::string bytes = block();
  MemoryBatch batch(10, 2048);
  CopyDecoder decoder(columns());
  decoder.feed(header);
  if (!decoder.decode(batch, 0).ok()) return kernel.fail("header");
  kernel.measure(rows_in_block, [&] {
    decoder.feed(bytes);
    while (!decoder.hungry()) {
      const auto rows = decoder.decode(batch, 0);
      if (!rows.ok()) return kernel.fail(rows.error().message);
    }
  });
}
const KernelEntry rows("postgres_decode_row", decode_rows);

// Value i of a kernel.
using Value = std::function<std::string(std::size_t)>;

KernelEntry values(const std::string& name, ColumnForm form, const Value& value) {
  return {"postgres_decode_" + name, [form, value](Kernel& kernel) {
            std::vector<std::string> bytes(rows_in_block);
            for (std::size_t i = 0; i < rows_in_block; ++i)
              bytes[i] = value(i);
            MemoryColumn column(rows_in_block);
            std::string scratch;
            Decoding decoding{{}, scratch};
            const DecodeValue decode = decoder_of(form);
            const ColumnPlace place{&column, column.data()};
            kernel.measure(rows_in_block, [&] {
              for (std::size_t i = 0; i < rows_in_block; ++i) {
                if (decode(form, bytes[i], place, i, decoding) != Decoded::good)
                  return kernel.fail("refused: " + decoding.why);
              }
            });
          }};
}

std::string json_text(std::size_t i) {
  const std::string number = std::to_string(i);
  return R"({"id": )" + number + R"(, "kind": "page_view", "path": "/shop/item/)" + number +
         R"(", "seconds": 12.75, "tags": ["new", "sale"], "user": {"name": "someone", "age": null}})";
}

const KernelEntry short_numeric =
    values("numeric_15_2", plain(ValueForm::numeric_decimal, Type::decimal(15, 2)),
           [](std::size_t i) { return numeric({12, i, 5000}, 1, 2); });
const KernelEntry long_numeric =
    values("numeric_38_10", plain(ValueForm::numeric_decimal, Type::decimal(38, 10)),
           [](std::size_t i) { return numeric({7, 1234, i, 5678, 9012, 3456, 7800}, 4, 10); });
const KernelEntry text_numeric =
    values("numeric_text", plain(ValueForm::numeric_text, Type::of(TypeKind::varchar)),
           [](std::size_t i) { return numeric({12, i, 5678, 9000}, 1, 7); });
const KernelEntry timestamp =
    values("timestamp", plain(ValueForm::timestamp, Type::of(TypeKind::timestamptz)),
           [](std::size_t i) { return big_endian(800'000'000'000'000 + i * 1000, 8); });
const KernelEntry date = values("date", plain(ValueForm::date, Type::of(TypeKind::date)),
                                [](std::size_t i) { return big_endian(9000 + i, 4); });
const KernelEntry uuid = values("uuid", plain(ValueForm::uuid, Type::of(TypeKind::uuid)),
                                [](std::size_t i) { return big_endian(i, 8) + big_endian(i, 8); });
const KernelEntry plain_text =
    values("text", plain(ValueForm::text, Type::of(TypeKind::varchar)),
           [](std::size_t) { return std::string("a remark of some thirty letters"); });
const KernelEntry accented_text = values(
    "text_accented", plain(ValueForm::text, Type::of(TypeKind::varchar)),
    [](std::size_t) { return std::string("Ein Gru\u00df aus K\u00f6ln \u00fcber den Rhein"); });
const KernelEntry jsonb = values("jsonb", plain(ValueForm::jsonb, Type::of(TypeKind::json)),
                                 [](std::size_t i) { return '\1' + json_text(i); });

}  // namespace
}  // namespace tidemark::postgres

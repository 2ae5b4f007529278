// Rows per second of the decoder alone, into plain memory: ten columns as in an ordinary table of
// orders.
#include <benchmark/benchmark.h>

#include "connectors/postgres/copy_decoder.h"
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

std::vector<DecodedColumn> columns() {
  const auto plain = [](const char* name, ValueForm form, Type type) {
    return DecodedColumn{name, {form, ValueForm::text, 0, false, std::move(type)}};
  };
  return {plain("id", ValueForm::int8, Type::of(TypeKind::int64)),
          plain("customer", ValueForm::int4, Type::of(TypeKind::int32)),
          plain("price", ValueForm::numeric_decimal, Type::decimal(15, 2)),
          plain("tax", ValueForm::numeric_decimal, Type::decimal(15, 2)),
          plain("at", ValueForm::timestamp, Type::of(TypeKind::timestamptz)),
          plain("day", ValueForm::date, Type::of(TypeKind::date)),
          plain("weight", ValueForm::float8, Type::of(TypeKind::float64)),
          plain("paid", ValueForm::boolean, Type::of(TypeKind::boolean)),
          plain("state", ValueForm::text, Type::of(TypeKind::varchar)),
          plain("remark", ValueForm::text, Type::of(TypeKind::varchar))};
}

std::string block() {
  std::string bytes;
  for (std::size_t i = 0; i < rows_in_block; ++i) {
    const std::string price = big_endian(3, 2) + big_endian(1, 2) + big_endian(0, 2) +
                              big_endian(2, 2) + big_endian(12, 2) + big_endian(i % 10000, 2) +
                              big_endian(5000, 2);
    bytes += big_endian(10, 2) + field(big_endian(i, 8)) + field(big_endian(i, 4)) + field(price) +
             field(price) + field(big_endian(i * 1000, 8)) + field(big_endian(i, 4)) +
             field(big_endian(i, 8)) + field(std::string(1, '\1')) + field("shipped") +
             field("a remark of some thirty letters");
  }
  return bytes;
}

void decode(benchmark::State& state) {
  const std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const std::string bytes = block();
  MemoryBatch batch(10, 2048);
  CopyDecoder decoder(columns());
  decoder.feed(header);
  if (!decoder.decode(batch, 0).ok()) state.SkipWithError("header");
  for (auto _ : state) {
    decoder.feed(bytes);
    while (!decoder.hungry()) {
      const auto rows = decoder.decode(batch, 0);
      if (!rows.ok()) state.SkipWithError(rows.error().message.c_str());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows_in_block));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(decode);

}  // namespace
}  // namespace tidemark::postgres

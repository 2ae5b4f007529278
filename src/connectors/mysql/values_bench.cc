// The values of MySQL that are more than a number.
#include "connectors/mysql/values.h"

#include <string>
#include <vector>

#include "base/kernel_bench.h"

namespace tidemark::mysql {
namespace {

constexpr std::size_t values_in_pass = 4096;

void decode_decimals(Kernel& kernel) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < values_in_pass; ++i)
    texts.push_back(std::to_string(10'000'000 + i * 977) + ".50");
  const Type type = Type::decimal(15, 2);
  kernel.measure(values_in_pass, [&] {
    for (const std::string& text : texts) {
      const auto value = scaled(text, type);
      if (!value) return kernel.fail("refused");
      benchmark::DoNotOptimize(*value);
    }
  });
}

void decode_timestamps(Kernel& kernel) {
  std::vector<Moment> moments;
  for (unsigned i = 0; i < values_in_pass; ++i)
    moments.push_back({false, 2000 + i % 30, 1 + i % 12, 1 + i % 28, i % 24, i % 60, i % 59, i});
  kernel.measure(values_in_pass, [&] {
    for (const Moment& moment : moments) {
      if (!is_day(moment)) return kernel.fail("refused");
      benchmark::DoNotOptimize(days_of(moment) * day_us + clock_us(moment));
    }
  });
}

void decode_uuids(Kernel& kernel) {
  const std::string text = "123e4567-e89b-12d3-a456-426614174000";
  kernel.measure(values_in_pass, [&] {
    for (std::size_t i = 0; i < values_in_pass; ++i) {
      std::string_view one = text;
      benchmark::DoNotOptimize(one);
      const auto value = uuid_of(one);
      if (!value) return kernel.fail("refused");
      benchmark::DoNotOptimize(*value);
    }
  });
}

const KernelEntry decimals("mysql_decode_decimal_15_2", decode_decimals);
const KernelEntry timestamps("mysql_decode_timestamp", decode_timestamps);
const KernelEntry uuids("mysql_decode_uuid", decode_uuids);

}  // namespace
}  // namespace tidemark::mysql

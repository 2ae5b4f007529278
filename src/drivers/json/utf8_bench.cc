// The check of every text that comes from MySQL, SQLite and files.
#include "drivers/json/utf8.h"

#include "base/kernel_bench.h"

namespace tidemark {
namespace {

KernelEntry checks(const std::string& name, const std::string& text) {
  return {"utf8_" + name, [text](Kernel& kernel) {
            constexpr int times = 1000;
            kernel.measure(times, [&] {
              for (int i = 0; i < times; ++i) {
                std::string_view one = text;
                benchmark::DoNotOptimize(one);
                if (!is_utf8(one)) return kernel.fail("refused");
              }
            });
          }};
}

const KernelEntry plain = checks("text", "a remark of some thirty letters");
const KernelEntry accented =
    checks("text_accented", "Ein Gru\u00df aus K\u00f6ln \u00fcber den Rhein");

}  // namespace
}  // namespace tidemark

// One line of a JSON file into its members.
#include "connectors/files/json_scan.h"

#include "base/kernel_bench.h"

namespace tidemark {
namespace {

constexpr std::size_t lines_in_file = 1024;

std::string line(std::size_t i, const std::string& remark) {
  const std::string number = std::to_string(i);
  return R"({"id": )" + number + R"(, "kind": "page_view", "path": "/shop/item/)" + number +
         R"(", "seconds": 12.75, "tags": ["new", "sale"], "user": {"name": "someone", "age": null}, "remark": ")" +
         remark + R"("})";
}

KernelEntry scans(const std::string& name, const std::string& remark) {
  return {"json_scan_" + name, [remark](Kernel& kernel) {
            std::vector<std::string> lines;
            for (std::size_t i = 0; i < lines_in_file; ++i)
              lines.push_back(line(i, remark));
            JsonScan scan;
            std::vector<JsonField> fields;
            kernel.measure(lines_in_file, [&] {
              for (const std::string& one : lines) {
                const std::string problem = scan.scan(one, fields);
                if (!problem.empty() || fields.size() != 7) return kernel.fail(problem);
              }
            });
          }};
}

const KernelEntry plain = scans("line", "a remark of some thirty letters");
const KernelEntry escaped = scans("line_escaped", R"(a \"remark\" of\nsome \u00fc letters)");

}  // namespace
}  // namespace tidemark

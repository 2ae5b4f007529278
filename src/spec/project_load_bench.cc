// Loading a project of 1,000 jobs, without the engine's check of their SQL. The whole of `tidemark
// validate` may take 0.5 s.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "spec/project_load.h"

namespace tidemark {
namespace {

struct FolderConfig {
  std::string path;
};

ConnectorCatalog bench_catalog() {
  ConnectorCatalog catalog;
  ConfigSpec<FolderConfig> spec("duckdb", "A DuckDB file.");
  spec.field("duckdb", &FolderConfig::path, config::text(), {.required = true});
  catalog.add(ConnectorSpec::of(std::move(spec),
                                {.source_keys = {"table", "watermark"}, .is_target = true}));
  return catalog;
}

void write_jobs(const std::filesystem::path& root, int jobs) {
  std::filesystem::create_directories(root / "jobs");
  std::ofstream(root / "tidemark.yaml")
      << "connections: {shop: {duckdb: a}, warehouse: {duckdb: b}}\n";
  for (int i = 0; i < jobs; ++i) {
    const std::string name = "job_" + std::to_string(i);
    std::ofstream(root / "jobs" / (name + ".yaml"))
        << "from:  {connection: shop, table: public." << name << ", watermark: updated_at}\n"
        << "transform:\n"
        << "  - lookup: {from: warehouse.dim_customer, match: customer_id, add: [segment, "
           "country]}\n"
        << "  - derive: {order_day: ordered_at::date, margin: price - cost}\n"
        << "rules:\n"
        << "  price_not_negative: price >= 0\n"
        << "to:    {connection: warehouse, table: mart." << name
        << ", load: upsert, key: [order_id]}\n"
        << "every: 1h\n";
  }
}

void load_jobs(benchmark::State& state) {
  const std::filesystem::path root = std::filesystem::temp_directory_path() / "tidemark-spec-bench";
  std::filesystem::remove_all(root);
  write_jobs(root, static_cast<int>(state.range(0)));
  const ConnectorCatalog catalog = bench_catalog();
  for (auto _ : state) {
    const LoadedProject loaded = load_project(root, catalog, nullptr);
    if (!loaded.faults.empty()) state.SkipWithError("the project has faults");
  }
  std::filesystem::remove_all(root);
}
BENCHMARK(load_jobs)->Arg(1)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tidemark

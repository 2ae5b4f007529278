// The bodies of test_project.h. Named as a test so that the library stays without them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "spec/guard_yaml.h"
#include "spec/test_project.h"

namespace tidemark {

const char* const good_from = "{connection: shop, table: public.orders}";
const char* const good_to = "{connection: warehouse, table: orders}";

static std::vector<TypeTable> fake_type_tables() {
  return {{"A source", "Read as it is.", {"there", "here"}, {{"a|b", "`BIGINT`"}}}};
}

ConnectorCatalog fake_catalog() {
  ConnectorCatalog catalog;
  ConfigSpec<FakePostgres> postgres(
      "postgres", "A PostgreSQL server.",
      "postgres: host=db.example dbname=shop user=etl\npassword: ${env:SHOP_PASSWORD}\n");
  postgres
      .field("postgres", &FakePostgres::dsn, config::written_text("a libpq connection string"),
             {.required = true,
              .description = "How to connect.",
              .example = "host=db.example dbname=shop"})
      .field("password", &FakePostgres::password, config::secret(),
             {.default_note = "none",
              .description = "The password.",
              .example = "${env:SHOP_PASSWORD}"})
      .check([](const FakePostgres& found, const YamlNode&, ReadContext& context) {
        if (found.dsn.written.find("password=") == std::string::npos) return;
        context.fault(found.dsn.at, "`postgres` holds a password",
                      "write it as password: ${env:NAME}");
      });
  catalog.add(ConnectorSpec::of(std::move(postgres),
                                {.source_keys = {"table", "tables", "except", "query", "watermark",
                                                 "null_cursor", "timezone", "columns"},
                                 .is_target = true,
                                 .guard_keys = guard_keys(),
                                 .watched = "table",
                                 .type_tables = &fake_type_tables}));
  ConfigSpec<FakePath> duckdb("duckdb", "A DuckDB file.", "{duckdb: warehouse.duckdb}");
  duckdb.field("duckdb", &FakePath::path, config::text("a path"),
               {.required = true, .description = "The file."});
  catalog.add(ConnectorSpec::of(std::move(duckdb), {.source_keys = {}, .is_target = true}));
  ConfigSpec<FakePath> files("files", "A folder of files.", "{files: data}");
  files.field("files", &FakePath::path, config::text("a path"),
              {.required = true, .description = "The folder."});
  catalog.add(ConnectorSpec::of(std::move(files), {.source_keys = {"files", "format", "columns",
                                                                   "nulls", "header", "delimiter"},
                                                   .guard_keys = {"connections", "quiet_hours"},
                                                   .watched = "file"}));
  return catalog;
}

std::optional<SqlFault> FakeSqlCheck::find(std::string_view text) {
  const std::size_t at = text.find("wrong");
  if (at == std::string_view::npos) return std::nullopt;
  return SqlFault{at, "`wrong` is wrong"};
}

TestProject::TestProject() {
  static std::atomic<int> count{0};
  root_ = std::filesystem::temp_directory_path() /
          ("tidemark-spec-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
  std::filesystem::create_directories(root_ / "jobs");
}

TestProject::~TestProject() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

TestProject& TestProject::write(const std::string& file, const std::string& content) {
  std::filesystem::create_directories((root_ / file).parent_path());
  std::ofstream(root_ / file, std::ios::binary) << content;
  return *this;
}

TestProject& TestProject::with_connections() {
  return write("tidemark.yaml",
               "connections:\n"
               "  shop: {postgres: host=db}\n"
               "  landing: {files: data}\n"
               "  warehouse: {duckdb: warehouse.duckdb}\n");
}

TestProject& TestProject::store(const std::string& name, const std::string& text) {
  stored_.push_back({name, text});
  return *this;
}

TestProject& TestProject::set(const std::string& variable, const std::string& value) {
  environment_[variable] = value;
  return *this;
}

LoadedProject TestProject::load() const {
  static const ConnectorCatalog catalog = fake_catalog();
  FakeSqlCheck check;
  return load_project(
      root_, catalog, &check,
      [this](const std::string& name) -> std::optional<std::string> {
        const auto found = environment_.find(name);
        if (found == environment_.end()) return std::nullopt;
        return found->second;
      },
      {}, [this](const ProjectSpec&) -> Result<std::vector<StoredJobText>> { return stored_; });
}

std::vector<std::string> TestProject::faults() const {
  std::vector<std::string> lines;
  const LoadedProject loaded = load();
  for (const SpecFault& fault : loaded.faults.list())
    lines.push_back(fault.headline());
  return lines;
}

JobSpec TestProject::job() const {
  LoadedProject loaded = load();
  EXPECT_EQ(loaded.faults.print(), "");
  EXPECT_EQ(loaded.jobs.size(), 1u);
  return loaded.jobs.empty() ? JobSpec{} : loaded.jobs.front();
}

std::string job_with(const std::string& from, const std::string& to, const std::string& rest) {
  return "from: " + from + "\nto: " + to + "\n" + rest;
}

}  // namespace tidemark

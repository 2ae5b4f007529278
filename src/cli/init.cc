#include "cli/init.h"

#include <array>
#include <string_view>
#include <utility>

namespace tidemark {

namespace {

constexpr std::string_view project_yaml =
    R"(# What this project connects to. `tidemark schema` describes every key.
connections:
  landing:   {files: data}
  warehouse: {duckdb: warehouse.duckdb}
)";

constexpr std::string_view job_yaml =
    R"(# Each file is loaded once; rows that break a rule go to quarantine.
from:
  connection: landing
  files: "readings-*.csv"
  nulls: [NA]
transform:
  - units: {temperature: {from: degF, to: degC}}
rules:
  has_a_sensor: sensor is not null
to: {connection: warehouse, table: readings, load: append}
)";

constexpr std::string_view data_csv = R"(sensor,measured_on,temperature
a1,2026-01-01,41.0
a1,2026-01-02,39.2
a2,2026-01-01,50.5
NA,2026-01-02,48.9
a2,2026-01-03,NA
)";

constexpr std::string_view ignore_text = ".tidemark/\n*.duckdb\n*.duckdb.wal\n";

}  // namespace

Result<std::vector<std::filesystem::path>> write_first_project(const std::filesystem::path& dir,
                                                               Files& files) {
  const std::array<std::pair<const char*, std::string_view>, 4> all{
      {{"tidemark.yaml", project_yaml},
       {"jobs/readings.yaml", job_yaml},
       {"data/readings-1.csv", data_csv},
       {".gitignore", ignore_text}}};
  for (const auto& [name, text] : all) {
    if (std::filesystem::exists(dir / name)) {
      return user_error("user.project_exists", (dir / name).string() + " is there already",
                        "name a new folder: tidemark init DIR");
    }
  }
  std::vector<std::filesystem::path> made;
  for (const auto& [name, text] : all) {
    made.push_back(dir / name);
    TM_CHECK(files.make_dirs_durably(made.back().parent_path()));
    TM_CHECK(files.write_durably(made.back(), text));
  }
  return made;
}

std::string first_steps(const std::filesystem::path& dir,
                        const std::vector<std::filesystem::path>& made) {
  std::string text = "Made a project:\n";
  for (const std::filesystem::path& file : made)
    text += "  " + file.string() + "\n";
  const std::string where = dir == "." ? "" : " --project " + dir.string();
  return text + "\nNow try:\n  tidemark plan readings" + where + "\n  tidemark run readings" +
         where + "\n  tidemark query warehouse \"select * from readings\"" + where +
         "\n  tidemark quarantine readings" + where + "\n";
}

}  // namespace tidemark

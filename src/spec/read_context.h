// ReadContext: what reading one project file needs besides its nodes: where faults go, how
// references are resolved, what checks SQL.
//
// Lives as long as one file is read; one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/yaml/document.h"
#include "spec/fault.h"
#include "spec/job_spec.h"
#include "spec/location.h"
#include "spec/references.h"
#include "spec/sql_check.h"

namespace tidemark {

inline Location place(YamlPosition at) {
  return {at.line, at.column};
}

class ReadContext {
 public:
  struct Parts {
    std::filesystem::path root;  // of the project
    std::string file;            // relative to root
    const YamlDocument& document;
    Faults& faults;
    const References* references = nullptr;  // unset: `${...}` is a fault
    SqlCheck* sql_check = nullptr;           // unset: SQL is taken as it is
    const JobTexts* texts = nullptr;         // set: SQL files are read from here, not from the disk
  };
  explicit ReadContext(Parts parts) : parts_(std::move(parts)) {}

  const std::string& file() const { return parts_.file; }
  void fault(Location at, std::string message, std::string hint = {});
  void fault(YamlPosition at, std::string message, std::string hint = {});
  // How many faults there are so far: a reader that adds none was successful.
  std::size_t fault_count() const { return parts_.faults.size(); }

  // A text with its references resolved; nothing, and a fault, where that fails.
  std::optional<std::string> resolve(const YamlNode& scalar);

  // The same of a secret, which is asked for when it is used: a missing variable or file is a fault
  // now.
  std::optional<Secret> resolve_secret(const YamlNode& scalar);

  // The files that secrets are read from, absolute or from where the process stands.
  const std::vector<std::filesystem::path>& secret_files() const { return secret_files_; }

  // The SQL files that were read, by their paths in the project.
  const JobTexts& sql_files() const { return sql_files_; }

  // SQL that stands in the scalar, or, where `may_be_file` and the scalar holds no blank, in the
  // file it names (beside the YAML file, or in the project folder).
  std::optional<SqlText> sql_text(const YamlNode& scalar, bool may_be_file);

  // Puts the engine's complaint where the SQL stands. `prefix` is what an order list or the like
  // needs to be a query.
  void check_query(const SqlText& sql, std::string_view prefix = {});
  void check_expression(const SqlText& sql);

 private:
  std::optional<SqlText> sql_file(const YamlNode& scalar);
  Result<std::string> read_sql(const std::filesystem::path& file) const;
  void sql_fault(const SqlText& sql, const std::optional<SqlFault>& found,
                 std::size_t prefix_bytes);

  Parts parts_;
  JobTexts sql_files_;
  std::vector<std::filesystem::path> secret_files_;
};

}  // namespace tidemark

// References: `${env:NAME}` and `${file:PATH}` in tidemark.yaml, the only way a secret gets into a
// project.
//
// Immutable after construction. `resolve` reads the environment and files, so its answer may
// change.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

class References {
 public:
  // Relative paths start at `root`. Without `environment` the process's own is read.
  explicit References(std::filesystem::path root, EnvironmentLookup environment = {});

  // The text with every reference replaced; `$${` stands for `${`. The error names what is missing
  // and never holds a value.
  Result<std::string> resolve(std::string_view text) const;

  // Whether a text holds a reference at all.
  static bool found_in(std::string_view text);

 private:
  Result<std::string> value_of(std::string_view reference) const;

  std::filesystem::path root_;
  EnvironmentLookup environment_;
};

// The content of a text file of the project. Errors: `spec.no_file`, `spec.bad_file`.
Result<std::string> read_project_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace tidemark

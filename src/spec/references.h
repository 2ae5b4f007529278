// References: `${env:NAME}`, `${file:PATH}`, `${secret:NAME}` and `${vault:MOUNT/PATH#FIELD}` in
// tidemark.yaml, the only way a secret gets into a project.
//
// Immutable after construction; copies are alike. What resolves reads the environment, files, the
// store and Vault, so its answer may change.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace tidemark {

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

enum class SecretPlace { store, vault };

// A secret that is kept there. From any thread; blocking.
using SecretLookup = std::function<Result<Secret>(SecretPlace place, const std::string& name)>;

class References {
 public:
  // Relative paths start at `root`. Without `environment` the process's own is read; without
  // `secrets` none can be had, only named.
  explicit References(std::filesystem::path root, EnvironmentLookup environment = {},
                      SecretLookup secrets = {});

  // The text with every reference replaced; `$${` stands for `${`. The error names what is missing
  // and never holds a value. `${secret:NAME}` and `${vault:...}` are errors: such a text is no
  // secret.
  Result<std::string> resolve(std::string_view text) const;
  // The same of a text that is a secret. `spec.open_secret` for a file that others may write.
  Result<Secret> resolve_secret(std::string_view text) const;
  // Whether that would do, as far as it is known without asking anybody: of a secret of the store
  // or of Vault only whether its name can be one.
  Status check_secret(std::string_view text) const;
  // The files that a text names.
  std::vector<std::filesystem::path> files_of(std::string_view text) const;

  // Whether a text holds a reference at all.
  static bool found_in(std::string_view text);
  // Whether it holds one to a secret of that place.
  static bool names(std::string_view text, SecretPlace place);

 private:
  using ValueOf =
      std::function<Result<std::string>(std::string_view kind, const std::string& name)>;
  static Result<std::string> replace(std::string_view text, const ValueOf& value_of);
  Result<std::string> value_of(std::string_view kind, const std::string& name,
                               bool is_secret) const;

  std::filesystem::path root_;
  EnvironmentLookup environment_;
  SecretLookup secrets_;
};

// The content of a text file of the project. Errors: `spec.no_file`, `spec.bad_file`.
Result<std::string> read_project_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace tidemark

// SecretsSpec: where the secrets of a project come from that stand in none of its files and
// variables: its store, and Vault. A plain value.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"

namespace tidemark {

// A server of HashiCorp Vault, or one that speaks as it does.
struct VaultSpec {
  std::string address;  // `https://host:8200`
  Secret token;
  std::string name_space;  // empty: the one at the top
  std::string ca;          // a file; empty: what the system trusts
};

struct SecretsSpec {
  // Where the key is that seals what stands in the store: a file, or an environment variable.
  std::string key_file;
  std::string key_env;  // empty: the file
  std::optional<VaultSpec> vault;
};

}  // namespace tidemark

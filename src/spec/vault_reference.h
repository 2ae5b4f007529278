// VaultReference: which field of which secret of a Vault is meant, as `kv/sales/shop#password`.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

struct VaultReference {
  std::string mount;  // of the secrets engine: the first part
  std::string path;   // of the secret in it
  std::string field;

  // `spec.bad_reference`.
  static Result<VaultReference> parse(std::string_view text);
  // `mount/path`, which is no secret.
  std::string secret() const { return mount + "/" + path; }
};

}  // namespace tidemark

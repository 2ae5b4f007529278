#include "spec/vault_reference.h"

#include <algorithm>
#include <cctype>

namespace tidemark {
namespace {

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 && (std::isalnum(byte) != 0 ||
                         std::string_view("-_.~@:+ ").find(c) != std::string_view::npos);
}

// No part that a server might take for a way up, or for no part at all.
bool is_part(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), is_plain);
}

bool are_parts(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (!is_part(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Result<VaultReference> VaultReference::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::size_t hash = text.find('#');
  if (slash != std::string_view::npos && hash != std::string_view::npos && slash < hash) {
    VaultReference reference{std::string(text.substr(0, slash)),
                             std::string(text.substr(slash + 1, hash - slash - 1)),
                             std::string(text.substr(hash + 1))};
    if (is_part(reference.mount) && are_parts(reference.path) && !reference.field.empty())
      return reference;
  }
  return user_error("spec.bad_reference",
                    "`" + std::string(text) + "` names no field of a secret of Vault",
                    "write ${vault:MOUNT/PATH#FIELD}, for example ${vault:kv/sales/shop#password}");
}

}  // namespace tidemark

// Vault: secrets that a server of HashiCorp Vault keeps, in an engine of the kind KV, version 2.
//
// Nothing is kept: each secret is asked for anew, with the token as it is then, over a connection
// of its own. The token's lease is not renewed: what renews it, such as an agent of Vault, writes
// it to the file that it is read from. Safe from any thread; blocks for ten seconds at most. The
// clock outlives it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "drivers/http/http_client.h"
#include "env/clock.h"
#include "spec/secrets_spec.h"

namespace tidemark {

class Vault {
 public:
  // `ca` is an absolute path. Errors: `http.bad_url`, `tls.ca_unreadable`.
  static Result<std::unique_ptr<Vault>> make(VaultSpec spec, const Clock& clock);

  // Of `MOUNT/PATH#FIELD`. `vault.denied`, `vault.unknown`, `vault.deleted`, `vault.no_field`,
  // `vault.sealed`, `vault.failed`, `vault.bad_answer`, or what the client says, as `http.timeout`:
  // all say which secret was wanted, and none shows anything of an answer's body but the names of
  // its fields.
  Result<Secret> get(const std::string& reference) const;

 private:
  Vault(VaultSpec spec, std::unique_ptr<HttpClient> client)
      : spec_(std::move(spec)), client_(std::move(client)) {}

  const VaultSpec spec_;
  const std::unique_ptr<HttpClient> client_;
};

}  // namespace tidemark

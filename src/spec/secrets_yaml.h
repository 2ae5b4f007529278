// `secrets:` of tidemark.yaml.
#pragma once

#include "spec/config_spec.h"
#include "spec/secrets_spec.h"

namespace tidemark {

ValueSpec<SecretsSpec> secrets_value();

// What only the whole file tells: references to a Vault that it does not name, and secrets that
// would need each other. `root` is of the file.
void check_secrets(const SecretsSpec& secrets, const YamlNode& root, ReadContext& context);

}  // namespace tidemark

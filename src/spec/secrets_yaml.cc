#include "spec/secrets_yaml.h"

#include <utility>

#include "drivers/http/address_rules.h"
#include "drivers/http/url.h"
#include "spec/references.h"

namespace tidemark {
namespace {

bool is_this_machine(const std::string& host) {
  const auto address = IpAddress::parse(host);
  return host == "localhost" || (address && special_use(*address) == "a loopback address");
}

void check_address(const std::string& address, const YamlPosition at, ReadContext& context) {
  const auto url = Url::parse(address);
  if (!url.ok()) return context.fault(at, url.error().message, url.error().hint);
  if (!url->is_https && !is_this_machine(url->host)) {
    context.fault(at,
                  "`" + url->shown() + "` is no https: the token and every secret could be read",
                  "write https://" + url->authority());
  } else if (url->target != "/") {
    context.fault(at, "the address of Vault ends with its host and port", "write " + url->shown());
  }
}

ValueSpec<VaultSpec> vault_value() {
  ConfigSpec<VaultSpec> spec(
      "vault",
      "A server of HashiCorp Vault, for `${vault:MOUNT/PATH#FIELD}`: a secrets engine of the kind "
      "KV, version 2.",
      "{address: \"https://vault.example:8200\", token: \"${file:/run/vault/token}\"}");
  spec.field("address", &VaultSpec::address, config::text("an address"),
             {.required = true,
              .description =
                  "`https://HOST[:PORT]`. `http://` only for one on this machine. Private networks "
                  "are reached, services for metadata and other link-local addresses are not.",
              .example = "https://vault.example:8200"})
      .field("token", &VaultSpec::token, config::secret(),
             {.required = true,
              .description = "The token that Tidemark comes with. It is read anew each time, so a "
                             "file that an agent of Vault keeps fresh is a good place.",
              .example = "${file:/run/vault/token}"})
      .field("namespace", &VaultSpec::name_space, config::text("a namespace"),
             {.default_note = "none",
              .description = "The namespace, where the server has some.",
              .example = "sales"})
      .field("ca", &VaultSpec::ca, config::text("a file"),
             {.default_note = "what the system trusts",
              .description = "A file of certificates (PEM), relative to the project: trusted alone "
                             "instead of what the system trusts.",
              .example = "/etc/tidemark/vault-ca.pem"});
  spec.check([](const VaultSpec& vault, const YamlNode& node, ReadContext& context) {
    const YamlNode* address = node.find("address");
    if (address != nullptr && !vault.address.empty())
      check_address(vault.address, address->at, context);
    const YamlNode* token = node.find("token");
    if (token != nullptr && References::names(token->text, SecretPlace::vault)) {
      context.fault(token->at, "the token of Vault cannot stand in Vault",
                    "write ${file:PATH}, ${env:NAME} or ${secret:NAME}");
    }
  });
  return config::object(std::move(spec));
}

// References to Vault, wherever they stand.
void check_known(const YamlNode& node, ReadContext& context) {
  if (References::names(node.text, SecretPlace::vault)) {
    context.fault(node.at, "`${vault:...}` is used, and the project names no Vault",
                  "write `secrets: {vault: {address: https://HOST:8200, token: ${env:NAME}}}`");
  }
  for (const YamlNode& item : node.items)
    check_known(item, context);
  for (const YamlEntry& entry : node.entries)
    check_known(entry.value, context);
}

}  // namespace

ValueSpec<SecretsSpec> secrets_value() {
  ConfigSpec<SecretsSpec> spec("secrets",
                               "Where the key is that seals the secrets in the store "
                               "(`tidemark secret set NAME`), and where Vault is.",
                               "{key_env: TIDEMARK_KEY}");
  spec.field(
          "key_file", &SecretsSpec::key_file, config::text("a file"),
          {.default_text = ".tidemark/secret.key",
           .description = "A file of its owner alone (0600), relative to the project. It is made "
                          "with the first secret. Keep a copy elsewhere: without it the secrets "
                          "of a store cannot be read.",
           .example = "/etc/tidemark/secret.key"})
      .field("key_env", &SecretsSpec::key_env, config::text("the name of a variable"),
             {.default_note = "none: the file",
              .description = "An environment variable with the key instead, 64 hexadecimal digits. "
                             "Of several, with spaces between, the first seals and all open."})
      .field("vault", &SecretsSpec::vault, vault_value(),
             {.default_note = "none",
              .description = "A HashiCorp Vault, for `${vault:MOUNT/PATH#FIELD}`."});
  return config::object(std::move(spec));
}

void check_secrets(const SecretsSpec& secrets, const YamlNode& root, ReadContext& context) {
  if (!secrets.vault) return check_known(root, context);
  const YamlNode* store = root.find("store");
  const YamlNode* password = store == nullptr ? nullptr : store->find("password");
  if (password != nullptr && References::names(password->text, SecretPlace::vault) &&
      References::names(secrets.vault->token.written(), SecretPlace::store)) {
    context.fault(password->at,
                  "the store's password stands in Vault, and the token of Vault in the store",
                  "write the token as ${file:PATH} or ${env:NAME}");
  }
}

}  // namespace tidemark

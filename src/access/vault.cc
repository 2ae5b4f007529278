#include "access/vault.h"

#include <utility>

#include "base/redact.h"
#include "drivers/http/url.h"
#include "drivers/json/json.h"
#include "drivers/sodium/sodium.h"
#include "spec/vault_reference.h"

namespace tidemark {
namespace {

constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::seconds timeout{10};
constexpr std::size_t answer_bytes_max = 256 * 1024;

// A Vault stands in a network of its owner, as a rule. Metadata of a cloud and everything else that
// is special stays refused, and this machine unless the address itself says so.
Result<AddressRules> rules_for(const Url& url) {
  const std::vector<std::string> here{"127.0.0.0/8", "::1"};
  // Of plain http, for this machine alone, whatever `localhost` leads to.
  if (!url.is_https) return AddressRules::within(here);
  std::vector<std::string> networks{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};
  const auto written = IpAddress::parse(url.host);
  const bool is_loopback = written && special_use(*written) == "a loopback address";
  if (is_loopback || url.host == "localhost")
    networks.insert(networks.end(), here.begin(), here.end());
  return AddressRules::allowing(networks);
}

std::string escaped(std::string_view path) {
  std::string text;
  for (const char c : path)
    text += c == ' ' ? "%20" : std::string(1, c);
  return text;
}

Error named(Error error, const VaultReference& wanted) {
  return std::move(error).with_context("reading the secret `" + wanted.secret() + "` of Vault");
}

// Why there is nothing where there was something.
Error gone(const JsonValue& body, const VaultReference& wanted) {
  const JsonValue* data = body.find("data");
  const JsonValue* about = data == nullptr ? nullptr : data->find("metadata");
  const JsonValue* version = about == nullptr ? nullptr : about->find("version");
  if (version != nullptr && version->integer() != nullptr) {
    const std::string number = std::to_string(*version->integer());
    const JsonValue* destroyed = about->find("destroyed");
    const bool for_ever =
        destroyed != nullptr && destroyed->boolean() != nullptr && *destroyed->boolean();
    return user_error(
        "vault.deleted",
        "version " + number + " of it, the newest, was " + (for_ever ? "destroyed" : "deleted"),
        (for_ever ? "write it anew: `vault kv put " + wanted.secret() + " ...`"
                  : "bring it back: `vault kv undelete -versions=" + number + " " +
                        wanted.secret() + "`, or write it anew"));
  }
  return user_error(
      "vault.unknown",
      "there is no such secret, or `" + wanted.mount + "` is no engine of the kind KV, version 2",
      "look: `vault kv get " + wanted.secret() + "`; ${vault:...} is written without `data/`");
}

Error refused(const HttpResponse& answer, const VaultReference& wanted) {
  const int status = answer.status;
  const std::string with = "with status " + std::to_string(status);
  if (status == 403) {
    return user_error("vault.denied", "the token may not read it, or has expired",
                      "look at `secrets: {vault: {token: ...}}` in tidemark.yaml; its policy needs "
                      "`read` on " +
                          wanted.mount + "/data/" + wanted.path);
  }
  if (status == 404) {
    const auto body = parse_json(answer.body);
    return gone(body.ok() ? *body : JsonValue(), wanted);
  }
  if (status == 503) {
    return target_error("vault.sealed", "Vault is sealed, or under maintenance", Retry::backoff,
                        "unseal it: `vault operator unseal`");
  }
  if (status >= 300 && status < 400) {
    return target_error("vault.failed", "Vault answers " + with + ", which leads elsewhere",
                        Retry::never, "write the address that it leads to in tidemark.yaml");
  }
  const bool may_pass =
      status == 412 || status == 429 || status == 472 || status == 473 || status >= 500;
  return target_error(
      "vault.failed", "Vault answers " + with, may_pass ? Retry::backoff : Retry::never,
      may_pass ? "look at Vault's own log"
               : "look at `secrets: {vault: ...}` in tidemark.yaml: address and namespace");
}

// `token` is what Vault was told, and may repeat.
Result<Secret> field_of(const JsonValue& body, const VaultReference& wanted, const Secret& token) {
  const JsonValue* data = body.find("data");
  const JsonValue* fields = data == nullptr ? nullptr : data->find("data");
  // An engine of version 1 has no such thing within.
  if (fields == nullptr || fields->object() == nullptr || data->find("metadata") == nullptr) {
    return user_error("vault.bad_answer",
                      "Vault's answer is not one of an engine of the kind KV, version 2",
                      "see which kind `" + wanted.mount + "` is: `vault secrets list -detailed`");
  }
  const JsonValue* value = fields->find(wanted.field);
  if (value != nullptr && value->string() != nullptr) return Secret(*value->string());
  std::string names;
  for (const JsonMember& member : *fields->object())
    names += (names.empty() ? "" : ", ") + member.name;
  return user_error("vault.no_field",
                    "it has no " + std::string(value == nullptr ? "field" : "text in the field") +
                        " `" + wanted.field + "`",
                    names.empty() ? "it has no fields" : "it has: " + redact(names, token));
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::make(VaultSpec spec, const Clock& clock) {
  TM_TRY(const Url url, Url::parse(spec.address));
  HttpClientOptions options;
  TM_TRY(options.rules, rules_for(url));
  options.ca_file = spec.ca;
  options.connect_timeout = connect_timeout;
  options.timeout = timeout;
  options.answer_bytes_max = answer_bytes_max;
  TM_TRY(auto client, HttpClient::make(clock, std::move(options)));
  spec.address = url.shown();
  return std::unique_ptr<Vault>(new Vault(std::move(spec), std::move(client)));
}

Result<Secret> Vault::get(const std::string& reference) const {
  TM_TRY(const VaultReference wanted, VaultReference::parse(reference));
  auto token = spec_.token.now();
  if (!token.ok()) return named(std::move(token).error(), wanted);
  HttpCall call;
  call.url = spec_.address + "/v1/" + escaped(wanted.mount) + "/data/" + escaped(wanted.path);
  call.headers = {{"X-Vault-Token", token->reveal()}, {"X-Vault-Request", "true"}};
  if (!spec_.name_space.empty()) call.headers.push_back({"X-Vault-Namespace", spec_.name_space});
  const Cancel nobody_asks;
  auto answer = client_->call(call, nobody_asks);
  wipe(call.headers.front().value);
  if (!answer.ok()) return named(std::move(answer).error(), wanted);
  if (answer->status != 200) return named(refused(*answer, wanted), wanted);
  auto body = parse_json(answer->body);
  wipe(answer->body);
  // What is wrong with it is not repeated: there is a secret in it.
  if (!body.ok())
    return named(target_error("vault.bad_answer", "Vault's answer is no JSON"), wanted);
  auto secret = field_of(*body, wanted, *token);
  if (!secret.ok()) return named(std::move(secret).error(), wanted);
  return secret;
}

}  // namespace tidemark

#include "spec/api_yaml.h"

#include <utility>

#include "drivers/http/address_rules.h"
#include "spec/config_spec.h"

namespace tidemark {
namespace {

ValueSpec<ApiTls> tls_value() {
  ConfigSpec<ApiTls> spec("tls",
                          "The files of a certificate. They are read again when they change. `off` "
                          "is for a service behind something that speaks TLS for it.",
                          "{certificate: /etc/tidemark/tls.crt, key: /etc/tidemark/tls.key}");
  spec.field("certificate", &ApiTls::certificate, config::text("a file"),
             {.required = true, .description = "The certificate and those up to its root, as PEM."})
      .field("key", &ApiTls::key, config::text("a file"),
             {.required = true, .description = "Its private key, as PEM."});
  return config::object_or_short(std::move(spec), config::choice<bool>({{"off", true}}),
                                 &ApiTls::is_off);
}

ValueSpec<std::string> network_value() {
  const ValueSpec<std::string> text = config::text("a network as 10.1.0.0/16");
  return {text.doc,
          [text](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            if (!text.read(node, context, name, out)) return false;
            const auto network = IpNetwork::parse(out);
            if (!network.ok())
              context.fault(node.at, network.error().message, network.error().hint);
            return network.ok();
          }};
}

}  // namespace

ValueSpec<ApiSpec> api_value() {
  ConfigSpec<ApiSpec> spec("api",
                           "The HTTP API of `tidemark serve`: see [The API](../api.md). Without "
                           "`api` nothing listens.",
                           "{listen: \"127.0.0.1:8080\"}");
  spec.field("listen", &ApiSpec::listen, config::text("an address and a port"),
             {.default_text = "127.0.0.1:8080",
              .description = "Where it listens. An address that others reach needs `tls`.",
              .example = "\"0.0.0.0:8443\""})
      .field("tls", &ApiSpec::tls, tls_value(),
             {.default_note = "none",
              .description = "TLS 1.2 or later, with this certificate; or `off`.",
              .example = "{certificate: tls.crt, key: tls.key}"})
      .field("proxies", &ApiSpec::proxies,
             config::list_or_one(network_value(), "a network, or a list of them"),
             {.default_note = "none",
              .description = "Addresses or networks of proxies before it. Of a request that comes "
                             "from one, `X-Forwarded-For` says whose it is, for the audit log and "
                             "for who is locked out; from anybody else that header says nothing.",
              .example = "[10.1.0.0/16, \"::1\"]"});
  spec.check([](const ApiSpec& api, const YamlNode& node, ReadContext& context) {
    const YamlNode* listen = node.find("listen");
    const YamlPosition at = listen == nullptr ? node.at : listen->at;
    const auto address = ListenAddress::parse(api.listen.value);
    const Status good = address.ok() ? check_listen(*address, api.tls) : Status(address.error());
    if (!good.ok()) context.fault(at, good.error().message, good.error().hint);
  });
  return config::object(std::move(spec));
}

}  // namespace tidemark

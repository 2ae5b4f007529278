#include "spec/api_yaml.h"

#include <utility>

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
              .example = "{certificate: tls.crt, key: tls.key}"});
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

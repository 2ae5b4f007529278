#include "spec/price_spec.h"

#include <algorithm>
#include <utility>

#include "spec/config_spec.h"

namespace tidemark {

namespace {

ValueSpec<Price> price_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "a price such as 0.04"};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, Price& out) {
            if (node.kind != YamlKind::scalar) return config::wrong_value(node, context, name, doc);
            const auto parsed = Price::parse(node.text);
            if (!parsed.ok())
              return config::wrong_value(node, context, name, doc, parsed.error().hint);
            out = *parsed;
            return true;
          }};
}

ValueSpec<std::string> currency_value() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "the three letters of a currency, such as EUR"};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            const bool good = node.kind == YamlKind::scalar && node.text.size() == 3 &&
                              std::all_of(node.text.begin(), node.text.end(), [](char letter) {
                                return letter >= 'A' && letter <= 'Z';
                              });
            if (!good) return config::wrong_value(node, context, name, doc);
            out = node.text;
            return true;
          }};
}

}  // namespace

ValueSpec<PriceSpec> prices_value() {
  ConfigSpec<PriceSpec> spec("prices",
                             "What runs use has these prices; `tidemark show` and `tidemark "
                             "report` say what they cost. A GB is 1,000,000,000 bytes. See "
                             "[Promises and cost](../slo.md#cost).",
                             "{currency: EUR, cpu_hour: 0.04, gb_read: 0.01, gb_staged: 0.002}");
  spec.field("currency", &PriceSpec::currency, currency_value(),
             {.required = true, .description = "Of all prices, for people.", .example = "EUR"})
      .field("cpu_hour", &PriceSpec::cpu_hour, price_value(),
             {.default_text = "0", .description = "An hour of processor time.", .example = "0.04"})
      .field("gb_read", &PriceSpec::gb_read, price_value(),
             {.default_text = "0", .description = "A GB read from sources.", .example = "0.01"})
      .field("gb_staged", &PriceSpec::gb_staged, price_value(),
             {.default_text = "0", .description = "A GB of stages.", .example = "0.002"})
      .field("gb_written", &PriceSpec::gb_written, price_value(),
             {.default_text = "0",
              .description = "A GB sent to targets' servers.",
              .example = "0.01"});
  return config::object(std::move(spec));
}

}  // namespace tidemark

// The `rules` and the `quarantine` of a job.
#include <utility>

#include "spec/config_spec.h"
#include "spec/job_parts.h"

namespace tidemark {

ValueSpec<std::vector<RuleSpec>> rules_value() {
  ConfigSpec<RuleSpec> spec(
      "rules", "A condition every row must fulfil, by a name that quarantine and history show.",
      "check: price >= 0\nnulls: pass\ncolumn: price\nmessage: a price below zero\n");
  spec.field("check", &RuleSpec::check, config::sql(SqlRole::expression),
             {.required = true, .description = "The condition.", .example = "price >= 0"})
      .field("nulls", &RuleSpec::nulls,
             config::choice<RuleNulls>({{"fail", RuleNulls::fail}, {"pass", RuleNulls::pass}}),
             {.default_text = "fail",
              .description =
                  "Whether a condition that is NULL refuses the row (`fail`) or lets it pass.",
              .example = "pass"})
      .field("column", &RuleSpec::column, config::text("the name of a column"),
             {.default_note = "none",
              .description = "The column quarantine names as the cause.",
              .example = "price"})
      .field("message", &RuleSpec::message, config::any_text(),
             {.default_note = "the rule's name and condition",
              .description = "What quarantine says to a person.",
              .example = "a price below zero"});
  using Items = std::vector<config::MapItem<RuleSpec>>;
  return config::converted<std::vector<RuleSpec>, Items>(
      config::map_of(config::object_or_short(std::move(spec), config::sql(SqlRole::expression),
                                             &RuleSpec::check),
                     "a mapping of names to conditions"),
      [](Items&& items, const YamlNode&, ReadContext&, std::vector<RuleSpec>& out) {
        for (auto& item : items) {
          item.value.name = std::move(item.key);
          out.push_back(std::move(item.value));
        }
        return true;
      });
}

ValueSpec<QuarantineSpec> quarantine_value() {
  ConfigSpec<QuarantineSpec> spec(
      "quarantine", "How many refused rows are too many. Refused rows are always kept.",
      "{alert_above: 0.1%, stop_above: 5%}");
  spec.field("alert_above", &QuarantineSpec::alert_above, config::percent(),
             {.default_note = "no alert",
              .description = "The share of refused rows past which the run's history says ALERT.",
              .example = "0.1%"})
      .field("stop_above", &QuarantineSpec::stop_above, config::percent(),
             {.default_note = "never",
              .description = "The share of refused rows past which nothing is loaded and the run "
                             "waits for a person "
                             "(exit 3), counted from 1,000 rows.",
              .example = "5%"})
      .check([](const QuarantineSpec& quarantine, const YamlNode& node, ReadContext& context) {
        if (!quarantine.alert_above || !quarantine.stop_above) return;
        if (*quarantine.alert_above <= *quarantine.stop_above) return;
        context.fault(node.find("alert_above")->at,
                      "`alert_above` is more than `stop_above`, so it would never alert",
                      "make alert_above the smaller one");
      });
  return config::object(std::move(spec));
}

}  // namespace tidemark

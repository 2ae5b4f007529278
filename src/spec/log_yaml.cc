#include "spec/log_yaml.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "spec/config_spec.h"

namespace tidemark {
namespace {

ValueSpec<LogLevel> level_value() {
  std::vector<std::pair<std::string, LogLevel>> words;
  for (const auto& [name, level] : log_levels)
    words.emplace_back(name, level);
  return config::choice<LogLevel>(std::move(words));
}

using Levels = std::map<LogComponent, LogLevel>;

ValueSpec<Levels> levels_value() {
  return config::converted<Levels, std::vector<config::MapItem<LogLevel>>>(
      config::map_of(level_value(), "a mapping of components to levels"),
      [](auto&& items, const YamlNode&, ReadContext& context, Levels& levels) {
        bool good = true;
        for (const auto& item : items) {
          const auto component = log_component_named(item.key.value);
          if (component) {
            levels[*component] = item.value;
            continue;
          }
          const std::vector<std::string> known = log_component_names();
          context.fault(item.key.at,
                        "nothing in the log is of `" + item.key.value + "`" +
                            did_you_mean(item.key.value, known),
                        "write one of " + list_words(known));
          good = false;
        }
        return good;
      });
}

}  // namespace

ValueSpec<LogSpec> log_value() {
  ConfigSpec<LogSpec> spec("log",
                           "What `tidemark serve` and `tidemark run` tell of their work on stderr, "
                           "and how: see [Logs](../operations.md#logs). A service takes another "
                           "level up at once.",
                           "{level: info, levels: {schedule: debug, postgres: trace}}");
  spec.field("level", &LogSpec::level, level_value(),
             {.default_text = "info",
              .description = "The least level that is told: `warn` is something that went wrong "
                             "and is tried again, `error` what a person has to see, `debug` each "
                             "step and request, `trace` each statement, without its values.",
              .example = "debug"})
      .field("levels", &LogSpec::levels, levels_value(),
             {.default_note = "`level`",
              .description =
                  "Other levels of some components: " + list_words(log_component_names()) + ".",
              .example = "{schedule: debug, postgres: trace}"})
      .field("format", &LogSpec::format,
             config::choice<LogFormat>({{"text", LogFormat::text}, {"json", LogFormat::json}}),
             {.default_text = "text",
              .description = "A line for people, or a JSON object a line.",
              .example = "json"});
  return config::object(std::move(spec));
}

}  // namespace tidemark

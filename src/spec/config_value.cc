#include "spec/config_value.h"

#include <algorithm>
#include <charconv>

#include "base/units.h"
#include "model/type.h"
#include "spec/config_spec.h"

namespace tidemark::config {

namespace {

std::string kind_found(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::null:
      return "empty";
    case YamlKind::sequence:
      return node.items.empty() ? "an empty list" : "a list";
    case YamlKind::map:
      return node.entries.empty() ? "an empty mapping" : "a mapping";
    case YamlKind::scalar:
      break;
  }
  std::string shown = node.text.substr(0, 40);
  if (shown.size() < node.text.size()) shown += "...";
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  return "`" + shown + "`";
}

// A scalar whose text one of base/units.h reads.
template <class V>
ValueSpec<V> measured(ValueDoc doc, Result<V> (*parse)(std::string_view)) {
  ValueDoc described = doc;
  return {std::move(described),
          [doc = std::move(doc), parse](const YamlNode& node, ReadContext& context, ValueName name,
                                        V& out) {
            if (node.kind != YamlKind::scalar) return wrong_value(node, context, name, doc);
            Result<V> parsed = parse(node.text);
            if (!parsed.ok()) return wrong_value(node, context, name, doc, parsed.error().hint);
            out = std::move(parsed).value();
            return true;
          }};
}

}  // namespace

bool wrong_value(const YamlNode& node, ReadContext& context, ValueName name, const ValueDoc& doc,
                 const std::string& hint) {
  std::string message = name + " must be " + doc.phrase + ", not " + kind_found(node);
  std::string said = hint;
  if (node.kind == YamlKind::null) said = "write a value; the text null needs quotes";
  context.fault(node.at, std::move(message), std::move(said));
  return false;
}

ValueSpec<std::string> text(std::string phrase) {
  ValueDoc doc{.shape = ValueShape::text, .phrase = std::move(phrase)};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            if (node.kind != YamlKind::scalar || node.text.empty())
              return wrong_value(node, context, name, doc);
            std::optional<std::string> resolved = context.resolve(node);
            if (!resolved) return false;
            out = *std::move(resolved);
            return true;
          }};
}

ValueSpec<WrittenText> written_text(std::string phrase) {
  return converted<WrittenText, std::string>(
      text(std::move(phrase)),
      [](std::string&& value, const YamlNode& node, ReadContext&, WrittenText& out) {
        out = {std::move(value), node.text, place(node.at)};
        return true;
      });
}

ValueSpec<std::string> any_text(std::string phrase) {
  ValueDoc doc{.shape = ValueShape::text, .phrase = std::move(phrase)};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, std::string& out) {
            if (node.kind != YamlKind::scalar) return wrong_value(node, context, name, doc);
            out = node.text;
            return true;
          }};
}

ValueSpec<std::optional<std::string>> text_or_null() {
  ValueDoc doc{.shape = ValueShape::text, .phrase = "a text, a number or null", .nullable = true};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name,
                     std::optional<std::string>& out) {
            if (node.kind == YamlKind::null) {
              out.reset();
              return true;
            }
            if (node.kind != YamlKind::scalar) return wrong_value(node, context, name, doc);
            out = node.text;
            return true;
          }};
}

ValueSpec<Secret> secret() {
  ValueDoc doc{
      .shape = ValueShape::text, .phrase = "a reference such as ${env:NAME}", .secret = true};
  return {
      doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, Secret& out) {
        if (node.kind != YamlKind::scalar || node.text.empty())
          return wrong_value(node, context, name, doc);
        if (!References::found_in(node.text)) {
          // The value is not repeated: this message goes to logs.
          context.fault(
              node.at, name + " is a secret and must not be written in the file",
              "write ${env:NAME} and set that variable, ${file:PATH}, or ${secret:NAME}; change "
              "the secret if this file was ever shared");
          return false;
        }
        std::optional<Secret> resolved = context.resolve_secret(node);
        if (!resolved) return false;
        out = *std::move(resolved);
        return true;
      }};
}

ValueSpec<bool> boolean() {
  ValueDoc doc{.shape = ValueShape::boolean, .phrase = "true or false"};
  return {doc, [doc](const YamlNode& node, ReadContext& context, ValueName name, bool& out) {
            const bool plain = node.kind == YamlKind::scalar && !node.quoted;
            if (plain && (node.text == "true" || node.text == "True" || node.text == "TRUE")) {
              out = true;
              return true;
            }
            if (plain && (node.text == "false" || node.text == "False" || node.text == "FALSE")) {
              out = false;
              return true;
            }
            return wrong_value(node, context, name, doc);
          }};
}

ValueSpec<std::int64_t> integer(std::int64_t min, std::int64_t max) {
  ValueDoc doc{
      .shape = ValueShape::integer,
      .phrase = "a whole number from " + std::to_string(min) + " to " + std::to_string(max),
      .min = min,
      .max = max};
  return {doc,
          [doc](const YamlNode& node, ReadContext& context, ValueName name, std::int64_t& out) {
            if (node.kind != YamlKind::scalar || node.quoted)
              return wrong_value(node, context, name, doc);
            const char* end = node.text.data() + node.text.size();
            const auto [rest, problem] = std::from_chars(node.text.data(), end, out);
            const bool good =
                problem == std::errc{} && rest == end && out >= *doc.min && out <= *doc.max;
            return good || wrong_value(node, context, name, doc);
          }};
}

ValueSpec<std::int64_t> size() {
  return measured<std::int64_t>({.shape = ValueShape::size, .phrase = "a size such as 100MB"},
                                parse_bytes);
}

ValueSpec<std::chrono::milliseconds> duration() {
  return measured<std::chrono::milliseconds>(
      {.shape = ValueShape::duration, .phrase = "a duration such as 5m or 1h"}, parse_duration);
}

ValueSpec<double> percent() {
  return measured<double>({.shape = ValueShape::percent, .phrase = "a percentage such as 0.1%"},
                          parse_percent);
}

ValueSpec<Located<std::string>> type_name() {
  return converted<Located<std::string>, Located<std::string>>(
      name("the name of a type"), [](Located<std::string>&& type, const YamlNode& node,
                                     ReadContext& context, Located<std::string>& out) {
        // An empty one was complained about already.
        if (!type.value.empty()) {
          if (Result<Type> parsed = parse_type(type.value); !parsed.ok()) {
            context.fault(node.at, parsed.error().message, parsed.error().hint);
            return false;
          }
        }
        out = std::move(type);
        return true;
      });
}

ValueSpec<SqlText> sql(SqlRole role) {
  ValueDoc doc{.shape = ValueShape::text};
  switch (role) {
    case SqlRole::query:
    case SqlRole::source_query:
      doc.phrase = "a SQL query, or the name of a file that holds one";
      break;
    case SqlRole::expression:
      doc.phrase = "a SQL expression";
      break;
    case SqlRole::order:
      doc.phrase = "an order such as `updated_at desc`";
      break;
  }
  return {doc,
          [doc, role](const YamlNode& node, ReadContext& context, ValueName name, SqlText& out) {
            if (node.kind != YamlKind::scalar || node.text.empty())
              return wrong_value(node, context, name, doc);
            std::optional<SqlText> sql =
                context.sql_text(node, role == SqlRole::query || role == SqlRole::source_query);
            if (!sql) return false;
            const std::size_t faults_before = context.fault_count();
            switch (role) {
              case SqlRole::query:
                context.check_query(*sql);
                break;
              case SqlRole::source_query:
                break;
              case SqlRole::expression:
                context.check_expression(*sql);
                break;
              case SqlRole::order:
                context.check_query(*sql, "select * from rows order by ");
                break;
            }
            out = *std::move(sql);
            return context.fault_count() == faults_before;
          }};
}

bool read_choice(const YamlNode& node, ReadContext& context, ValueName name, const ValueDoc& doc,
                 std::size_t& index) {
  if (node.kind != YamlKind::scalar) return wrong_value(node, context, name, doc);
  const auto found = std::find(doc.choices.begin(), doc.choices.end(), node.text);
  if (found != doc.choices.end()) {
    index = static_cast<std::size_t>(found - doc.choices.begin());
    return true;
  }
  context.fault(node.at, name + " must be " + doc.phrase + ", not " + kind_found(node) +
                             did_you_mean(node.text, doc.choices));
  return false;
}

}  // namespace tidemark::config

#include "spec/reference.h"

#include <memory>
#include <utility>

#include "spec/job_yaml.h"
#include "spec/project_yaml.h"

namespace tidemark {

namespace {

constexpr const char* origin =
    "<!-- Made by `make docs` from the field lists in the code; change it there. -->\n\n";

// A `|` would end the cell of a table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string code(const std::string& text) {
  return "`" + text + "`";
}

std::string default_cell(const FieldDoc& field) {
  if (field.required) return "**required**";
  if (!field.default_text.empty()) return code(field.default_text);
  return field.default_note.empty() ? "none" : field.default_note;
}

std::string yaml_block(const std::string& yaml) {
  if (yaml.empty()) return {};
  return "```yaml\n" + yaml + (yaml.ends_with('\n') ? "" : "\n") + "```\n\n";
}

std::string field_table(const ObjectDoc& object) {
  std::string text = "| key | value | default | what it does |\n|---|---|---|---|\n";
  for (const FieldDoc& field : object.fields) {
    std::string what = field.description;
    if (!field.deprecated.empty()) what = "No longer used: " + field.deprecated + "." + what;
    if (!field.example.empty())
      what += " Example: " + code(field.name + ": " + field.example) + ".";
    text += "| " + code(field.name) + " | " + cell(field.value.phrase) + " | " +
            cell(default_cell(field)) + " | " + cell(what) + " |\n";
  }
  return text + "\n";
}

// The mappings inside a value that deserve a section: connectors and steps have pages of their own.
void collect_objects(const ValueDoc& value, std::vector<const ObjectDoc*>& found) {
  if (value.shape == ValueShape::object) found.push_back(value.object.get());
  for (const ValueDoc& part : value.parts)
    collect_objects(part, found);
}

std::string sections(const FieldDoc& field, const std::string& level) {
  std::string text;
  std::vector<const ObjectDoc*> inside;
  collect_objects(field.value, inside);
  for (const ObjectDoc* part : inside) {
    text += level + " " + code(field.name) + "\n\n" + part->description + "\n\n" +
            yaml_block(part->example) + field_table(*part);
    for (const FieldDoc& inner : part->fields)
      text += sections(inner, level + "#");
  }
  return text;
}

std::string sections(const ObjectDoc& object, const std::string& level) {
  std::string text;
  for (const FieldDoc& field : object.fields)
    text += sections(field, level);
  return text;
}

const FieldDoc& field_named(const ObjectDoc& object, std::string_view name) {
  for (const FieldDoc& field : object.fields) {
    if (field.name == name) return field;
  }
  TM_ASSERT(false);
  return object.fields.front();
}

std::string project_page(const ConnectorCatalog& catalog) {
  const std::shared_ptr<const ObjectDoc> described = project_doc(catalog);
  const ObjectDoc& project = *described;
  std::string text = std::string("# tidemark.yaml\n\n") + origin + project.description + "\n\n" +
                     yaml_block(project.example) + field_table(project) +
                     sections(field_named(project, "stage"), "##");
  text += "## `connections`\n\nThe connectors:\n\n";
  for (const ConnectorSpec& connector : catalog.list()) {
    text += "- [" + code(connector.name()) + "](connectors/" + connector.name() +
            ".md): " + connector.doc()->description + "\n";
  }
  text +=
      "\nIn this file `${env:NAME}` stands for an environment variable and `${file:PATH}` for the "
      "content of a file "
      "(relative to the project); `$${` stands for the text `${`. A secret must be written as such "
      "a reference, or as `${secret:NAME}`, which the store keeps: see "
      "[Secrets](../secrets.md).\n";
  return text;
}

std::string job_page() {
  const ObjectDoc& job = *job_doc();
  return std::string("# jobs/NAME.yaml\n\n") + origin + job.description + "\n\n" +
         yaml_block(job.example) + field_table(job) +
         "The steps of `transform` are on [a page of their own](transform.md).\n\n" +
         sections(job, "##");
}

std::string transform_page() {
  const ObjectDoc& steps = *field_named(*job_doc(), "transform").value.parts.front().object;
  std::string text = std::string("# The steps of `transform`\n\n") + origin + steps.description +
                     " Each item of the list is a mapping with one key, the step.\n\n";
  for (const FieldDoc& step : steps.fields) {
    text += "## " + code(step.name) + "\n\n" + step.description + "\n\nTakes " + step.value.phrase +
            ".\n\n" + yaml_block("- " + step.name + ": " + step.example);
    std::vector<const ObjectDoc*> inside;
    collect_objects(step.value, inside);
    for (const ObjectDoc* part : inside)
      text += field_table(*part);
  }
  return text;
}

std::string connector_page(const ConnectorSpec& connector) {
  const ObjectDoc& doc = *connector.doc();
  std::string text = "# " + code(doc.name) + "\n\n" + origin + doc.description + "\n\n" +
                     yaml_block(doc.example) + field_table(doc) + sections(doc, "##") +
                     "## In jobs\n\n";
  if (connector.is_source()) {
    text += "As a source (`from`) it takes ";
    const std::vector<std::string>& keys = connector.traits().source_keys;
    for (std::size_t i = 0; i < keys.size(); ++i)
      text += (i > 0 ? ", " : "") + code(keys[i]);
    text += ".\n";
  } else {
    text += "It cannot be a source (`from`).\n";
  }
  text += connector.traits().is_target ? "It can be a target (`to`).\n"
                                       : "It cannot be a target (`to`).\n";
  if (connector.traits().type_tables != nullptr)
    text += "\nWhich of its types becomes which: [type mappings](../types.md).\n";
  return text;
}

std::string table_line(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& text : cells)
    line += " " + cell(text) + " |";
  return line + "\n";
}

std::string type_page(const ConnectorCatalog& catalog) {
  std::string text = std::string("# Type mappings\n\n") +
                     "<!-- Made by `make docs` from the type rules in the code. -->\n\n"
                     "A value goes from the source's type to a type of the engine (DuckDB's "
                     "names), and from there to the target's. Every value arrives as it is, or "
                     "its row is refused; nothing is rounded, cut or moved to another zone. "
                     "`tidemark plan JOB` shows the types of one job.\n\n";
  for (const ConnectorSpec& connector : catalog.list()) {
    if (connector.traits().type_tables == nullptr) continue;
    for (const TypeTable& table : connector.traits().type_tables()) {
      text += "## " + table.title + "\n\n" + table.text + "\n\n" + table_line(table.header) +
              table_line(std::vector<std::string>(table.header.size(), "---"));
      for (const std::vector<std::string>& row : table.rows) {
        TM_ASSERT(row.size() == table.header.size());
        text += table_line(row);
      }
      text += "\n";
    }
  }
  text.pop_back();
  return text;
}

}  // namespace

std::vector<ReferencePage> reference_pages(const ConnectorCatalog& catalog) {
  std::vector<ReferencePage> pages{{"project.md", project_page(catalog)},
                                   {"job.md", job_page()},
                                   {"transform.md", transform_page()}};
  for (const ConnectorSpec& connector : catalog.list()) {
    pages.push_back({"connectors/" + connector.name() + ".md", connector_page(connector)});
  }
  pages.push_back({"types.md", type_page(catalog)});
  return pages;
}

}  // namespace tidemark

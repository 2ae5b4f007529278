#include "connectors/files/files_connector.h"

#include <utility>

#include "base/units.h"
#include "connectors/files/change_sign.h"
#include "connectors/files/file_list.h"
#include "connectors/files/files_source.h"
#include "connectors/files/type_tables.h"

namespace tidemark {

namespace {

Error wrong_input(const ConnectionSpec& connection) {
  return user_error(
      "source.no_files_named",
      "`from` reads connection " + connection.name.value + ", a folder, but names no files",
      "write `files: <pattern>`");
}

}  // namespace

Result<std::vector<StreamSpec>> FilesConnector::streams(const ConnectionSpec& connection,
                                                        const SourceSpec& source,
                                                        const ConnectorContext&, Cancel&) const {
  const auto* input = std::get_if<FilesInput>(&source.input);
  if (input == nullptr || input->patterns.empty()) return wrong_input(connection);
  // One stream whatever the pattern: a corrected pattern must not load the old files again.
  return std::vector<StreamSpec>{StreamSpec{StreamName("files"), source}};
}

Result<std::unique_ptr<Source>> FilesConnector::open_source(const ConnectionSpec& connection,
                                                            const StreamSpec& stream,
                                                            LoadStrategy strategy,
                                                            const ConnectorContext& context,
                                                            Cancel&) const {
  const auto* input = std::get_if<FilesInput>(&stream.source.input);
  const auto* config = connection.config.get<FilesConfig>();
  if (input == nullptr || input->patterns.empty() || config == nullptr)
    return wrong_input(connection);
  FilesOptions options;
  options.folder = context.project.root / config->folder;
  for (const Name& pattern : input->patterns)
    options.patterns.push_back(pattern.value);
  options.format = input->format;
  options.header = input->header;
  options.delimiter = input->delimiter;
  options.nulls = input->nulls;
  options.reads_everything = strategy == LoadStrategy::full;
  for (const DeclaredColumn& column : stream.source.columns) {
    TM_TRY(Type type, parse_type(column.type.value));
    options.columns.emplace_back(column.name.value, std::move(type));
  }
  return std::unique_ptr<Source>(std::make_unique<FilesSource>(std::move(options), context.engine));
}

Result<std::string> FilesConnector::change_sign(const ConnectionSpec& connection,
                                                const std::string& what, const std::string&,
                                                const ConnectorContext& context,
                                                Cancel& cancel) const {
  const auto* config = connection.config.get<FilesConfig>();
  if (config == nullptr) return wrong_input(connection);
  return sign_of_files(context.project.root / config->folder, what, cancel);
}

Result<ConnectionState> FilesConnector::state(const ConnectionSpec& connection,
                                              const ConnectorContext& context,
                                              Cancel& cancel) const {
  const auto* config = connection.config.get<FilesConfig>();
  if (config == nullptr) return wrong_input(connection);
  const std::filesystem::path folder = context.project.root / config->folder;
  TM_TRY(const std::vector<FileEntry> files, list_files(folder, {"*"}, cancel));
  const auto count = static_cast<std::int64_t>(files.size());
  return ConnectionState{
      {{"folder", folder.string() + ", " + show_count(count) + (count == 1 ? " file" : " files")}},
      {}};
}

ConnectorSpec files_connector_spec() {
  ConfigSpec<FilesConfig> spec("files", "A folder of CSV, JSON lines or Parquet files.",
                               "{files: data}");
  spec.field("files", &FilesConfig::folder, config::text("a path"),
             {.required = true, .description = "The folder, relative to the project's."});
  return ConnectorSpec::of(std::move(spec), {.source_keys = {"files", "format", "header",
                                                             "delimiter", "nulls", "columns"},
                                             .is_target = false,
                                             .watched = "file",
                                             .type_tables = &files_type_tables});
}

}  // namespace tidemark

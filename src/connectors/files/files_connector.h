// FilesConnector: CSV, JSON lines and Parquet files below one folder (`files: <folder>`).
//
// Immutable, shared by all threads. A source only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connect/connector.h"
#include "spec/connector_catalog.h"

namespace tidemark {

// The settings of a `files:` connection.
struct FilesConfig {
  std::string folder;  // relative to the project's folder, or absolute
};

class FilesConnector final : public Connector {
 public:
  std::string_view name() const override { return "files"; }
  bool is_source() const override { return true; }
  bool is_sink() const override { return false; }
  Result<std::vector<StreamSpec>> streams(const ConnectionSpec& connection,
                                          const SourceSpec& source, const ConnectorContext& context,
                                          Cancel& cancel) const override;
  Result<std::unique_ptr<Source>> open_source(const ConnectionSpec& connection,
                                              const StreamSpec& stream, LoadStrategy strategy,
                                              const ConnectorContext& context,
                                              Cancel& cancel) const override;
  Result<std::string> change_sign(const ConnectionSpec& connection, const std::string& what,
                                  const std::string& before, const ConnectorContext& context,
                                  Cancel& cancel) const override;
  Result<ConnectionState> state(const ConnectionSpec& connection, const ConnectorContext& context,
                                Cancel& cancel) const override;
};

// What tidemark.yaml may say of a `files:` connection.
ConnectorSpec files_connector_spec();

}  // namespace tidemark

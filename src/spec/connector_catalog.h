// ConnectorCatalog: the connectors a project may name, as far as reading its files needs them.
//
// `app/` fills one from the registered connectors before any project is read; read-only after, so
// it may be used from any thread. The connectors' own types stay theirs: a ConnectionConfig carries
// them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/config_spec.h"
#include "spec/project_spec.h"
#include "spec/type_table.h"

namespace tidemark {

struct ConnectorTraits {
  // The keys of a job's `from` that make sense with this connector (`table`, `watermark`, ...);
  // empty: it cannot be a source. `connection` and `min_guarantee` always do.
  std::vector<std::string> source_keys;
  // `from.query` is in the system's own SQL, so only the system can say whether it is right.
  bool own_sql = false;
  bool is_target = false;
  // A target whose full load can keep the table, so that `replace` has a choice.
  bool replaces_rows = false;
  // The keys of `guard` that its connections may have; empty: no guard.
  std::vector<std::string> guard_keys = {};
  // What `when` may watch in its connections: `file`, `table`; empty: nothing.
  std::string watched = {};
  // Its part of the page of type mappings; a function, because only that page wants them.
  std::vector<TypeTable> (*type_tables)() = nullptr;
};

class ConnectorSpec {
 public:
  // The spec's name is the connector's, and also the name of the field that holds the main
  // argument: `postgres: host=db.example`. Further rules of a connection are checks of the spec.
  template <class Config>
  static ConnectorSpec of(ConfigSpec<Config> spec, ConnectorTraits traits) {
    ConnectorSpec connector(spec.doc(), std::move(traits));
    connector.read_ = [spec = std::move(spec)](const YamlNode& node, ReadContext& context,
                                               ConnectionConfig& out,
                                               const std::vector<std::string>& other_keys) {
      Config config;
      if (!spec.read(node, context, config, other_keys)) return false;
      out = ConnectionConfig::of(std::move(config));
      return true;
    };
    return connector;
  }

  const std::string& name() const { return doc_->name; }
  const ConnectorTraits& traits() const { return traits_; }
  bool is_source() const { return !traits_.source_keys.empty(); }
  // With `guard` where the connector has it.
  const std::shared_ptr<const ObjectDoc>& doc() const { return doc_; }
  // Reads the mapping of one connection, `guard` apart.
  bool read(const YamlNode& node, ReadContext& context, ConnectionConfig& out) const;

 private:
  using Reader = std::function<bool(const YamlNode&, ReadContext&, ConnectionConfig&,
                                    const std::vector<std::string>&)>;

  ConnectorSpec(const std::shared_ptr<ObjectDoc>& doc, ConnectorTraits traits);

  std::shared_ptr<const ObjectDoc> doc_;
  ConnectorTraits traits_;
  Reader read_;
};

class ConnectorCatalog {
 public:
  // Two connectors of one name are our bug.
  void add(ConnectorSpec connector);
  const ConnectorSpec* find(std::string_view name) const;
  // In the order they were added.
  const std::vector<ConnectorSpec>& list() const { return list_; }
  std::vector<std::string> names() const;
  std::vector<std::string> source_names() const;
  std::vector<std::string> target_names() const;

 private:
  std::vector<ConnectorSpec> list_;
};

}  // namespace tidemark

#include "spec/connector_catalog.h"

#include <algorithm>

#include "spec/guard_yaml.h"
#include "spec/job_yaml.h"

namespace tidemark {

ConnectorSpec::ConnectorSpec(const std::shared_ptr<ObjectDoc>& doc, ConnectorTraits traits)
    : traits_(std::move(traits)) {
  auto described = std::make_shared<ObjectDoc>(*doc);
  if (!traits_.guard_keys.empty()) described->fields.push_back(guard_field(traits_.guard_keys));
  doc_ = std::move(described);
}

bool ConnectorSpec::read(const YamlNode& node, ReadContext& context, ConnectionConfig& out) const {
  return read_(
      node, context, out,
      traits_.guard_keys.empty() ? std::vector<std::string>{} : std::vector<std::string>{"guard"});
}

void ConnectorCatalog::add(ConnectorSpec connector) {
  TM_ASSERT(find(connector.name()) == nullptr);
  for (const std::string& key : connector.traits().source_keys)
    TM_ASSERT(is_source_key(key));
  list_.push_back(std::move(connector));
}

const ConnectorSpec* ConnectorCatalog::find(std::string_view name) const {
  for (const ConnectorSpec& connector : list_) {
    if (connector.name() == name) return &connector;
  }
  return nullptr;
}

std::vector<std::string> ConnectorCatalog::names() const {
  std::vector<std::string> names;
  for (const ConnectorSpec& connector : list_)
    names.push_back(connector.name());
  return names;
}

std::vector<std::string> ConnectorCatalog::source_names() const {
  std::vector<std::string> names;
  for (const ConnectorSpec& connector : list_) {
    if (connector.is_source()) names.push_back(connector.name());
  }
  return names;
}

std::vector<std::string> ConnectorCatalog::target_names() const {
  std::vector<std::string> names;
  for (const ConnectorSpec& connector : list_) {
    if (connector.traits().is_target) names.push_back(connector.name());
  }
  return names;
}

}  // namespace tidemark

#include "run/project_secrets.h"

#include <filesystem>
#include <utility>

#include "base/assert.h"
#include "run/project_store.h"

namespace tidemark {

Result<std::unique_ptr<StoredSecrets>> open_secrets(const ProjectSpec& project, Files& files,
                                                    const Clock& clock) {
  TM_TRY(auto database, open_store_database(project.store, project.root, files, clock));
  return StoredSecrets::open(std::move(database),
                             {project.root / project.secrets.key_file, project.secrets.key_env},
                             files);
}

void ProjectSecrets::take(const ProjectSpec& project) {
  ProjectSpec known;
  known.root = project.root;
  known.store = project.store;
  known.secrets = project.secrets;
  const std::lock_guard guard(mutex_);
  project_ = std::move(known);
}

Result<Secret> ProjectSecrets::get(SecretPlace place, const std::string& name) {
  if (place == SecretPlace::vault) {
    TM_TRY(const Vault* vault, this->vault());
    return vault->get(name);
  }
  TM_TRY(StoredSecrets * stored, this->stored());
  return stored == nullptr ? StoredSecrets::unknown(name) : stored->get(name);
}

Result<StoredSecrets*> ProjectSecrets::stored() {
  const std::lock_guard guard(mutex_);
  TM_ASSERT(project_.has_value());
  if (stored_ == nullptr) {
    // Who only asks makes no store.
    TM_TRY(const bool is_there, has_project_store(project_->store, project_->root));
    if (!is_there) return static_cast<StoredSecrets*>(nullptr);
    TM_TRY(stored_, open_secrets(*project_, files_, clock_));
  }
  return stored_.get();
}

Result<const Vault*> ProjectSecrets::vault() {
  const std::lock_guard guard(mutex_);
  TM_ASSERT(project_.has_value() && project_->secrets.vault.has_value());
  if (vault_ == nullptr) {
    VaultSpec spec = *project_->secrets.vault;
    if (!spec.ca.empty()) spec.ca = (project_->root / spec.ca).string();
    TM_TRY(vault_, Vault::make(std::move(spec), clock_));
  }
  return static_cast<const Vault*>(vault_.get());
}

}  // namespace tidemark

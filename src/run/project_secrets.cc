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

// Both are opened without the mutex: the password of the store, and the token for Vault, may be
// asked for here.
Result<StoredSecrets*> ProjectSecrets::stored() {
  const ProjectSpec project = known();
  {
    const std::lock_guard guard(mutex_);
    if (stored_ != nullptr) return stored_.get();
  }
  // Who only asks makes no store.
  TM_TRY(const bool is_there, has_project_store(project.store, project.root));
  if (!is_there) return static_cast<StoredSecrets*>(nullptr);
  TM_TRY(auto opened, open_secrets(project, files_, clock_));
  const std::lock_guard guard(mutex_);
  if (stored_ == nullptr) stored_ = std::move(opened);
  return stored_.get();
}

Result<const Vault*> ProjectSecrets::vault() {
  const ProjectSpec project = known();
  TM_ASSERT(project.secrets.vault.has_value());
  const std::lock_guard guard(mutex_);
  if (vault_ == nullptr) {
    VaultSpec spec = *project.secrets.vault;
    if (!spec.ca.empty()) spec.ca = (project.root / spec.ca).string();
    TM_TRY(vault_, Vault::make(std::move(spec), clock_));
  }
  return static_cast<const Vault*>(vault_.get());
}

ProjectSpec ProjectSecrets::known() {
  const std::lock_guard guard(mutex_);
  TM_ASSERT(project_.has_value());
  return *project_;
}

}  // namespace tidemark

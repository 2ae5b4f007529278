// ProjectSecrets: the secrets of a project that its store or Vault keeps, for its connections. The
// store is opened when the first is asked for, with sessions of its own: a run may ask while it
// holds others.
//
// Shared by everything that may ask, since a connection's settings are copied. Safe from any
// thread; blocks on the store or on Vault. Files and clock outlive it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "access/stored_secrets.h"
#include "access/vault.h"
#include "base/secret.h"
#include "env/clock.h"
#include "env/files.h"
#include "spec/project_spec.h"
#include "spec/references.h"

namespace tidemark {

// To look after them, as the commands do. Makes the store when it is missing.
Result<std::unique_ptr<StoredSecrets>> open_secrets(const ProjectSpec& project, Files& files,
                                                    const Clock& clock);

class ProjectSecrets {
 public:
  ProjectSecrets(Files& files, const Clock& clock) : files_(files), clock_(clock) {}

  // Where store, key and Vault are. Before the first get().
  void take(const ProjectSpec& project);
  // `secret.unknown`, `secret.no_key`, `secret.wrong_key`, `secret.damaged`, what is the matter
  // with the store, or what Vault::get() says. Nothing is kept.
  Result<Secret> get(SecretPlace place, const std::string& name);

 private:
  ProjectSpec known();
  Result<StoredSecrets*> stored();  // null while there is no store
  Result<const Vault*> vault();

  Files& files_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::optional<ProjectSpec> project_;
  std::unique_ptr<StoredSecrets> stored_;  // once asked for
  std::unique_ptr<Vault> vault_;           // the same
};

}  // namespace tidemark

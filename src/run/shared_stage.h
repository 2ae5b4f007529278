// SharedStage: the one folder in which all servers of a project stage, as this one sees it.
//
// It has a name, in a file that the first server made, and the store knows it. Who sees another
// folder under that path, or an empty one where nothing is mounted, finds another name or none, and
// does nothing.
// Owned by who serves; `check` is safe from any thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "env/files.h"
#include "env/randomness.h"
#include "spec/project_spec.h"
#include "store/store.h"

namespace tidemark {

class SharedStage {
 public:
  // `stage.not_shared` where the folder is not the one that the store knows; where it knows none it
  // is this one from then on. Also writes there, to see that it may.
  static Result<SharedStage> open(const ProjectSpec& project, Store& store, Files& files,
                                  Randomness& randomness);
  // That it is there now. `stage.not_shared`, which may pass. Reads one small file.
  Status check() const;

 private:
  SharedStage(std::filesystem::path root, std::string name, Files& files)
      : root_(std::move(root)), name_(std::move(name)), files_(files) {}

  std::filesystem::path root_;
  std::string name_;
  Files& files_;
};

}  // namespace tidemark

// The keys of a project, which seal the keys of its secrets: in a file of its owner alone, or in an
// environment variable. Each is 64 hexadecimal digits; the first seals, all open.
//
// A KeyRing belongs to one owner and is wiped at its end. KeyRingFile is safe from any thread, and
// from several processes: who writes the file holds a lock beside it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/sodium/sodium.h"
#include "env/files.h"

namespace tidemark {

struct KeyPlace {
  std::filesystem::path file;
  std::string env;  // a variable instead of the file; empty: the file
};

class KeyRing {
 public:
  explicit KeyRing(std::vector<Key> keys) : keys_(std::move(keys)) {}
  // Of a text as it stands in the file or the variable. `secret.bad_key`.
  static Result<KeyRing> parse(std::string_view text, const std::string& where);

  bool empty() const { return keys_.empty(); }
  // REQUIRES: not empty().
  const Key& sealing() const { return keys_.front(); }
  // Null where it is not among them.
  const Key* find(std::string_view id) const;
  // For messages: the ids, with commas between.
  std::string ids() const;
  // A new one seals from now on; the one that did opens still, older ones do not.
  void exchange();
  Secret text() const;

 private:
  std::vector<Key> keys_;
};

class KeyRingFile {
 public:
  // The files outlive it.
  KeyRingFile(KeyPlace place, Files& files) : place_(std::move(place)), files_(files) {}

  // Empty where there is no file, or no such variable. `secret.open_key` where others may read the
  // file.
  Result<KeyRing> read() const;
  // The same, but a file that is missing is made, with one key. `secret.no_key` for a variable.
  Result<KeyRing> read_or_make() const;
  // Alone: no other process does this meanwhile. What `work` returns true for is written before
  // this returns.
  Result<KeyRing> change(const std::function<Result<bool>(KeyRing&)>& work) const;
  bool is_file() const { return place_.env.empty(); }
  // For messages.
  std::string where() const;

 private:
  Status write(const KeyRing& ring) const;

  const KeyPlace place_;
  Files& files_;
};

}  // namespace tidemark

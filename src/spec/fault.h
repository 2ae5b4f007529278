// SpecFault: one mistake in a project file, with its place and what to write instead.
//
// Faults collects those of all files of a project, so that a user sees every one in a single pass.
// Plain values; a collector belongs to one thread.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "spec/location.h"

namespace tidemark {

struct SpecFault {
  std::string file;  // relative to the project folder
  int line = 0;      // 0: the file as a whole
  int column = 0;
  std::string message;
  std::string hint;  // empty when the message already says what to do

  // `jobs/orders.yaml:3:9: unknown key `tabel`; did you mean `table`?`, without the hint.
  std::string headline() const;
  // The headline, and the hint on a line of its own where there is one.
  std::string print() const;
  friend bool operator==(const SpecFault&, const SpecFault&) = default;
};

class Faults {
 public:
  void add(SpecFault fault);
  void add(std::string file, Location at, std::string message, std::string hint = {});

  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }
  const std::vector<SpecFault>& list() const { return list_; }
  // By file, line and column, each fault once: the order a user reads them in.
  void sort();
  // Every fault on its own lines.
  std::string print() const;
  // For a caller that needs one Error (code `spec.faults`): the first fault, and how many there
  // are.
  Error as_error() const;

 private:
  std::vector<SpecFault> list_;
};

}  // namespace tidemark

// The codec of JobSpec: one file of jobs/ to a value, with every fault that can be seen without the
// project.
//
// Pure functions but for the SQL files they read and the SQL they have checked; no thread rule.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spec/config_doc.h"
#include "spec/job_spec.h"
#include "spec/read_context.h"

namespace tidemark {

struct ReadJob {
  JobSpec spec;
  // The keys that were written: a connector has a say in those of its side.
  std::vector<Name> source_keys;
};

// The context's file is the job's; its stem is the job's name. What could be read is in the result
// even when there are faults, so that the checks across files find the rest.
ReadJob read_job(const YamlDocument& document, ReadContext& context);

std::shared_ptr<const ObjectDoc> job_doc();

// Whether `from` has a key of that name.
bool is_source_key(std::string_view key);

}  // namespace tidemark

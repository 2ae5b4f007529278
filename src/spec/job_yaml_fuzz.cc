// Any bytes as a job file give a job or faults that stand in the file; nothing else happens.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "spec/job_checks.h"
#include "spec/job_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const YamlDocument document =
      YamlDocument::parse(std::string(reinterpret_cast<const char*>(data), size));
  Faults faults;
  ReadContext context(
      {.root = "/nowhere", .file = "jobs/fuzz.yaml", .document = document, .faults = faults});
  const ReadJob job = read_job(document, context);
  check_job(job, faults);
  check_jobs({job, job}, faults);
  const ConnectorCatalog catalog;
  check_connections(job, ProjectSpec{}, catalog, faults);
  faults.sort();
  for (const SpecFault& fault : faults.list())
    TM_ASSERT(fault.line >= 1 && !fault.message.empty());
  return 0;
}

// Connector: a system Tidemark can talk to. One object per system, listed in app/registrations.cc;
// it makes the Sources and Sinks of runs. Immutable after construction, shared by all threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"

namespace tidemark::duck {
class Connection;
}

namespace tidemark {

// What a connector may use of the process while it works for one run.
struct ConnectorContext {
  const ProjectSpec& project;
  duck::Connection& engine;  // the run's own connection to the engine
  std::string
      application_name;  // `tidemark <job>/<stream> <run>`, for the system's own session list
  // `plan` and `query` look only: nothing is created or changed, not even an empty file.
  bool read_only = false;
};

// One table or feed of a job, by the name it has in {table} and in the ledger.
struct StreamSpec {
  StreamName name;
  // The job's `from` narrowed to this stream: exactly one table, query or file pattern.
  SourceSpec source;
};

class Connector {
 public:
  virtual ~Connector() = default;
  virtual std::string_view name() const = 0;
  virtual bool is_source() const = 0;
  virtual bool is_sink() const = 0;
  // The streams of a job; most jobs have one. Blocking where tables are found by pattern.
  virtual Result<std::vector<StreamSpec>> streams(const ConnectionSpec& connection,
                                                  const SourceSpec& source,
                                                  const ConnectorContext& context,
                                                  Cancel& cancel) const;
  virtual Result<std::unique_ptr<Source>> open_source(const ConnectionSpec& connection,
                                                      const StreamSpec& stream,
                                                      LoadStrategy strategy,
                                                      const ConnectorContext& context,
                                                      Cancel& cancel) const;
  virtual Result<std::unique_ptr<Sink>> open_sink(const ConnectionSpec& connection,
                                                  const ConnectorContext& context,
                                                  Cancel& cancel) const;
  // Makes the tables of this connection readable by the engine under the connection's name
  // (`warehouse.dim_customer`), for lookups, rules and queries. `tables` are the ones that will be
  // read.
  virtual Status attach(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                        const ConnectorContext& context, Cancel& cancel) const;
};

}  // namespace tidemark

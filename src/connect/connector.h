// Connector: a system Tidemark can talk to. One object per system, listed in app/registrations.cc;
// it makes the Sources and Sinks of runs. Immutable after construction, shared by all threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/guard.h"
#include "connect/sink.h"
#include "connect/source.h"
#include "drivers/duckdb/engine.h"
#include "spec/job_spec.h"
#include "spec/project_spec.h"

namespace tidemark {

// What a connector may use of the process while it works for one run.
struct ConnectorContext {
  const ProjectSpec& project;
  duck::Connection& engine;  // the run's own connection to the engine
  std::string
      application_name;  // `tidemark <job>/<stream> <run>`, for the system's own session list
  // `plan` and `query` look only: nothing is created or changed, not even an empty file.
  bool read_only = false;
  // What protects the systems that are read; null where nothing does.
  Guards* guards = nullptr;
  std::string job = {};  // for whom, as the guards know it
};

// What a source's table lacks to be followed exactly, as statements in the source's own SQL, in
// their order. Empty: nothing.
struct Preparation {
  std::vector<std::string> statements;
};

// How a system stands, for people: facts as pairs of a name and a text, and who of us is there.
struct ConnectionState {
  struct Session {
    std::string id;     // as the system names it
    std::string what;   // `job/stream run`
    std::string state;  // in the system's words; empty where this user may not see it
    std::string since;
  };
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<Session> sessions;  // of Tidemark, from anywhere
};

// One table or feed of a job, by the name it has in {table} and in the ledger.
struct StreamSpec {
  StreamName name;
  // The job's `from` narrowed to this stream: exactly one table, query or file pattern.
  SourceSpec source;
};

// `source.no_change_sign`: it cannot be told whether something has changed.
Error no_change_sign(const std::string& why);

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
  // Makes the tables of this connection known to the engine under the connection's name
  // (`warehouse.dim_customer`), for lookups, rules and queries. `tables` are the ones that will be
  // read; one that is not there is left out. Their rows may be read after refresh().
  virtual Status attach(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                        const ConnectorContext& context, Cancel& cancel) const;
  // Whether they are copies, of which an engine has one set for all who read them.
  virtual bool attaches_copies() const { return false; }
  // Brings the rows of attached tables up to now, before they are read. By default nothing: what
  // the engine reads by itself is never old.
  virtual Status refresh(const ConnectionSpec& connection, const std::vector<std::string>& tables,
                         const ConnectorContext& context, Cancel& cancel) const;
  // What would make `column` of the table carry the transaction of each write; with `apply` it is
  // done. By default `source.nothing_to_prepare`.
  virtual Result<Preparation> prepare(const ConnectionSpec& connection, const std::string& table,
                                      const std::string& column, bool apply,
                                      const ConnectorContext& context, Cancel& cancel) const;
  // How the system stands now. By default nothing is known.
  virtual Result<ConnectionState> state(const ConnectionSpec& connection,
                                        const ConnectorContext& context, Cancel& cancel) const;
  // How what a job watches looks now: words with spaces between. It has changed where a sign has a
  // word that the one before had not; nothing there is an empty sign. A change is in the sign once
  // a run that begins can see it, or later. `before`: the sign that was followed last, or empty.
  // By default, and where there is nothing to tell it by, `source.no_change_sign`. It has a session
  // of the guard for a moment at most.
  virtual Result<std::string> change_sign(const ConnectionSpec& connection, const std::string& what,
                                          const std::string& before,
                                          const ConnectorContext& context, Cancel& cancel) const;
  // The answer of one query of a person, in the connection's own SQL. By default the engine answers
  // it over the attached connection; a system with an SQL of its own answers it there, read-only.
  virtual Result<duck::Answer> answer(const ConnectionSpec& connection, const std::string& sql,
                                      const ConnectorContext& context, Cancel& cancel) const;
};

}  // namespace tidemark

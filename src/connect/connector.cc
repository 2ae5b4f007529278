#include "connect/connector.h"

namespace tidemark {

namespace {
Error cannot(std::string_view connector, const char* what) {
  return user_error("spec.connector_cannot",
                    "a `" + std::string(connector) + "` connection cannot " + what);
}
}  // namespace

Result<std::vector<StreamSpec>> Connector::streams(const ConnectionSpec&, const SourceSpec&,
                                                   const ConnectorContext&, Cancel&) const {
  return cannot(name(), "be a source");
}

Result<std::unique_ptr<Source>> Connector::open_source(const ConnectionSpec&, const StreamSpec&,
                                                       LoadStrategy, const ConnectorContext&,
                                                       Cancel&) const {
  return cannot(name(), "be a source");
}

Result<std::unique_ptr<Sink>> Connector::open_sink(const ConnectionSpec&, const ConnectorContext&,
                                                   Cancel&) const {
  return cannot(name(), "be a target");
}

Status Connector::attach(const ConnectionSpec&, const std::vector<std::string>&,
                         const ConnectorContext&, Cancel&) const {
  return cannot(name(), "be read by transforms and rules");
}

Status Connector::refresh(const ConnectionSpec&, const std::vector<std::string>&,
                          const ConnectorContext&, Cancel&) const {
  return {};
}

Result<Preparation> Connector::prepare(const ConnectionSpec& connection, const std::string&,
                                       const std::string&, bool, const ConnectorContext&,
                                       Cancel&) const {
  return user_error("source.nothing_to_prepare",
                    "`" + connection.name.value + "` is a " + std::string(name()) +
                        " connection, whose tables need no preparation",
                    "`tidemark plan JOB` says what a watermark there promises");
}

Result<ConnectionState> Connector::state(const ConnectionSpec&, const ConnectorContext&,
                                         Cancel&) const {
  return ConnectionState{};
}

Result<std::string> Connector::change_sign(const ConnectionSpec& connection, const std::string&,
                                           const std::string&, const ConnectorContext&,
                                           Cancel&) const {
  return no_change_sign("a `" + std::string(name()) + "` connection does not say whether `" +
                        connection.name.value + "` has changed");
}

Error no_change_sign(const std::string& why) {
  return user_error("source.no_change_sign", why,
                    "the job runs at each `check`, as with `every`; a run without news costs "
                    "little");
}

Result<duck::Answer> Connector::answer(const ConnectionSpec& connection, const std::string& sql,
                                       const ConnectorContext& context, Cancel& cancel) const {
  TM_CHECK(attach(connection, {}, context, cancel));
  TM_CHECK(context.engine.execute("USE " + duck::quote_name(connection.name.value)));
  return context.engine.select(sql);
}

}  // namespace tidemark

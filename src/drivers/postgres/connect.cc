// How a Connection is made: the check of its text, the handshake, the settings of the session.
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>

#include "base/redact.h"
#include "drivers/postgres/session.h"
#include "drivers/postgres/tls.h"
#include "env/key_file.h"
#include "env/local_host.h"

namespace tidemark::postgres {
namespace {

// What names a server and how to reach it. Left out on purpose: passwords and files that hold them,
// and `options`, `client_encoding`, `replication`, which change what a session means.
constexpr std::string_view allowed[] = {"host",
                                        "hostaddr",
                                        "port",
                                        "dbname",
                                        "user",
                                        "sslmode",
                                        "sslrootcert",
                                        "sslcert",
                                        "sslkey",
                                        "sslcrl",
                                        "sslsni",
                                        "ssl_min_protocol_version",
                                        "ssl_max_protocol_version",
                                        "connect_timeout",
                                        "target_session_attrs",
                                        "keepalives",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "channel_binding",
                                        "gssencmode",
                                        "krbsrvname"};

struct Setting {
  const char* keyword;
  const char* value;
};
// A network that is gone without a word is noticed in five minutes; left to the system it is two
// hours where an answer is waited for, and a quarter of one where bytes are on their way.
constexpr Setting network_defaults[] = {
    {"keepalives_idle", "30"}, {"keepalives_interval", "10"}, {"tcp_user_timeout", "300000"}};

struct ConninfoDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;

Result<Conninfo> parse(const std::string& conninfo) {
  char* message = nullptr;
  Conninfo options(PQconninfoParse(conninfo.c_str(), &message));
  if (message != nullptr) PQfreemem(message);  // may quote a secret that stands in the wrong place
  if (!options) {
    return user_error(
        "postgres.bad_conninfo", "the connection text cannot be read",
        "write `host=db.example dbname=shop user=etl` or `postgres://etl@db.example/shop`");
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "password" || keyword == "sslpassword" || keyword == "passfile") {
      return user_error("postgres.password_in_conninfo",
                        "`" + std::string(keyword) + "` must not stand in the connection text",
                        "write `password: ${env:NAME}` beside it");
    }
    if (std::find(std::begin(allowed), std::end(allowed), keyword) == std::end(allowed)) {
      return user_error("postgres.unknown_keyword",
                        "`" + std::string(keyword) + "` is not allowed in the connection text",
                        "leave it out; Tidemark sets what a session needs");
    }
  }
  return options;
}

struct Said {
  std::string host, hostaddr, sslmode, sslrootcert, sslkey;
};

// What libpq will go by: a variable of the environment stands in for what the text leaves out.
Said said_in(const PQconninfoOption* options) {
  Said said;
  const auto take = [&](std::string_view keyword, std::string& value) {
    for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
      if (option->keyword != keyword) continue;
      if (option->val != nullptr) {
        value = option->val;
      } else if (const char* const other =
                     option->envvar == nullptr ? nullptr : std::getenv(option->envvar)) {
        value = other;
      }
    }
  };
  take("host", said.host);
  take("hostaddr", said.hostaddr);
  take("sslmode", said.sslmode);
  take("sslrootcert", said.sslrootcert);
  take("sslkey", said.sslkey);
  return said;
}

std::vector<std::string> between_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// Of several servers each counts. An address is where the connection goes, whatever the host's
// name.
bool is_local(const Said& said) {
  const std::vector<std::string> hosts = between_commas(said.host);
  std::vector<std::string> addresses = between_commas(said.hostaddr);
  addresses.resize(std::max(hosts.size(), addresses.size()));
  for (std::size_t at = 0; at < addresses.size(); ++at) {
    const std::string host = at < hosts.size() ? hosts[at] : std::string();
    if (!is_local_host(addresses[at].empty() ? host : addresses[at])) return false;
  }
  return true;
}

// Where nothing is said: whoever names a certificate to trust wants it looked at. Without one there
// is nothing to look at it by, since this libpq does not know what the system trusts; then TLS, so
// that nobody can listen who does nothing more. libpq itself would go without where the server, or
// who answers in its place, has none.
std::string mode_of(const Said& said) {
  if (!said.sslmode.empty()) return said.sslmode;
  if (is_local(said)) return "prefer";
  return said.sslrootcert.empty() ? "require" : "verify-full";
}

bool wants_tls(const std::string& mode) {
  return mode == "require" || mode.starts_with("verify-");
}

const char* hint_of_tls(const Said& said) {
  if (!said.sslmode.empty()) {
    return "see `sslmode` and `sslrootcert` in the connection, and the server's `ssl` and "
           "certificate";
  }
  return "a server on another machine is spoken to with TLS only: turn `ssl` on there, and write "
         "`sslmode=verify-full sslrootcert=FILE` to be sure that it is the server; or "
         "`sslmode=disable`, where nobody else is in the network between";
}

// A failed handshake leaves no PGresult, so its SQLSTATE is read from libpq's verbose form, which
// is fixed: `SEVERITY:  SQLSTATE: words`. A server may ask for the password as it is, and repeat
// it.
ServerMessage handshake_message(PGconn* conn, const Secret& password) {
  const std::string text = redact(PQerrorMessage(conn), password);
  ServerMessage message{"08001", {}, {}, {}};
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(start, end - start);
    start = end + 1;
    if (line.starts_with("LOCATION:")) continue;
    const std::size_t mark = line.find(":  ");
    if (mark != std::string::npos && line.size() > mark + 10 && line[mark + 8] == ':') {
      const std::string state = line.substr(mark + 3, 5);
      if (std::all_of(state.begin(), state.end(),
                      [](unsigned char c) { return std::isdigit(c) || std::isupper(c); })) {
        if (message.sqlstate == "08001") message.sqlstate = state;
        line.erase(mark + 2, 7);
      }
    }
    message.primary += (message.primary.empty() ? "" : "; ") + line;
  }
  return message;
}

// `hint`: what to do where TLS is what it failed at; null: nothing more than usual.
Status handshake(PGconn* conn, const Secret& password, const char* hint,
                 std::chrono::steady_clock::time_point deadline, Side side, Cancel& cancel) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  bool is_at_tls = false;
  while (true) {
    if (state == PGRES_POLLING_OK) return {};
    if (state == PGRES_POLLING_FAILED) {
      Error error = classify(handshake_message(conn, password), side);
      if (is_at_tls && hint != nullptr) error.hint = hint;
      return error;
    }
    TM_CHECK(cancel.check());
    if (std::chrono::steady_clock::now() > deadline) {
      return classify({"08001", "the server did not answer in time", {}, {}}, side);
    }
    pollfd slot{PQsocket(conn),
                static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const int ready = poll(&slot, 1, 50);
    if (ready < 0 && errno != EINTR) return classify({"08001", "poll failed", {}, {}}, side);
    if (ready <= 0) continue;
    is_at_tls = PQstatus(conn) == CONNECTION_SSL_STARTUP;
    state = PQconnectPoll(conn);
  }
}

// Of a session that stood idle, and whose network may be gone by now.
constexpr std::chrono::seconds patience_of_cleaning{5};

// All that `discard all` ends, but for prepared statements and their plans.
constexpr const char* clean_but_prepared =
    "close all; set session authorization default; reset role; reset all; unlisten *; select "
    "pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences";

constexpr const char* session_settings =
    "select set_config('DateStyle', 'ISO, YMD', false), set_config('IntervalStyle', 'postgres', "
    "false), "
    "set_config('TimeZone', 'UTC', false), set_config('extra_float_digits', '1', false), "
    "set_config('bytea_output', 'hex', false), set_config('xmloption', 'content', false), "
    "set_config('standard_conforming_strings', 'on', false)";

}  // namespace

std::vector<std::string_view> allowed_keywords() {
  return {std::begin(allowed), std::end(allowed)};
}

Result<std::string> merge_conninfo(const std::string& conninfo, const std::string& more) {
  std::string merged;
  std::map<std::string, std::string> values;
  for (const std::string& text : {conninfo, more}) {
    TM_TRY(const Conninfo options, parse(text));
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
      if (option->val != nullptr) values[option->keyword] = option->val;
    }
  }
  for (const auto& [keyword, value] : values) {
    merged += (merged.empty() ? "" : " ") + keyword + "='";
    for (const char c : value)
      merged += (c == '\\' || c == '\'' ? "\\" : "") + std::string(1, c);
    merged += "'";
  }
  return merged;
}

Status check_conninfo(const std::string& conninfo) {
  TM_TRY(const Conninfo options, parse(conninfo));
  return {};
}

Result<TlsTrust> tls_trust(const std::string& conninfo) {
  TM_TRY(const Conninfo options, parse(conninfo));
  const Said said = said_in(options.get());
  const std::string mode = mode_of(said);
  if (is_local(said)) return TlsTrust::local;
  if (mode == "verify-full") return TlsTrust::verified;
  return wants_tls(mode) ? TlsTrust::unverified : TlsTrust::none;
}

Result<std::unique_ptr<Connection>> Connection::connect(const ConnectOptions& options,
                                                        Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (failpoints::reach(Failpoint::postgres_connect)) {
    return classify({"08006", "injected fault", {}, {}}, options.side);
  }
  TM_TRY(const Conninfo parsed, parse(options.conninfo));
  std::shared_ptr<void> admitted;
  if (options.admit) {
    TM_TRY(admitted, options.admit(cancel));
  }
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  // Of two of a keyword libpq takes the later, so conninfo's own wins.
  for (const Setting& setting : network_defaults) {
    keywords.push_back(setting.keyword);
    values.push_back(setting.value);
  }
  int timeout_s = options.connect_timeout_s;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view value = option->val;
    if (std::string_view(option->keyword) == "connect_timeout") {
      std::from_chars(value.data(), value.data() + value.size(), timeout_s);
    }
    keywords.push_back(option->keyword);
    values.push_back(option->val);
  }
  const auto set = [&](const char* keyword, const std::string& value) {
    if (value.empty()) return;
    keywords.push_back(keyword);
    values.push_back(value.c_str());
  };
  const std::string encoding = "UTF8";
  const std::string fallback = "tidemark";
  const Said said = said_in(parsed.get());
  const std::string mode = mode_of(said);
  if (said.sslmode.empty() && wants_tls(mode)) set("sslmode", mode);
  if (!said.sslkey.empty()) TM_CHECK(check_key_file(said.sslkey));
  TM_TRY(const Secret password, options.password.now());
  set("password", password.reveal());
  set("application_name", options.application_name);
  set("fallback_application_name", fallback);
  set("client_encoding", encoding);
  keywords.push_back(nullptr);
  values.push_back(nullptr);

  auto impl = std::make_unique<Impl>();
  impl->admitted = std::move(admitted);
  impl->side = options.side;
  impl->commit_timeout = std::chrono::seconds(options.commit_timeout_s);
  impl->conn = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (impl->conn == nullptr)
    return internal_error("base.out_of_memory", "no memory for a connection");
  PQsetNoticeProcessor(impl->conn, [](void*, const char*) {}, nullptr);
  PQsetErrorVerbosity(impl->conn, PQERRORS_VERBOSE);
  const auto deadline = std::chrono::steady_clock::now() +
                        (timeout_s > 0 ? std::chrono::seconds(timeout_s) : std::chrono::hours(24));
  if (PQstatus(impl->conn) == CONNECTION_BAD) {
    return classify(handshake_message(impl->conn, password), options.side);
  }
  const char* const hint = wants_tls(mode) ? hint_of_tls(said) : nullptr;
  if (Status shaken = handshake(impl->conn, password, hint, deadline, options.side, cancel);
      !shaken.ok()) {
    Error error = std::move(shaken).error();
    if (PQconnectionNeedsPassword(impl->conn) != 0) {
      error.fault = Fault::user;
      error.retry = Retry::never;
      error.hint =
          "the server asks for a password: write `password: ${env:NAME}` beside "
          "`postgres:` in tidemark.yaml and set that variable";
    }
    return error;
  }
  PQsetErrorVerbosity(impl->conn, PQERRORS_DEFAULT);
  PQsetnonblocking(impl->conn, 1);
  impl->cancel_key = PQgetCancel(impl->conn);
  std::unique_ptr<Connection> connection(new Connection(std::move(impl)));
  connection->impl_->answer_by = deadline;
  TM_CHECK(connection->set_up(options, cancel));
  return connection;
}

bool Connection::clean() noexcept {
  if (lost() || impl_->spoiled) return false;
  impl_->answer_by = std::chrono::steady_clock::now() + patience_of_cleaning;
  rollback();  // closes it where no answer comes
  Cancel none;
  const bool keeps = impl_->may_prepare();
  if (!keeps) impl_->asked.clear();
  const bool sent = !lost() && !impl_->spoiled &&
                    PQsendQuery(impl_->conn, keeps ? clean_but_prepared : "discard all") != 0;
  const bool done = sent && impl_->collect(none).ok();
  impl_->answer_by.reset();
  impl_->was_cleaned = true;
  return done;
}

Status Connection::set_up(const ConnectOptions& options, Cancel& cancel) {
  if (!impl_->answer_by) impl_->answer_by = std::chrono::steady_clock::now() + patience_of_cleaning;
  std::string wanted = session_settings;
  std::vector<std::optional<std::string>> values;
  for (const auto& [name, value] : options.settings) {
    values.emplace_back(value);
    wanted +=
        ", set_config(" + quote_text(name) + ", $" + std::to_string(values.size()) + ", false)";
  }
  const auto settings =
      impl_->was_cleaned ? ask(wanted, values, cancel) : query(wanted, values, cancel);
  impl_->answer_by.reset();
  return settings.ok() ? Status() : settings.error();
}

}  // namespace tidemark::postgres

// How a Connection is made: the handshake and the settings of the session.
#include <memory>
#include <utility>

#include "drivers/mysql/session.h"
#include "drivers/mysql/tls.h"
#include "env/key_file.h"

namespace tidemark::mysql {
namespace {

// Strict, and without the modes that change what a text or a zero means.
constexpr const char* sql_mode =
    "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO";

// By these a server learns no more than it knows, or the password sealed with a key of its own.
constexpr const char* sealed_plugins =
    "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,"
    "auth_gssapi_client";

std::string session_settings(const Flavour& flavour, const ConnectOptions& options) {
  std::string settings =
      std::string("SET SESSION sql_mode = '") + sql_mode +
      "', time_zone = '+00:00', autocommit = 1, sql_auto_is_null = 0, "
      "sql_select_limit = 18446744073709551615, sql_big_selects = 1, foreign_key_checks = 1, "
      "unique_checks = 1, innodb_lock_wait_timeout = 10, lock_wait_timeout = 60, "
      // The engine may spill for a while before it takes the next rows.
      "net_write_timeout = 3600, net_read_timeout = 600, " +
      flavour.statement_limit(options.statement_timeout.value_or(std::chrono::milliseconds(0)));
  if (options.read_only) settings += ", " + flavour.read_only();
  if (options.lock_timeout) {
    const std::string seconds = std::to_string(options.lock_timeout->count());
    settings += ", lock_wait_timeout = " + seconds + ", innodb_lock_wait_timeout = " + seconds;
  }
  return settings;
}

// It has said what it can, and TLS is not among that.
bool lacks_tls(const MYSQL* mysql) {
  return mysql->server_capabilities != 0 && (mysql->server_capabilities & CLIENT_SSL) == 0;
}

bool must_have_tls(const Address& address) {
  return address.tls == Tls::require || address.tls == Tls::verify_full;
}

Error no_tls(Side side) {
  Error error = classify({2026, "the server offers no TLS, and it was asked for"}, side);
  error.hint =
      "turn TLS on there; or write `sslmode=disable`, where nobody else is in the network between";
  return error;
}

}  // namespace

void set_security(MYSQL* mysql, const ConnectOptions& options) {
  const Address& address = options.address;
  unsigned local_files = 0;
  mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local_files);
  const TlsTrust trust = tls_trust(address);
  if (trust == TlsTrust::none || trust == TlsTrust::unverified)
    mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, sealed_plugins);
  if (address.tls == Tls::disable) return;
  const auto text = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  mysql_ssl_set(mysql, text(address.tls_key), text(address.tls_cert), text(address.tls_root),
                nullptr, nullptr);
  my_bool wanted = 1;
  my_bool verified = address.tls == Tls::verify_full ? 1 : 0;
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &wanted);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified);
}

bool is_secure_enough(MYSQL* mysql, const ConnectOptions& options) {
  const Tls tls = options.address.tls;
  if (tls == Tls::disable || tls == Tls::prefer) return true;
  return mysql_get_ssl_cipher(mysql) != nullptr;
}

bool Connection::Impl::shake_hands(Cancel& cancel) {
  const Address& address = options.address;
  MYSQL* done = nullptr;
  const std::string& password = options.password.reveal();
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  const char* database = address.dbname.empty() ? nullptr : address.dbname.c_str();
  const char* socket = address.socket.empty() ? nullptr : address.socket.c_str();
  drive(
      [&] {
        // An UPDATE says how many rows it found, also those that had the value already.
        return mysql_real_connect_start(&done, mysql, host, address.user.c_str(), password.c_str(),
                                        database, address.port, socket, CLIENT_FOUND_ROWS);
      },
      [&](int came) {
        // Where TLS was asked for the library takes the line for safe, and tells the password as it
        // is, whatever the server can do.
        if (lacks_tls(mysql)) {
          mysql->options.use_ssl = 0;
          if (must_have_tls(address)) close();
        }
        return mysql_real_connect_cont(&done, mysql, came);
      },
      cancel);
  return done != nullptr;
}

Result<std::unique_ptr<Connection>> Connection::connect(const ConnectOptions& options,
                                                        Cancel& cancel) {
  TM_CHECK(cancel.check());
  static const bool library_ready = mysql_library_init(0, nullptr, nullptr) == 0;
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  // Held as long as the session: to stop what runs in it takes another one.
  TM_TRY(impl->options.password, options.password.now());
  if (!options.address.tls_key.empty()) TM_CHECK(check_key_file(options.address.tls_key));
  if (options.admit) {
    TM_TRY(impl->admitted, options.admit(cancel));
  }
  impl->mysql = library_ready ? mysql_init(nullptr) : nullptr;
  if (impl->mysql == nullptr)
    return internal_error("base.out_of_memory", "no memory for a connection");
  mysql_options(impl->mysql, MYSQL_OPT_NONBLOCK, nullptr);
  const auto timeout = static_cast<unsigned>(options.address.connect_timeout_s);
  mysql_options(impl->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
  mysql_options(impl->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  my_bool reports = 1;
  mysql_options(impl->mysql, MYSQL_REPORT_DATA_TRUNCATION, &reports);
  // The largest packet that is taken in; the server has a limit of its own.
  std::size_t packet = std::size_t{1} << 30;
  mysql_options(impl->mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
  if (!options.program.empty())
    mysql_options4(impl->mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name",
                   options.program.c_str());
  set_security(impl->mysql, options);
  impl->answer_by = SteadyClock::now() + std::chrono::seconds(timeout);
  if (!impl->shake_hands(cancel)) {
    TM_CHECK(cancel.check());
    if (lacks_tls(impl->mysql) && must_have_tls(options.address)) return no_tls(options.side);
    return impl->failure(cancel);
  }
  if (!is_secure_enough(impl->mysql, options)) {
    return no_tls(options.side);
  }
  impl->flavour = Flavour::of(mysql_get_server_info(impl->mysql));
  TM_TRY(const Rows set, impl->ask(session_settings(impl->flavour, options), cancel));
  TM_TRY(const Rows limits, impl->ask("select @@max_allowed_packet", cancel));
  impl->packet_bytes_max = limits.integer(0, 0);
  impl->answer_by.reset();
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

}  // namespace tidemark::mysql

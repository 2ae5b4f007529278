#include "drivers/mysql/flavour.h"

#include <charconv>

namespace tidemark::mysql {

Flavour Flavour::of(std::string_view greeting) {
  Flavour found;
  if (greeting.find("MariaDB") != std::string_view::npos) found.product = Product::mariadb;
  // MariaDB puts this before its own version so that old replicas of MySQL understand it.
  if (constexpr std::string_view disguise = "5.5.5-";
      found.mariadb() && greeting.starts_with(disguise))
    greeting.remove_prefix(disguise.size());
  int parts[3] = {};
  for (int& part : parts) {
    const char* const end = greeting.data() + greeting.size();
    const auto [after, fault] = std::from_chars(greeting.data(), end, part);
    if (fault != std::errc()) break;
    greeting.remove_prefix(static_cast<std::size_t>(after - greeting.data()));
    if (!greeting.starts_with('.')) break;
    greeting.remove_prefix(1);
  }
  found.version = parts[0] * 10000 + parts[1] * 100 + parts[2];
  return found;
}

std::string Flavour::show() const {
  return std::string(mariadb() ? "MariaDB " : "MySQL ") + std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100) + "." + std::to_string(version % 100);
}

std::string Flavour::statement_limit(std::chrono::milliseconds limit) const {
  const std::string text = std::to_string(limit.count());
  return mariadb() ? "max_statement_time = " + text + " / 1000" : "max_execution_time = " + text;
}

std::string Flavour::read_only() const {
  // Of MySQL's newer name MariaDB knows nothing before 11.1.
  return mariadb() ? "tx_read_only = 1" : "transaction_read_only = 1";
}

std::string Flavour::exact_collation() const {
  if (mariadb()) return "utf8mb4_nopad_bin";
  // 5.7 has none that keeps blanks at the end apart.
  return version >= 80017 ? "utf8mb4_0900_bin" : "utf8mb4_bin";
}

std::string Flavour::statement_start() const {
  return mariadb() ? "concat('m', round(unix_timestamp(sysdate(6)) * 1000 - time_ms))"
                   : "concat('s', unix_timestamp(sysdate()) - time)";
}

std::string Flavour::list_prepared() const {
  return mariadb() ? "xa recover format='SQL'" : "xa recover convert xid";
}

std::string Flavour::identity() const {
  // MariaDB's is younger than some versions, so it is looked up, not named.
  return mariadb() ? "(select coalesce(max(variable_value), concat(@@hostname, ':', @@port)) from "
                     "information_schema.global_variables where variable_name = 'server_uid')"
                   : "@@server_uuid";
}

std::string Flavour::process_grant(const std::string& user) const {
  return "GRANT PROCESS ON *.* TO " + user;
}

std::string Flavour::kill_right() const {
  if (mariadb()) return version >= 100502 ? "CONNECTION ADMIN" : "SUPER";
  return version >= 80000 ? "CONNECTION_ADMIN" : "SUPER";
}

}  // namespace tidemark::mysql

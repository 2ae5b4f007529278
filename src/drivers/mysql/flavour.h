// Flavour: which server answers, and where MySQL and MariaDB differ. What one of them does in its
// own way is asked here, so that the rest of the code speaks of one system.
//
// A value; pure; any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tidemark::mysql {

enum class Product { mysql, mariadb };

struct Flavour {
  Product product = Product::mysql;
  int version = 0;  // 80036 for 8.0.36, 101119 for 10.11.19

  // From what the server says in its greeting, e.g. `5.5.5-10.11.19-MariaDB-0+deb12u1`.
  static Flavour of(std::string_view greeting);
  bool mariadb() const { return product == Product::mariadb; }
  // `MariaDB 10.11.19`, for people.
  std::string show() const;
  // Settings of a session, for SET SESSION: how long a statement may run (0: without end), and that
  // it can change nothing.
  std::string statement_limit(std::chrono::milliseconds limit) const;
  std::string read_only() const;
  // A collation in which equal texts are the same texts: no case, no accents, no blanks at the end.
  std::string exact_collation() const;
  // When a statement of information_schema.processlist started: an expression that gives `m` and
  // milliseconds since 1970, or `s` and seconds.
  std::string statement_start() const;
  // Lists prepared XA transactions; the fourth column is the whole of each one's name.
  std::string list_prepared() const;
  // What tells this server from its copies: an expression.
  std::string identity() const;
  // The grant that shows all sessions, for people.
  std::string process_grant(const std::string& user) const;
  // Names of the privileges that let a session end those of other users.
  std::string kill_right() const;
};

}  // namespace tidemark::mysql

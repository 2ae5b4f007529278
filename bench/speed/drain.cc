// drain: reads a table of PostgreSQL by two sessions as fast as they send it, and throws it away.
//
//   drain TABLE [--rows N]
//   drain --version
//
// What a load from PostgreSQL is measured against. Both sessions read under one snapshot, each half
// of the table's pages, as COPY BINARY. libpq connects and asks; then the bytes are received from
// its socket, with as much framing as finds the end. The connection is what libpq's variables
// (PGHOST, ...) say, without encryption. It fails unless both halves ended well with N rows in all;
// without --rows it counts the table itself.
//
// Keep it dumb: a drain that gets slower makes whatever is measured against it look faster. Raise
// the version with every change of how it reads, and compare no figures across two of them.
#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int version = 1;
constexpr std::size_t buffer_bytes = 1U << 20U;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "drain: %s\n", why.c_str());
  std::exit(1);
}

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

Connection connect() {
  Connection connection(
      PQconnectdb("sslmode=disable gssencmode=disable application_name='tidemark drain'"),
      &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) fail(PQerrorMessage(connection.get()));
  return connection;
}

// The first value, or an empty text.
std::string ask(PGconn* connection, const std::string& sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(connection, sql.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK) return {};
  if (status != PGRES_TUPLES_OK || PQntuples(answer.get()) != 1)
    fail(sql + ": " + PQerrorMessage(connection));
  return PQgetvalue(answer.get(), 0, 0);
}

std::int64_t ask_number(PGconn* connection, const std::string& sql) {
  return std::atoll(ask(connection, sql).c_str());
}

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (int at = 0; at < 4; ++at)
    value = value << 8U | static_cast<unsigned char>(bytes[at]);
  return value;
}

// One half: what came, and how it ended.
struct Half {
  std::int64_t bytes = 0;
  std::int64_t messages = 0;
  std::int64_t rows = 0;
  std::string error;
  bool finished = false;  // with COPY's own count, and the server is ready for the next statement

  // The body of a message that is no data.
  void control(char type, std::string_view body) {
    if (type == 'E') {
      error = std::string(body);
      std::replace(error.begin(), error.end(), '\0', ' ');
    } else if (type == 'C') {
      const std::string_view tag = body.substr(0, body.find('\0'));
      if (tag.substr(0, 5) == "COPY ") rows = std::atoll(std::string(tag.substr(5)).c_str());
      copied = true;
    } else if (type == 'Z') {
      finished = copied && error.empty();
      ready = true;
    }
  }
  bool copied = false;
  bool ready = false;
};

void send_query(int socket, const std::string& sql, Half& half) {
  std::string message = "Q";
  const auto length = static_cast<std::uint32_t>(sql.size() + 5);
  for (int shift = 24; shift >= 0; shift -= 8)
    message += static_cast<char>(length >> static_cast<unsigned>(shift));
  message += sql;
  message += '\0';
  if (send(socket, message.data(), message.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(message.size()))
    half.error = "send: " + std::string(std::strerror(errno));
}

// libpq is not asked again on this connection: it has seen neither the statement nor its answer.
void drain(int socket, const std::string& sql, Half& half) {
  // libpq leaves it as one that does not wait.
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  send_query(socket, sql, half);
  std::vector<char> buffer(buffer_bytes);
  std::array<char, 5> head{};
  std::size_t head_bytes = 0;
  std::size_t body_left = 0;
  std::string body;  // of a message that is no data
  while (half.error.empty() && !half.ready) {
    const ssize_t got = recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      half.error = got == 0 ? "the server closed the connection" : std::strerror(errno);
      return;
    }
    half.bytes += got;
    std::size_t at = 0;
    const auto end = static_cast<std::size_t>(got);
    while (at < end) {
      if (head_bytes < head.size()) {
        const std::size_t take = std::min(head.size() - head_bytes, end - at);
        std::memcpy(head.data() + head_bytes, buffer.data() + at, take);
        head_bytes += take;
        at += take;
        if (head_bytes < head.size()) break;
        body_left = big_endian(head.data() + 1) - 4;
        body.clear();
      }
      const std::size_t take = std::min(body_left, end - at);
      if (head[0] != 'd') body.append(buffer.data() + at, take);
      at += take;
      body_left -= take;
      if (body_left > 0) break;
      head_bytes = 0;
      ++half.messages;
      if (head[0] != 'd') half.control(head[0], body);
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words == std::vector<std::string>{"--version"}) {
    std::printf("%d\n", version);
    return 0;
  }
  if (words.size() != 1 && (words.size() != 3 || words[1] != "--rows")) {
    std::fprintf(stderr, "usage: drain TABLE [--rows N] | drain --version\n");
    return 2;
  }
  const std::array<Connection, 2> connections{connect(), connect()};
  for (const Connection& connection : connections)
    ask(connection.get(), "begin isolation level repeatable read, read only");
  PGconn* first = connections[0].get();
  ask(connections[1].get(),
      "set transaction snapshot '" + ask(first, "select pg_export_snapshot()") + "'");
  const std::unique_ptr<char, decltype(&PQfreemem)> literal(
      PQescapeLiteral(first, words[0].data(), words[0].size()), &PQfreemem);
  const std::string table = ask(first, std::string("select ") + literal.get() + "::regclass::text");
  const std::int64_t half_pages = ask_number(
      first, "select pg_relation_size('" + table + "') / current_setting('block_size')::int / 2");
  const std::int64_t wanted = words.size() == 3
                                  ? std::atoll(words[2].c_str())
                                  : ask_number(first, "select count(*) from " + table);

  const auto started = std::chrono::steady_clock::now();
  std::array<Half, 2> halves;
  std::vector<std::thread> threads;
  for (std::size_t at = 0; at < halves.size(); ++at) {
    const std::string sql = "copy (select * from " + table + " where ctid " +
                            (at == 0 ? "<" : ">=") + " '(" + std::to_string(half_pages) +
                            ",0)') to stdout (format binary)";
    threads.emplace_back(drain, PQsocket(connections.at(at).get()), sql, std::ref(halves.at(at)));
  }
  for (std::thread& thread : threads)
    thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;

  Half sum;
  for (const Half& half : halves) {
    if (!half.finished) fail("a half did not end well: " + half.error);
    sum.bytes += half.bytes;
    sum.messages += half.messages;
    sum.rows += half.rows;
  }
  if (sum.rows != wanted)
    fail(std::to_string(sum.rows) + " rows came, the table has " + std::to_string(wanted));
  std::printf("drain %d: %lld rows, %lld bytes, %lld messages, %.3f seconds\n", version,
              static_cast<long long>(sum.rows), static_cast<long long>(sum.bytes),
              static_cast<long long>(sum.messages), took.count());
  return 0;
}

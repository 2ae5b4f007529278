#include <fixtures/mariadb_server.h>
#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "drivers/mysql/connection.h"
#include "drivers/mysql/tls.h"
#include "env/failpoints.h"

namespace tidemark::mysql {
namespace {

using testing::MariadbServer;
using Clock = std::chrono::steady_clock;

class ConnectionTest : public ::testing::Test {
 protected:
  static ConnectOptions options(const std::string& text) {
    ConnectOptions made;
    made.address = parse_address(text).value();
    return made;
  }
  std::unique_ptr<Connection> connect() {
    auto made = Connection::connect(options(server_.address(database_)), cancel_);
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return made.ok() ? std::move(*made) : nullptr;
  }
  std::string one(Connection& connection, const std::string& sql) {
    const auto rows = connection.query(sql, cancel_);
    if (!rows.ok()) return rows.error().describe();
    return rows->rows() == 0 ? "no row" : std::string(rows->text(0, 0).value_or("NULL"));
  }

  MariadbServer& server_ = MariadbServer::shared();
  std::string database_ = server_.new_database();
  Cancel cancel_;
};

TEST_F(ConnectionTest, ASessionIsTheSameWhateverTheServerIsSetTo) {
  const auto connection = connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(one(*connection, "select @@time_zone"), "+00:00");
  EXPECT_EQ(one(*connection, "select @@character_set_results"), "utf8mb4");
  EXPECT_EQ(one(*connection, "select @@character_set_client"), "utf8mb4");
  EXPECT_EQ(one(*connection, "select 'a\\'b'"), "a'b");
  EXPECT_TRUE(connection->flavour().mariadb());
  EXPECT_GT(connection->flavour().version, 100000);
  // The server may not ask for files of this machine.
  EXPECT_NE(one(*connection, "load data local infile '/etc/passwd' into table x"), "no row");
}

TEST_F(ConnectionTest, TextsAndNamesAreOnlyTexts) {
  const auto connection = connect();
  std::string all;
  for (int c = 1; c < 128; ++c)
    all += static_cast<char>(c);
  all += std::string("\0\\'\"`", 5) + "\u00e9\U0001F600";
  const auto rows =
      connection->query("select " + quote_text(all) + " as " + quote_name("a`b; drop\"'"), cancel_);
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  EXPECT_EQ(rows->string(0, 0), all);
  EXPECT_EQ(TableName::parse("\"a.\"\"b\".`c``d`").show(), "a.\"b.c`d");
  for (const char* name : {"t", "d.t", "\"a.b\".\"c\"\"`d\""}) {
    EXPECT_EQ(TableName::parse(TableName::parse(name).written()), TableName::parse(name));
  }
}

TEST_F(ConnectionTest, FloatsArriveBitByBit) {
  const auto connection = connect();
  ASSERT_TRUE(
      connection->execute("create table f (id int primary key, s float, d double)", cancel_).ok());
  std::mt19937_64 random(7);
  // Without -0: the server keeps no sign of a zero.
  std::vector<std::pair<float, double>> values{{0.1F, 0.1},
                                               {1.4e-45F, 5e-324},
                                               {3.4028234663852886e38F, 1.7976931348623157e308},
                                               {16777217.0F, 0.1 + 0.2}};
  while (values.size() < 2000) {
    const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    const auto wide = std::bit_cast<double>(random());
    if (std::isfinite(single) && std::isfinite(wide)) values.emplace_back(single, wide);
  }
  std::string sql = "insert into f values ";
  for (std::size_t at = 0; at < values.size(); ++at) {
    char text[200];
    // As the sink writes them: an exponent makes the literal a floating one.
    std::snprintf(text, sizeof(text), "%s(%zu, %.16e, %.16e)", at == 0 ? "" : ", ", at,
                  static_cast<double>(values[at].first), values[at].second);
    sql += text;
  }
  const auto put = connection->execute(sql, cancel_);
  ASSERT_TRUE(put.ok()) << put.error().describe();
  auto stream = connection->stream("select s, d from f order by id", cancel_);
  ASSERT_TRUE(stream.ok()) << stream.error().describe();
  ASSERT_TRUE(stream->execute(cancel_).ok());
  std::size_t at = 0;
  while (*stream->next(cancel_)) {
    const auto& [single, wide] = values[at++];
    const bool same =
        std::bit_cast<std::uint32_t>(stream->float32(0)) == std::bit_cast<std::uint32_t>(single) &&
        std::bit_cast<std::uint64_t>(stream->float64(1)) == std::bit_cast<std::uint64_t>(wide);
    EXPECT_TRUE(same) << std::hexfloat << single << " as " << stream->float32(0) << ", " << wide
                      << " as " << stream->float64(1);
  }
  EXPECT_EQ(at, values.size());
}

TEST_F(ConnectionTest, AStreamGivesValuesOfAnySizeAndTheSessionGoesOn) {
  const auto connection = connect();
  {
    auto stream = connection->stream(
        "select seq, case seq when 3 then repeat('x', 3000000) else repeat('y', seq * 40) end, "
        "nullif(seq, 5) from seq_1_to_1000",
        cancel_);
    ASSERT_TRUE(stream.ok()) << stream.error().describe();
    ASSERT_EQ(stream->fields().size(), 3U);
    EXPECT_EQ(stream->fields()[0].type, FieldType::integer);
    EXPECT_TRUE(stream->fields()[0].is_unsigned);
    EXPECT_EQ(stream->fields()[1].type, FieldType::text);
    ASSERT_TRUE(stream->execute(cancel_).ok());
    std::int64_t row = 0;
    while (*stream->next(cancel_)) {
      ++row;
      EXPECT_EQ(stream->integer(0), row);
      const std::string expected = row == 3 ? std::string(3000000, 'x')
                                            : std::string(static_cast<std::size_t>(row) * 40, 'y');
      EXPECT_TRUE(stream->bytes(1) == expected) << row;
      EXPECT_EQ(stream->null(2), row == 5);
    }
    EXPECT_EQ(row, 1000);
    EXPECT_FALSE(*stream->next(cancel_));
  }
  EXPECT_EQ(one(*connection, "select 7"), "7");
}

TEST_F(ConnectionTest, AStreamLeftEarlyIsNotReadToItsEnd) {
  const auto connection = connect();
  const auto begun = Clock::now();
  {
    auto stream =
        connection->stream("select seq, repeat('x', 1000) from seq_1_to_100000000", cancel_);
    ASSERT_TRUE(stream.ok() && stream->execute(cancel_).ok() && *stream->next(cancel_));
  }
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(2));
  EXPECT_TRUE(connection->lost());
}

TEST_F(ConnectionTest, CancelStopsTheStatementOnTheServer) {
  const auto connection = connect();
  Cancel cancel;
  Clock::time_point asked;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    asked = Clock::now();
    cancel.request();
  });
  const auto slept = connection->query("select sum(sin(seq)) from seq_1_to_10000000000", cancel);
  other.join();
  ASSERT_FALSE(slept.ok());
  EXPECT_EQ(slept.error().code, "run.cancelled");
  EXPECT_LT(Clock::now() - asked, std::chrono::milliseconds(1000));
  const auto watcher = connect();
  const auto running = [&] {
    return one(*watcher,
               "select count(*) from information_schema.processlist where info like "
               "'select sum(sin(seq))%'");
  };
  // The server looks now and then whether it was asked to stop.
  for (int left = 50; left > 0 && running() != "0"; --left)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(running(), "0");
}

TEST_F(ConnectionTest, ErrorsSayWhatTheyMean) {
  const auto connection = connect();
  const auto code = [&](const std::string& sql) {
    const auto done = connection->execute(sql, cancel_);
    return done.ok() ? "ok" : done.error().code;
  };
  EXPECT_EQ(code("select * from nowhere"), "mysql.table_missing");
  EXPECT_EQ(code("selec 1"), "mysql.syntax_error");
  EXPECT_EQ(code("select nothing"), "mysql.column_missing");
  EXPECT_EQ(code("create table t (a tinyint primary key, b varchar(2) not null)"), "ok");
  EXPECT_EQ(code("insert into t values (1, 'abc')"), "mysql.too_long");
  EXPECT_EQ(code("insert into t values (1000, 'a')"), "mysql.out_of_range");
  EXPECT_EQ(code("insert into t values (1, null)"), "mysql.not_null_violation");
  EXPECT_EQ(code("insert into t values (1, 'a')"), "ok");
  EXPECT_EQ(code("insert into t values (1, 'a')"), "mysql.unique_violation");
  EXPECT_FALSE(connection->lost());
  const auto other = connect();
  ASSERT_TRUE(other->execute("kill " + std::to_string(connection->session_id()), cancel_).ok());
  const auto gone = connection->execute("select 1", cancel_);
  ASSERT_FALSE(gone.ok());
  EXPECT_TRUE(is_connection_loss(gone.error())) << gone.error().describe();
  EXPECT_TRUE(connection->lost());
}

TEST_F(ConnectionTest, ABadAddressIsToldByItsWord) {
  const auto code = [](const std::string& text) {
    const auto parsed = parse_address(text);
    return parsed.ok() ? "ok" : parsed.error().code + ": " + parsed.error().message;
  };
  EXPECT_EQ(code("host=a port=3306 dbname='my \\'shop' user=b"), "ok");
  EXPECT_EQ(parse_address("dbname='my \\'shop'")->dbname, "my 'shop");
  EXPECT_NE(code("hots=a").find("`hots`"), std::string::npos);
  EXPECT_EQ(parse_address("hots=a").error().hint, "did you mean `host`?");
  EXPECT_NE(code("password=geheim").find("mysql.password_in_connection_text"), std::string::npos);
  EXPECT_EQ(code("password=geheim").find("geheim"), std::string::npos);
  EXPECT_NE(code("port=abc").find("1 to 65535"), std::string::npos);
  EXPECT_NE(code("sslmode=maybe").find("verify-full"), std::string::npos);
  for (const char* text : {"host", "=x", "host='a", "host=a host=b", "host=a socket=/b"})
    EXPECT_NE(code(text), "ok") << text;
}

TEST(AddressTest, ElsewhereTlsUnlessTheTextSaysOtherwise) {
  const auto mode = [](const char* text) { return parse_address(text).value().tls; };
  for (const char* text : {"host=127.0.0.1", "host=localhost", "socket=/run/x", "dbname=x"}) {
    EXPECT_EQ(mode(text), Tls::prefer) << text;
    EXPECT_EQ(tls_trust(parse_address(text).value()), TlsTrust::local) << text;
  }
  EXPECT_EQ(mode("host=db.example"), Tls::require);
  EXPECT_EQ(mode("host=db.example sslrootcert=ca.pem"), Tls::verify_full);
  EXPECT_EQ(mode("sslmode=prefer host=db.example sslrootcert=ca.pem"), Tls::prefer);
  EXPECT_EQ(mode("host=db.example sslmode=disable"), Tls::disable);
  const auto trust = [](const char* text) { return tls_trust(parse_address(text).value()); };
  EXPECT_EQ(trust("host=db.example"), TlsTrust::unverified);
  EXPECT_EQ(trust("host=db.example sslmode=prefer"), TlsTrust::none);
  EXPECT_EQ(trust("host=db.example sslmode=verify-full"), TlsTrust::verified);
}

TEST_F(ConnectionTest, NobodyThereAndNobodyLetInAreToldApart) {
  const auto closed = Connection::connect(options("host=127.0.0.1 port=1 user=x"), cancel_);
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().code, "mysql.cannot_connect");
  const auto stranger =
      Connection::connect(options(server_.tcp_address(database_, "stranger")), cancel_);
  ASSERT_FALSE(stranger.ok());
  EXPECT_EQ(stranger.error().code, "mysql.wrong_login") << stranger.error().describe();
  const auto elsewhere = Connection::connect(options(server_.address("nowhere")), cancel_);
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.error().code, "mysql.database_missing");
  const auto open =
      Connection::connect(options(server_.tcp_address(database_) + " sslmode=require"), cancel_);
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().code, "mysql.tls_failed") << open.error().describe();
}

TEST_F(ConnectionTest, ATransactionRollsBackUnlessCommitted) {
  const auto connection = connect();
  ASSERT_TRUE(connection->execute("create table t (a int)", cancel_).ok());
  {
    auto transaction = Transaction::begin(*connection, "", cancel_);
    ASSERT_TRUE(transaction.ok() && connection->execute("insert into t values (1)", cancel_).ok());
  }
  EXPECT_EQ(one(*connection, "select count(*) from t"), "0");
  {
    auto transaction = Transaction::begin(*connection, "", cancel_);
    ASSERT_TRUE(transaction.ok() && connection->execute("insert into t values (1)", cancel_).ok());
    ASSERT_TRUE(transaction->commit(cancel_).ok());
  }
  EXPECT_EQ(one(*connection, "select count(*) from t"), "1");
}

TEST(FlavourTest, IsReadFromTheGreeting) {
  EXPECT_EQ(Flavour::of("5.5.5-10.11.19-MariaDB-0+deb12u1").show(), "MariaDB 10.11.19");
  EXPECT_EQ(Flavour::of("11.4.2-MariaDB").version, 110402);
  EXPECT_EQ(Flavour::of("8.0.36-0ubuntu0.22.04.1").show(), "MySQL 8.0.36");
  EXPECT_EQ(Flavour::of("8.4.0").version, 80400);
}

}  // namespace
}  // namespace tidemark::mysql

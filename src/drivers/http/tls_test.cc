#include "drivers/http/tls.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drivers/http/certificates_test.h"
#include "drivers/http/raw_client_test.h"
#include "drivers/http/test_service_test.h"
#include "drivers/http/tls_client_test.h"

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

TEST(TlsTest, ServesThroughTls) {
  const Certificates certificates;
  TestService service({.tls = certificates.make("server", "DNS:localhost")});
  TlsClient client(service.port(), certificates.authority(), "localhost");
  ASSERT_TRUE(client.is_trusted()) << client.failure();
  client.send(post("/echo", std::string(300'000, 'x')) + get("/a", "Connection: close\r\n"));
  const std::string text = client.receive(10'000'000);
  EXPECT_GT(text.size(), 300'000u);
  EXPECT_NE(std::string::npos, text.find("GET /a ", 300'000));
}

TEST(TlsTest, StreamsThroughTls) {
  const Certificates certificates;
  TestService service({.tls = certificates.make("server", "DNS:localhost")});
  TlsClient client(service.port(), certificates.authority(), "localhost");
  client.send(get("/stream"));
  const auto stream = service.stream();
  const std::string head = client.receive(1);
  EXPECT_TRUE(stream->send("data: 1\n\n"));
  EXPECT_EQ("9\r\ndata: 1\n\n\r\n", client.receive(14));
  stream->end();
  EXPECT_EQ("0\r\n\r\n", client.receive(5));
}

TEST(TlsTest, AClientTrustsNoOtherCertificate) {
  const Certificates certificates;
  const auto failure = [&](const TlsFiles& files, const std::string& host) {
    TestService service({.tls = files});
    TlsClient client(service.port(), certificates.authority(), host);
    return client.is_trusted() ? "" : client.failure();
  };
  const TlsFiles right = certificates.make("right", "DNS:localhost,IP:127.0.0.1,DNS:*.a.test");
  EXPECT_EQ("", failure(right, "localhost"));
  EXPECT_EQ("", failure(right, "127.0.0.1"));
  EXPECT_EQ("", failure(right, "b.a.test"));
  EXPECT_EQ("hostname mismatch", failure(right, "a.test"));
  EXPECT_EQ("hostname mismatch", failure(right, "c.b.a.test"));
  EXPECT_EQ("IP address mismatch", failure(right, "127.0.0.2"));
  // The common name counts for nothing.
  EXPECT_EQ("hostname mismatch", failure(right, "right"));
  EXPECT_NE("", failure(certificates.make_self_signed("self", "DNS:localhost"), "localhost"));
  EXPECT_EQ("certificate has expired",
            failure(certificates.make("old", "DNS:localhost", "-days -1"), "localhost"));
}

TEST(TlsTest, SpeaksNoOldVersion) {
  const Certificates certificates;
  TestService service({.tls = certificates.make("server", "DNS:localhost")});
  const std::string tool = "openssl s_client -connect localhost:" + std::to_string(service.port()) +
                           " -CAfile " + certificates.authority().string() +
                           " < /dev/null > /dev/null 2>&1 ";
  EXPECT_EQ(0, std::system((tool + "-tls1_2").c_str()));
  EXPECT_EQ(0, std::system((tool + "-tls1_3 -alpn h2,http/1.1").c_str()));
  EXPECT_NE(0, std::system((tool + "-tls1_1 -cipher ALL:@SECLEVEL=0").c_str()));
  EXPECT_NE(0, std::system((tool + "-tls1_2 -cipher AES128-SHA").c_str()));
  EXPECT_NE(0, std::system((tool + "-alpn h2").c_str()));
}

TEST(TlsTest, BearsGarbageAndPlainClients) {
  const Certificates certificates;
  TestService service({.tls = certificates.make("server", "DNS:localhost")});
  for (const std::string& bytes :
       {get("/"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                    "garbage",
                    18),
        std::string(100'000, '\xff'), std::string("\x80\x2e\x01\x00\x02", 5)}) {
    RawClient client(service.port());
    client.send(bytes);
    client.half_close();
    client.rest();
  }
  // Half of a handshake has the time of a head.
  RawClient half(service.port());
  half.send(std::string("\x16\x03\x01\x02\x00", 5));
  std::this_thread::sleep_for(250ms);
  service.clock.advance(10s);
  EXPECT_TRUE(half.closed());
  EXPECT_EQ(0, service.handled);
  TlsClient client(service.port(), certificates.authority(), "localhost");
  EXPECT_TRUE(client.is_trusted()) << client.failure();
}

TEST(TlsTest, TellsWhichFileIsWrong) {
  const Certificates certificates;
  const TlsFiles right = certificates.make("right", "DNS:localhost");
  const TlsFiles other = certificates.make("other", "DNS:localhost");
  const auto error = [](const TlsFiles& files) {
    const auto context = TlsContext::server(files);
    return context.ok() ? Error() : context.error();
  };
  EXPECT_EQ("", error(right).code);
  const auto missing = certificates.path("missing.pem");
  EXPECT_EQ("tls.certificate_unreadable", error({missing, right.key}).code);
  EXPECT_NE(std::string::npos, error({missing, right.key}).message.find(missing.string()));
  EXPECT_EQ("tls.key_unreadable", error({right.certificate, missing}).code);
  EXPECT_EQ("tls.key_unreadable", error({right.certificate, right.certificate}).code);
  EXPECT_EQ("tls.certificate_unreadable", error({right.key, right.key}).code);
  EXPECT_EQ("tls.key_mismatch", error({right.certificate, other.key}).code);
  std::filesystem::permissions(right.key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ("tls.key_exposed", error(right).code);
  EXPECT_NE(std::string::npos, error(right).hint.find("chmod o= " + right.key.string()));
  EXPECT_EQ("tls.ca_unreadable", TlsContext::client(missing).error().code);
}

TEST(TlsTest, LoadsItsFilesAgain) {
  const Certificates certificates;
  const TlsFiles files = certificates.make("server", "DNS:before");
  std::mutex mutex;
  std::vector<std::string> reports;
  TestService service({.tls = files, .report = [&](const Error& error) {
                         const std::lock_guard lock(mutex);
                         reports.push_back(error.code);
                       }});
  const auto accepts = [&](const std::string& host) {
    return TlsClient(service.port(), certificates.authority(), host).is_trusted();
  };
  // On demand.
  const TlsFiles after = certificates.make("after", "DNS:after");
  std::filesystem::rename(after.certificate, files.certificate);
  EXPECT_EQ("tls.key_mismatch", service.server->reload_tls().error().code);
  EXPECT_TRUE(accepts("before"));
  std::filesystem::rename(after.key, files.key);
  EXPECT_TRUE(service.server->reload_tls().ok());
  EXPECT_TRUE(accepts("after"));
  // By itself.
  const TlsFiles later = certificates.make("later", "DNS:later");
  std::filesystem::rename(later.certificate, files.certificate);
  service.clock.advance(60s);
  std::this_thread::sleep_for(400ms);
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(std::vector<std::string>{"tls.key_mismatch"}, reports);
  }
  std::filesystem::rename(later.key, files.key);
  service.clock.advance(60s);
  std::this_thread::sleep_for(400ms);
  EXPECT_TRUE(accepts("later"));
  EXPECT_FALSE(accepts("after"));
}

TEST(TlsTest, ConnectionsOutliveTheCertificateTheyWereMadeWith) {
  const Certificates certificates;
  const TlsFiles files = certificates.make("server", "DNS:before");
  TestService service({.tls = files});
  TlsClient old(service.port(), certificates.authority(), "before");
  ASSERT_TRUE(old.is_trusted()) << old.failure();
  const TlsFiles after = certificates.make("after", "DNS:after");
  std::filesystem::rename(after.certificate, files.certificate);
  std::filesystem::rename(after.key, files.key);
  ASSERT_TRUE(service.server->reload_tls().ok());
  old.send(get("/a", "Connection: close\r\n"));
  EXPECT_NE(std::string::npos, old.receive(10'000).find("GET /a "));
}

}  // namespace
}  // namespace tidemark::testing

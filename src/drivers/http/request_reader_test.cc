#include "drivers/http/request_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tidemark {
namespace {

using State = RequestReader::State;

constexpr std::size_t body_max = 100;

// Gives the reader pieces of `step` bytes, admits a body of `body_max`, and stops where the reader
// does. What it took is counted in `taken`.
RequestReader read(std::string_view bytes, std::size_t step, std::size_t& taken,
                   const RequestLimits& limits = {}) {
  RequestReader reader(limits);
  taken = 0;
  while (true) {
    if (reader.state() == State::admit) reader.admit(body_max);
    if (reader.state() != State::head && reader.state() != State::body) break;
    if (taken == bytes.size()) break;
    const std::string_view piece = bytes.substr(taken, step);
    const std::size_t used = reader.take(piece);
    taken += used;
    const bool wants_more = reader.state() == State::head || reader.state() == State::body;
    EXPECT_TRUE(used == piece.size() || !wants_more) << "bytes were left where more are wanted";
  }
  return reader;
}

std::string head(const std::string& more = "", const std::string& line = "GET / HTTP/1.1") {
  return line + "\r\nHost: a\r\n" + more + "\r\n";
}

struct Case {
  std::string name;
  std::string bytes;
  int status;  // 0: taken
};

std::vector<Case> cases() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string post = "POST / HTTP/1.1";
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "a:\r\n";
  std::string tiny_chunks;
  for (int i = 0; i < 90; ++i)
    tiny_chunks += "1;" + std::string(300, 'x') + "\r\na\r\n";
  return {
      {"plain", head(), 0},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"no host in 1.0", "GET / HTTP/1.0\r\n\r\n", 0},
      {"two hosts", head("Host: b\r\n"), 400},
      {"two hosts alike", head("Host: a\r\n"), 400},
      {"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
      {"an empty line before", "\r\n" + head(), 0},
      {"two empty lines before", "\r\n\r\n" + head(), 400},
      {"a lone CR before", "\r" + head(), 400},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare LF in a header", head("B: c\nD: e\r\n"), 400},
      {"bare CR in a header", head("B: c\rD: e\r\n"), 400},
      {"NUL in a header", head(std::string("B: c\0d\r\n", 8)), 400},
      {"NUL in the target", std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29), 400},
      {"bytes of a TLS handshake", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), 400},
      {"a space in the target", head("", "GET /a b HTTP/1.1"), 400},
      {"a tab in the target", head("", "GET /a\tb HTTP/1.1"), 400},
      {"a byte above ASCII in the target", head("", "GET /\xc3\xa9 HTTP/1.1"), 400},
      {"a fragment", head("", "GET /a#b HTTP/1.1"), 400},
      {"a backslash", head("", "GET /a\\b HTTP/1.1"), 400},
      {"dots are the router's", head("", "GET /../a HTTP/1.1"), 0},
      {"absolute form", head("", "GET http://a/ HTTP/1.1"), 400},
      {"authority form", head("", "CONNECT a:443 HTTP/1.1"), 400},
      {"asterisk form", head("", "OPTIONS * HTTP/1.1"), 0},
      {"asterisk form of another", head("", "GET * HTTP/1.1"), 400},
      {"no target", head("", "GET HTTP/1.1"), 400},
      {"two spaces", head("", "GET  / HTTP/1.1"), 400},
      {"a tab between", head("", "GET\t/ HTTP/1.1"), 400},
      {"no version", head("", "GET /"), 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"HTTP/1.2", head("", "GET / HTTP/1.2"), 505},
      {"lower case version", head("", "GET / http/1.1"), 400},
      {"a method in lower case", head("", "get / HTTP/1.1"), 400},
      {"a method with a bracket", head("", "GE(T / HTTP/1.1"), 400},
      {"a method of 21 letters", head("", std::string(21, 'A') + " / HTTP/1.1"), 400},
      {"an unknown method is the router's", head("", "BREW / HTTP/1.1"), 0},
      {"a line over two lines", head("B: c\r\n d\r\n"), 400},
      {"a line over two lines, first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"a blank before the colon", head("B : c\r\n"), 400},
      {"a header without a colon", head("B\r\n"), 400},
      {"a header without a name", head(": c\r\n"), 400},
      {"a header with a strange name", head("B(: c\r\n"), 400},
      {"a header without a value", head("B:\r\n"), 0},
      {"100 headers and the host", head(many), 431},
      {"99 headers and the host", head(many.substr(4)), 0},
      {"a large head", head("B: " + std::string(16 * 1024, 'c') + "\r\n"), 431},
      {"a long line", head("", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1"), 414},
      {"a long line without end", "GET /" + std::string(9 * 1024, 'a'), 414},
      {"a line of the largest size",
       head("", "GET /" + std::string(8 * 1024 - head("", "GET / HTTP/1.1").find('\r'), 'a') +
                    " HTTP/1.1"),
       0},
      {"a head of the largest size",
       head("B: " + std::string(16 * 1024 - head("B: \r\n").size(), 'c') + "\r\n"), 0},
      {"a body", head("Content-Length: 3\r\n", post) + "abc", 0},
      {"a body of the largest size", head("Content-Length: 100\r\n", post) + std::string(100, 'a'),
       0},
      {"a body too large", head("Content-Length: 101\r\n", post), 413},
      {"a body of a gigabyte", head("Content-Length: 1000000000\r\n", post), 413},
      {"a length beyond 64 bits", head("Content-Length: 18446744073709551617\r\n", post), 413},
      {"a length below zero", head("Content-Length: -1\r\n", post), 400},
      {"a length with a sign", head("Content-Length: +3\r\n", post), 400},
      {"a hexadecimal length", head("Content-Length: 0x3\r\n", post), 400},
      {"a list of lengths", head("Content-Length: 3, 3\r\n", post), 400},
      {"an empty length", head("Content-Length:\r\n", post), 400},
      {"two lengths", head("Content-Length: 3\r\nContent-Length: 4\r\n", post), 400},
      {"two lengths alike", head("Content-Length: 3\r\nContent-Length: 3\r\n", post), 400},
      {"length and chunks", head("Content-Length: 3\r\n" + chunked, post), 400},
      {"chunks and length", head(chunked + "Content-Length: 3\r\n", post), 400},
      {"chunks twice", head(chunked + chunked, post), 400},
      {"another encoding", head("Transfer-Encoding: gzip\r\n", post), 501},
      {"another encoding too", head("Transfer-Encoding: gzip, chunked\r\n", post), 501},
      {"chunked in another case", head("Transfer-Encoding: Chunked\r\n", post) + "0\r\n\r\n", 0},
      {"chunked with a control character",
       head("Transfer-Encoding: \x0b"
            "chunked\r\n",
            post),
       400},
      {"chunks in 1.0", head(chunked, "POST / HTTP/1.0"), 400},
      {"chunks", head(chunked, post) + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 0},
      {"chunks with a trailer", head(chunked, post) + "3\r\nabc\r\n0\r\nB: c\r\n\r\n", 0},
      {"chunks with an extension", head(chunked, post) + "3;a=b\r\nabc\r\n0\r\n\r\n", 0},
      {"a chunk too large", head(chunked, post) + "65\r\n", 413},
      {"chunks too large together",
       head(chunked, post) + "64\r\n" + std::string(100, 'a') + "\r\n1\r\n", 413},
      {"a chunk beyond 64 bits", head(chunked, post) + "10000000000000001\r\nabc", 400},
      {"a chunk that is huge", head(chunked, post) + "FFFFFFFFFFFFFFF\r\nabc", 413},
      {"an extension that ends with LF", head(chunked, post) + "3;a\nabc\r\n0\r\n\r\n", 400},
      {"an extension with CR", head(chunked, post) + "3;a\rb\r\nabc\r\n0\r\n\r\n", 400},
      {"a blank before an extension", head(chunked, post) + "3 ;a\r\nabc\r\n0\r\n\r\n", 400},
      {"a chunk without a size", head(chunked, post) + "\r\nabc\r\n0\r\n\r\n", 400},
      {"an end that is a bare LF", head(chunked, post) + "0\r\n\n", 400},
      {"a chunk with a sign", head(chunked, post) + "+3\r\nabc\r\n0\r\n\r\n", 400},
      {"a hexadecimal mark", head(chunked, post) + "0x3\r\nabc\r\n0\r\n\r\n", 400},
      {"no end of a chunk", head(chunked, post) + "3\r\nabcd\r\n0\r\n\r\n", 400},
      {"chunks of which little is content", head(chunked, post) + tiny_chunks, 400},
      {"a line of a chunk without end", head(chunked, post) + "3;" + std::string(20000, 'x'), 400},
      {"a trailer without end",
       head(chunked, post) + "3\r\nabc\r\n0\r\nB: " + std::string(20000, 'x'), 400},
      {"expects what we know", head("Expect: 100-continue\r\nContent-Length: 1\r\n", post) + "a",
       0},
      {"expects something else", head("Expect: tea\r\n", post), 417},
  };
}

TEST(RequestReaderTest, TakesOrRefusesWhateverThePieces) {
  for (const Case& one : cases()) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{16384}}) {
      SCOPED_TRACE(one.name + " in pieces of " + std::to_string(step));
      std::size_t taken = 0;
      RequestReader reader = read(one.bytes, step, taken);
      ASSERT_EQ(one.status == 0 ? State::done : State::refused, reader.state());
      if (one.status != 0) {
        EXPECT_EQ(one.status, reader.fault().status) << reader.fault().what;
      }
    }
  }
}

TEST(RequestReaderTest, TellsThePartsOfARequest) {
  std::size_t taken = 0;
  RequestReader reader = read(
      "POST /a/%2e?b=c&d?e HTTP/1.1\r\nHost: h\r\nX-Name: \t one two \r\nContent-Length: "
      "3\r\n\r\nabc",
      5, taken);
  ASSERT_EQ(State::done, reader.state());
  const HttpRequest& request = reader.request();
  EXPECT_EQ("POST", request.method);
  EXPECT_EQ("/a/%2e", request.path);
  EXPECT_EQ("b=c&d?e", request.query);
  EXPECT_EQ("abc", request.body);
  EXPECT_EQ("one two", request.header("x-name"));
  EXPECT_EQ(std::nullopt, request.header("x-other"));
}

TEST(RequestReaderTest, LeavesWhatBelongsToTheNextRequest) {
  for (const std::string& one :
       {head(), head("Content-Length: 3\r\n", "POST / HTTP/1.1") + "abc",
        head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1") + "3\r\nabc\r\n0\r\n\r\n"}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{16384}}) {
      std::size_t taken = 0;
      RequestReader reader = read(one + one, step, taken);
      EXPECT_EQ(State::done, reader.state());
      EXPECT_EQ(one.size(), taken);
    }
  }
}

TEST(RequestReaderTest, ATrailerIsNoHeader) {
  std::size_t taken = 0;
  RequestReader reader =
      read(head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1") +
               "3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\nContent-Length: 7\r\n\r\n",
           16384, taken);
  ASSERT_EQ(State::done, reader.state());
  EXPECT_EQ("abc", reader.request().body);
  EXPECT_EQ(std::nullopt, reader.request().header("authorization"));
}

TEST(RequestReaderTest, TellsHowTheConnectionGoesOn) {
  const auto facts = [](const std::string& bytes) {
    std::size_t taken = 0;
    return read(bytes, 16384, taken).facts();
  };
  EXPECT_FALSE(facts(head()).closes);
  EXPECT_TRUE(facts(head("Connection: close\r\n")).closes);
  EXPECT_TRUE(facts(head("Connection: Upgrade , CLOSE\r\n")).closes);
  EXPECT_FALSE(facts(head("Connection: closed\r\n")).closes);
  EXPECT_TRUE(facts(head("Connection: keep-alive\r\n", "GET / HTTP/1.0")).closes);
  EXPECT_TRUE(facts(head("Expect: 100-Continue\r\n")).expects_continue);
}

}  // namespace
}  // namespace tidemark

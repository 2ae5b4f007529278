#include "drivers/http/url.h"

#include <gtest/gtest.h>

#include <string>

namespace tidemark {
namespace {

std::string told(const std::string& text) {
  const auto url = Url::parse(text);
  if (!url.ok()) return url.error().code;
  return (url->is_https ? "https " : "http ") + url->host + " " + std::to_string(url->port) + " " +
         url->target + " " + url->authority();
}

TEST(UrlTest, TellsTheParts) {
  EXPECT_EQ("http a.test 80 / a.test", told("http://A.test"));
  EXPECT_EQ("https a.test 443 /b?c=d a.test", told("https://a.test/b?c=d"));
  EXPECT_EQ("https a.test 80 /?c a.test:80", told("https://a.test:80?c"));
  EXPECT_EQ("http ::1 8080 /b [::1]:8080", told("http://[::1]:8080/b"));
  EXPECT_EQ("http 127.0.0.1 80 /@b:c 127.0.0.1", told("http://127.0.0.1/@b:c"));
}

TEST(UrlTest, RefusesOthers) {
  for (const std::string& text : {std::string(),
                                  std::string("a.test"),
                                  std::string("ftp://a.test"),
                                  std::string("HTTP://a.test"),
                                  std::string("http://"),
                                  std::string("http:///b"),
                                  std::string("http://user:word@a.test/"),
                                  std::string("http://a.test@b.test/"),
                                  std::string("http://a.test:0/"),
                                  std::string("http://a.test:65536/"),
                                  std::string("http://a.test:/"),
                                  std::string("http://a.test:8x/"),
                                  std::string("http://[::1/"),
                                  std::string("http://[::1]8/"),
                                  std::string("http://[a]/"),
                                  std::string("http://a test/"),
                                  std::string("http://a.test/b c"),
                                  std::string("http://a.test/b\r\nC: d"),
                                  std::string("http://a.test/b#c"),
                                  std::string("http://a.test\\@b.test/"),
                                  std::string("http://a%2etest/"),
                                  std::string("http://a.test/\0", 15),
                                  "http://a.test/" + std::string(9000, 'b')})
    EXPECT_EQ("http.bad_url", told(text)) << text.substr(0, 40);
}

TEST(UrlTest, ShowsNoSecret) {
  const auto url = Url::parse("https://user:hidden@a.test/");
  EXPECT_EQ(std::string::npos, url.error().describe().find("hidden"));
  EXPECT_EQ("https://a.test:1", Url::parse("https://a.test:1/hidden")->shown());
}

TEST(UrlTest, FollowsWithinAndElsewhere) {
  const auto url = Url::parse("https://a.test:1/b?c");
  EXPECT_EQ("/d?e", url->follow("/d?e")->target);
  EXPECT_EQ("https://a.test:1", url->follow("/d?e")->shown());
  EXPECT_EQ("http://f.test", url->follow("http://f.test/")->shown());
  EXPECT_FALSE(url->follow("//f.test/").ok());
  EXPECT_FALSE(url->follow("d").ok());
}

}  // namespace
}  // namespace tidemark

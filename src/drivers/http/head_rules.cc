#include "drivers/http/head_rules.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tidemark {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::size_t method_bytes_max = 20;
// A number with more digits than this might not fit in 64 bits.
constexpr std::size_t length_digits_max = 18;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_digit(c) || is_letter(c) || marks.find(c) != std::string_view::npos;
  });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Whether `word` is in a list with commas.
bool lists(std::string_view value, std::string_view word) {
  while (true) {
    const std::size_t comma = value.find(',');
    if (same_word(trimmed(value.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

HttpFault bad(std::string what) {
  return {400, std::move(what)};
}

HttpFault line_too_long(const RequestLimits& limits) {
  return {414, "the request line is longer than " + std::to_string(limits.request_line_bytes_max) +
                   " bytes"};
}

std::optional<HttpFault> check_target(std::string_view method, std::string_view target) {
  // Of `*` there is only one use, which asks about the server as a whole.
  if (target == "*" && method == "OPTIONS") return std::nullopt;
  if (!target.starts_with('/'))
    return bad("the target must be a path that begins with `/`; no other host is spoken for here");
  const auto wrong = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x21 || byte > 0x7e || c == '#' || c == '\\';
  };
  if (std::any_of(target.begin(), target.end(), wrong))
    return bad("the target has a character that must be percent-encoded");
  return std::nullopt;
}

std::optional<HttpFault> read_request_line(std::string_view line, HttpRequest& request,
                                           HeadFacts& facts) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the first line must be `METHOD /path HTTP/1.1`");
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  const bool has_lower =
      std::any_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (method.size() > method_bytes_max || !is_token(method) || has_lower)
    return bad("the method must be a word in upper case");
  const bool is_version = version.size() == 8 && version.starts_with("HTTP/") &&
                          is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
  if (!is_version) return bad("the first line must end with `HTTP/1.1`");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return HttpFault{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  facts.is_http_1_0 = version == "HTTP/1.0";
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::size_t mark = target.find('?');
  request.method = method;
  request.path = target.substr(0, mark);
  request.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  return check_target(method, target);
}

bool is_host(std::string_view value) {
  constexpr std::string_view marks = "-._~%!$&'()*+,;=:[]";
  return std::all_of(value.begin(), value.end(), [&](char c) {
    return is_digit(c) || is_letter(c) || marks.find(c) != std::string_view::npos;
  });
}

struct Seen {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
};

std::optional<HttpFault> read_header(std::string_view line, HttpRequest& request, HeadFacts& facts,
                                     Seen& seen) {
  if (line.front() == ' ' || line.front() == '\t')
    return bad("a header goes on over two lines: write it in one");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad("a header must be `name: value`, with no blank before the colon");
  const std::string_view value = trimmed(line.substr(colon + 1));
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), lower);
  if (name == "host") {
    ++seen.hosts;
    if (!is_host(value)) return bad("the header `host` is not a host");
  } else if (name == "content-length") {
    ++seen.lengths;
    if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit))
      return bad("the header `content-length` must be a number");
    if (value.size() > length_digits_max) return HttpFault{413, "the body is too large"};
    std::from_chars(value.data(), value.data() + value.size(), facts.content_length);
  } else if (name == "transfer-encoding") {
    ++seen.encodings;
    if (!same_word(value, "chunked"))
      return HttpFault{501, "of transfer encodings only `chunked` is known here"};
    facts.is_chunked = true;
  } else if (name == "connection") {
    facts.closes = facts.closes || lists(value, "close");
  } else if (name == "expect") {
    if (!same_word(value, "100-continue"))
      return HttpFault{417, "of expectations only `100-continue` is known here"};
    facts.expects_continue = true;
  }
  request.headers.push_back({std::move(name), std::string(value)});
  return std::nullopt;
}

std::optional<HttpFault> check_together(const Seen& seen, HeadFacts& facts) {
  if (seen.hosts > 1 || (seen.hosts == 0 && !facts.is_http_1_0))
    return bad("there must be one header `host`");
  // Two readers may choose differently which of them counts, and then where the next request
  // begins.
  if (seen.lengths > 1) return bad("there must be one header `content-length` at most");
  if (seen.encodings > 1) return bad("there must be one header `transfer-encoding` at most");
  if (seen.lengths > 0 && seen.encodings > 0)
    return bad("`content-length` and `transfer-encoding` exclude each other");
  if (facts.is_chunked && facts.is_http_1_0) return bad("HTTP/1.0 has no `transfer-encoding`");
  facts.closes = facts.closes || facts.is_http_1_0;
  facts.expects_continue = facts.expects_continue && !facts.is_http_1_0;
  return std::nullopt;
}

}  // namespace

std::optional<HttpFault> check_part_of_head(std::string_view part, std::size_t checked,
                                            const RequestLimits& limits) {
  for (std::size_t i = checked; i < part.size(); ++i) {
    const auto byte = static_cast<unsigned char>(part[i]);
    const bool after_return = i > 0 && part[i - 1] == '\r';
    if ((part[i] == '\n') != after_return) return bad("lines must end with CR LF");
    if ((byte < 0x20 && byte != '\r' && byte != '\n' && byte != '\t') || byte == 0x7f)
      return bad("the head has a control character");
  }
  // A CR is followed by LF, if not yet.
  const std::size_t line = std::min(part.find('\r'), part.size());
  if (line > limits.request_line_bytes_max) return line_too_long(limits);
  if (part.size() > limits.head_bytes_max)
    return HttpFault{
        431, "the headers are larger than " + std::to_string(limits.head_bytes_max) + " bytes"};
  return std::nullopt;
}

std::optional<HttpFault> read_head(std::string_view head, const RequestLimits& limits,
                                   HttpRequest& request, HeadFacts& facts) {
  std::size_t at = head.find(line_end);
  if (auto fault = read_request_line(head.substr(0, at), request, facts)) return fault;
  Seen seen;
  for (at += line_end.size();;) {
    const std::size_t end = head.find(line_end, at);
    const std::string_view line = head.substr(at, end - at);
    if (line.empty()) break;
    if (request.headers.size() == limits.headers_max)
      return HttpFault{431,
                       "there are more than " + std::to_string(limits.headers_max) + " headers"};
    if (auto fault = read_header(line, request, facts, seen)) return fault;
    at = end + line_end.size();
  }
  return check_together(seen, facts);
}

}  // namespace tidemark

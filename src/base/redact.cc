#include "base/redact.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace tidemark {
namespace {

constexpr std::size_t bytes_min = 4;

bool is_unreserved(unsigned char c) {
  return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
}

// `kept`: what a writer of URLs may leave as it is beside letters and digits.
std::string in_url(std::string_view text, std::string_view kept, const char* digits) {
  std::string url;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(byte) || kept.find(c) != std::string_view::npos) {
      url += c;
    } else {
      url += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return url;
}

// With `escape` before each of `special`.
std::string quoted(std::string_view text, std::string_view special, const char* escape) {
  std::string quoted;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) quoted += *escape != '\0' ? *escape : c;
    quoted += c;
  }
  return quoted;
}

// Without the padding, which is no part of what it holds.
std::string in_base64(std::string_view text, std::string_view last_two) {
  std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  letters += last_two;
  std::string encoded;
  unsigned held = 0;
  int bits = 0;
  for (const char c : text) {
    held = ((held << 8U) | static_cast<unsigned char>(c)) & 0xffffU;
    for (bits += 8; bits >= 6; bits -= 6)
      encoded += letters[(held >> static_cast<unsigned>(bits - 6)) & 63U];
  }
  if (bits > 0) encoded += letters[(held << static_cast<unsigned>(6 - bits)) & 63U];
  return encoded;
}

void replace_all(std::string& text, const std::string& form) {
  for (std::size_t at = text.find(form); at != std::string::npos;
       at = text.find(form, at + std::string_view(Secret::shown()).size()))
    text.replace(at, form.size(), Secret::shown());
}

}  // namespace

std::string redact(std::string_view text, const Secret& secret) {
  std::string shown(text);
  const std::string& value = secret.reveal();
  if (value.size() < bytes_min) return shown;
  std::vector<std::string> forms{value,
                                 quoted(value, "'", ""),
                                 quoted(value, "\"", ""),
                                 quoted(value, "'\\", "\\"),
                                 quoted(value, "\"\\", "\\"),
                                 in_base64(value, "+/"),
                                 in_base64(value, "-_")};
  for (const char* digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
    for (const char* kept : {"", "!$&'()*+,;=:@", "!'()*"})
      forms.push_back(in_url(value, kept, digits));
  }
  // A longer form may hold a shorter one; many are the same, and none is replaced in what took its
  // place.
  std::sort(forms.begin(), forms.end(), [](const std::string& one, const std::string& other) {
    return one.size() != other.size() ? one.size() > other.size() : one < other;
  });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  for (const std::string& form : forms)
    replace_all(shown, form);
  return shown;
}

}  // namespace tidemark

#include "drivers/http/address_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace tidemark {
namespace {

struct Special {
  const char* network;
  int bits;
  std::string_view what;
};

// Of the registries for special uses of IPv4 and IPv6; the first that matches says what it is.
constexpr Special specials_v4[] = {
    {"0.0.0.0", 8, "an address of this host"},
    {"10.0.0.0", 8, "a private address"},
    {"100.64.0.0", 10, "an address that a provider shares"},
    {"127.0.0.0", 8, "a loopback address"},
    {"169.254.0.0", 16, "a link-local address"},
    {"172.16.0.0", 12, "a private address"},
    {"192.0.0.0", 24, "a reserved address"},
    {"192.0.2.0", 24, "an address for documents"},
    {"192.88.99.0", 24, "an address of a relay"},
    {"192.168.0.0", 16, "a private address"},
    {"198.18.0.0", 15, "an address for measurements"},
    {"198.51.100.0", 24, "an address for documents"},
    {"203.0.113.0", 24, "an address for documents"},
    {"224.0.0.0", 4, "a multicast address"},
    {"240.0.0.0", 4, "a reserved address"},
};

constexpr Special specials_v6[] = {
    {"::1", 128, "a loopback address"},
    {"::", 128, "an address of this host"},
    {"64:ff9b::", 96, "an address that is translated to IPv4"},
    {"64:ff9b:1::", 48, "an address that is translated to IPv4"},
    {"fc00::", 7, "a private address"},
    {"fe80::", 10, "a link-local address"},
    {"fec0::", 10, "a private address"},
    {"ff00::", 8, "a multicast address"},
    {"2001::", 32, "an address of a tunnel"},
    {"2001::", 23, "a reserved address"},
    {"2001:db8::", 32, "an address for documents"},
    {"2002::", 16, "an address of a tunnel"},
    {"3fff::", 20, "an address for documents"},
};

// Where clouds tell their machines what they are and may: whoever reaches these has credentials.
constexpr const char* metadata[] = {
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200",
    "192.0.0.192",     "fd00:ec2::254", "fd00:ec2::23",   "fd20:ce::254",
};

bool is_metadata(const IpAddress& address) {
  return std::any_of(std::begin(metadata), std::end(metadata),
                     [&](const char* one) { return address == *IpAddress::parse(one); });
}

// Where every other address of IPv6 that is in use stands.
constexpr const char* global_v6 = "2000::";
constexpr int global_v6_bits = 3;

constexpr int bits_v4 = 32;
constexpr int bits_v6 = 128;

Error bad_network(const std::string& text) {
  return user_error("http.bad_network", "`" + text + "` is no network",
                    "write an address, or a network as `10.1.0.0/16` or `fd12::/48`");
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
  IpAddress address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes_.data()) == 1) return address;
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  address.is_v4_ = false;
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!std::equal(mapped.begin(), mapped.end(), address.bytes_.begin())) return address;
  IpAddress inner;
  std::copy_n(address.bytes_.begin() + mapped.size(), 4, inner.bytes_.begin());
  return inner;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(is_v4_ ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

bool IpAddress::is_in(const IpAddress& network, int bits) const {
  if (is_v4_ != network.is_v4_) return false;
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(whole),
                  network.bytes_.begin()))
    return false;
  if (bits % 8 == 0) return true;
  const int shift = 8 - bits % 8;
  return bytes_[whole] >> shift == network.bytes_[whole] >> shift;
}

std::optional<std::string_view> special_use(const IpAddress& address) {
  const auto find = [&](const auto& specials) -> std::optional<std::string_view> {
    for (const Special& special : specials)
      if (address.is_in(*IpAddress::parse(special.network), special.bits)) return special.what;
    return std::nullopt;
  };
  if (address.is_v4()) return find(specials_v4);
  if (const auto found = find(specials_v6)) return found;
  if (!address.is_in(*IpAddress::parse(global_v6), global_v6_bits)) return "a reserved address";
  return std::nullopt;
}

Result<IpNetwork> IpNetwork::parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return bad_network(text);
  const int bits_max = address->is_v4() ? bits_v4 : bits_v6;
  int bits = bits_max;
  if (slash != std::string::npos) {
    const char* const begin = text.data() + slash + 1;
    const char* const end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(begin, end, bits);
    if (failed != std::errc() || stop != end || bits < 0 || bits > bits_max)
      return bad_network(text);
  }
  return IpNetwork{*address, bits};
}

Result<AddressRules> AddressRules::allowing(const std::vector<std::string>& networks) {
  AddressRules rules;
  for (const std::string& text : networks) {
    TM_TRY(const IpNetwork network, IpNetwork::parse(text));
    rules.allowed_.push_back(network);
  }
  return rules;
}

Result<AddressRules> AddressRules::within(const std::vector<std::string>& networks) {
  TM_TRY(AddressRules rules, allowing(networks));
  rules.is_within_ = true;
  return rules;
}

Status AddressRules::check(const IpAddress& address, const std::string& host) const {
  const auto what = special_use(address);
  const bool is_alone = is_metadata(address);
  const bool is_allowed =
      (!what && !is_within_) ||
      std::any_of(allowed_.begin(), allowed_.end(), [&](const IpNetwork& network) {
        return network.has(address) &&
               (!is_alone || network.bits == (address.is_v4() ? bits_v4 : bits_v6));
      });
  if (is_allowed) return {};
  const std::string text = address.text();
  return user_error(
      "http.address_refused",
      (host == text ? text : host + " has the address " + text + ", which") + " is " +
          std::string(what.value_or("in none of the networks that plain http is for")) +
          ": nothing is sent there",
      what ? "if it is meant, allow the address, or its network, in the project"
           : "give it an address of https, or allow the address, or its network, in the project");
}

}  // namespace tidemark

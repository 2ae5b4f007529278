// Where Tidemark may connect to by an address that a project, or an answer, names: not into the
// networks around it, unless the project allows that.
//
// Values; pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

// An address of IPv4 or IPv6. One of IPv4 that is written as one of IPv6 (`::ffff:10.0.0.1`) is
// the one of IPv4, since that is where a connection goes.
class IpAddress {
 public:
  // As inet_pton reads it: four decimal numbers, or IPv6 without a zone.
  static std::optional<IpAddress> parse(const std::string& text);
  bool is_v4() const { return is_v4_; }
  std::string text() const;
  // Whether the first `bits` are those of `network`.
  bool is_in(const IpAddress& network, int bits) const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  bool is_v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};  // four of IPv4
};

struct IpNetwork {
  IpAddress address;
  int bits = 0;

  // `10.1.0.0/16`, or one address. User fault `http.bad_network`.
  static Result<IpNetwork> parse(const std::string& text);
  bool has(const IpAddress& one) const { return one.is_in(address, bits); }
};

// What an address that is not one of the Internet is, as `a loopback address`; nothing for others.
std::optional<std::string_view> special_use(const IpAddress& address);

class AddressRules {
 public:
  // Every address of the Internet.
  AddressRules() = default;
  // And those of these networks, as IpNetwork reads them. Where a cloud tells its machines their
  // credentials must be named itself: a network around it does not allow it.
  static Result<AddressRules> allowing(const std::vector<std::string>& networks);
  // Those of these networks alone, in the same way: for what others may read on its way.
  static Result<AddressRules> within(const std::vector<std::string>& networks);

  // User fault `http.address_refused`; `host` is the name that led to the address.
  Status check(const IpAddress& address, const std::string& host) const;

 private:
  std::vector<IpNetwork> allowed_;
  bool is_within_ = false;
};

}  // namespace tidemark

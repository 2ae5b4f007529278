// Keys, and what is sealed with them: XChaCha20-Poly1305, so that whoever changes a byte of it, or
// puts it into another's place, is found out; also the random numbers and hashes of secrets.
//
// A Key belongs to one owner, is move-only, and its memory is locked, left out of core dumps and
// wiped at its end. The functions are pure but for the random ones, and safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace tidemark {

class Key {
 public:
  static constexpr std::size_t size = 32;

  static Key random();
  // Nothing where these are not `size` bytes.
  static std::optional<Key> of(std::string_view bytes);
  // The same as 64 hexadecimal digits.
  static std::optional<Key> of_hex(std::string_view digits);

  Key(Key&& other) noexcept;
  Key& operator=(Key&& other) noexcept;
  ~Key();

  // REQUIRES: was not moved from. Of the bytes, no copy is made.
  std::string_view bytes() const;
  Secret hex() const;
  // Which key it is, and no secret: 16 hexadecimal digits of a hash.
  std::string id() const;

 private:
  Key();
  unsigned char* bytes_;
};

// For tokens and the like: of the kernel's generator.
Secret random_hex(std::size_t bytes);
// BLAKE2b of 256 bits, as 64 hexadecimal digits.
std::string blake2b_hex(std::string_view bytes);
// In a time that says nothing of where they differ.
bool are_same(std::string_view one, std::string_view other);
// Overwritten before it is given back; the text is empty after.
void wipe(std::string& text);

// A random nonce, then what was sealed. `associated` is not in it, and must be said again to open.
std::string seal(const Key& key, std::string_view plain, std::string_view associated);
// Nothing where it was sealed with another key or for something else, or is damaged.
std::optional<Secret> unseal(const Key& key, std::string_view sealed, std::string_view associated);

// What is sealed is bytes, and a text's column holds no zeros.
std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view digits);

// 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
// With `+`, `/` and padding, as signatures over HTTP are written.
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace tidemark

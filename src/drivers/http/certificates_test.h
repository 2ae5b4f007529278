// Certificates of tests, made for them by the program openssl into a folder of their own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "drivers/http/tls_files.h"

namespace tidemark::testing {

class Certificates {
 public:
  Certificates() {
    std::string name = (std::filesystem::temp_directory_path() / "certificates-XXXXXX").string();
    EXPECT_NE(nullptr, ::mkdtemp(name.data()));
    folder_ = name;
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
        "-subj /CN=authority -keyout ca.key -out ca.pem");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::filesystem::path authority() const { return folder_ / "ca.pem"; }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

  // Of the authority, for `names` as openssl has them (`DNS:localhost,IP:127.0.0.1`).
  TlsFiles make(const std::string& name, const std::string& names,
                const std::string& days = "-days 30") const {
    std::ofstream(path(name + ".ext")) << "subjectAltName=" << names << "\n";
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
        " -keyout " + name + ".key -out " + name + ".csr");
    run("openssl x509 -req -in " + name + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial " + days +
        " -extfile " + name + ".ext -out " + name + ".pem");
    return {path(name + ".pem"), path(name + ".key")};
  }
  // Of nobody but itself.
  TlsFiles make_self_signed(const std::string& name, const std::string& names) const {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=" +
        name + " -addext subjectAltName=" + names + " -keyout " + name + ".key -out " + name +
        ".pem");
    return {path(name + ".pem"), path(name + ".key")};
  }

 private:
  void run(const std::string& command) const {
    const std::string whole =
        "cd " + folder_.string() + " && umask 077 && " + command + " > openssl.log 2>&1";
    EXPECT_EQ(0, std::system(whole.c_str())) << command;
  }

  std::filesystem::path folder_;
};

}  // namespace tidemark::testing

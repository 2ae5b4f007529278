#include "spec/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "spec/test_project.h"

namespace tidemark {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReferencesTest : public ::testing::Test {
 protected:
  References references() {
    return References(
        project_.root(),
        [this](const std::string& name) -> std::optional<std::string> {
          return name == "WORD" ? std::optional(word_) : std::nullopt;
        },
        [this](SecretPlace place, const std::string& name) -> Result<Secret> {
          ++asked_;
          if (place == SecretPlace::vault) return Secret("vault's " + name);
          if (name == "shop") return Secret("p${env:WORD}");
          return user_error("secret.unknown", "there is no secret `" + name + "`");
        });
  }
  std::string resolved(const std::string& text) {
    const auto secret = references().resolve_secret(text);
    return secret.ok() ? secret->reveal() : secret.error().code;
  }
  void give_to_all(const std::string& file, std::filesystem::perms perms) {
    std::filesystem::permissions(project_.root() / file, perms, std::filesystem::perm_options::add);
  }

  TestProject project_;
  std::string word_ = "w0rd";
  int asked_ = 0;
};

TEST_F(ReferencesTest, ASecretOfEveryKind) {
  project_.write("pin", "12\n34\r\n");
  std::filesystem::permissions(project_.root() / "pin", std::filesystem::perms::owner_read);
  EXPECT_EQ(resolved("${env:WORD}"), "w0rd");
  EXPECT_EQ(resolved("${file:pin}"), "12\n34");
  EXPECT_EQ(resolved("a${env:WORD}-${secret:shop}$${x}"), "aw0rd-p${env:WORD}${x}")
      << "what a secret holds is no reference";
  EXPECT_EQ(resolved("${vault:kv/a/b#c}"), "vault's kv/a/b#c");
  EXPECT_EQ(resolved("${secret:other}"), "secret.unknown");
  EXPECT_EQ(resolved("${secret:../x}"), "spec.bad_reference");
  EXPECT_EQ(References(project_.root()).resolve_secret("${secret:shop}").error().code,
            "secret.no_store");
}

TEST_F(ReferencesTest, WhatIsKnownWithoutTheStoreIsChecked) {
  EXPECT_TRUE(references().check_secret("${secret:nobody.knows-it_1}").ok());
  EXPECT_TRUE(references().check_secret("${env:WORD}").ok());
  EXPECT_EQ(asked_, 0);
  EXPECT_TRUE(references().check_secret("x${vault:kv/a b/c-d.e_f#g h}").ok());
  EXPECT_EQ(asked_, 0);
  for (const char* wrong :
       {"${secret:a b}", "${secret:-a}", "${secret:}", "${secret}", "${x:y}", "${vault:kv}",
        "${vault:kv/a}", "${vault:kv/#a}", "${vault:/a#b}", "${vault:kv/a#}", "${vault:kv//a#b}",
        "${vault:kv/../sys/x#b}", "${vault:kv/./x#b}", "${vault:kv/a?x#b}", "${vault:kv/%2e#b}",
        "${vault:a#b/c}", "${vault:kv/a\n#b}"})
    EXPECT_EQ(references().check_secret(wrong).error().code, "spec.bad_reference") << wrong;
  EXPECT_EQ(references().check_secret("${env:NONE}").error().code, "spec.no_variable");
  EXPECT_EQ(references().check_secret("${file:none}").error().code, "spec.no_file");
}

TEST_F(ReferencesTest, AFileWithASecretIsWrittenByItsOwnerAlone) {
  project_.write("pin", "1234");
  std::filesystem::permissions(project_.root() / "pin", std::filesystem::perms::owner_read);
  EXPECT_EQ(resolved("${file:pin}"), "1234");
  give_to_all("pin", std::filesystem::perms::group_read | std::filesystem::perms::others_read);
  EXPECT_EQ(resolved("${file:pin}"), "1234") << "as containers are given theirs";
  give_to_all("pin", std::filesystem::perms::group_write);
  EXPECT_EQ(resolved("${file:pin}"), "spec.open_secret");
  EXPECT_THAT(references().check_secret("${file:pin}").error().hint, HasSubstr("chmod go-w"));
  EXPECT_EQ(references().resolve("${file:pin}").value(), "1234") << "elsewhere it is no secret";
}

TEST_F(ReferencesTest, AStoredSecretStandsInNoOtherText) {
  EXPECT_THAT(references().resolve("host=${secret:shop}").error().message,
              HasSubstr("only where a secret is taken"));
}

TEST_F(ReferencesTest, AConnectionAsksWhenItIsUsed) {
  project_.write("tidemark.yaml",
                 "connections:\n  shop: {postgres: host=a, password: \"x${secret:shop}\"}\n");
  const LoadedProject loaded = load_project(
      project_.root(), fake_catalog(), nullptr, {}, [this](SecretPlace, const std::string&) {
        ++asked_;
        return Result<Secret>(Secret("value " + std::to_string(asked_)));
      });
  ASSERT_TRUE(loaded.faults.empty()) << loaded.faults.print();
  EXPECT_EQ(asked_, 0);
  const Secret password =
      loaded.project.find_connection("shop")->config.get<FakePostgres>()->password;
  EXPECT_EQ(password.now()->reveal(), "xvalue 1");
  EXPECT_EQ(password.now()->reveal(), "xvalue 2");
  EXPECT_EQ(password.written(), "x${secret:shop}");
  EXPECT_FALSE(password.empty());
}

TEST_F(ReferencesTest, TheFilesOfSecretsAreKnown) {
  project_.write("a", "1").write("b", "2").set("HOST", "h");
  project_.write("tidemark.yaml",
                 "connections:\n  shop: {postgres: host=a, password: \"${file:a}-${file:b}\"}\n");
  EXPECT_THAT(project_.load().secret_files,
              ElementsAre(project_.root() / "a", project_.root() / "b"));
}

TEST_F(ReferencesTest, FaultsSayWhere) {
  project_.write("tidemark.yaml",
                 "store: {postgres: host=a, password: \"${secret:a}\"}\n"
                 "connections:\n  a: {postgres: \"host=${secret:a}\"}\n"
                 "  b: {postgres: host=b, password: \"${secret:a b}\"}\n");
  EXPECT_THAT(project_.faults(),
              ElementsAre("tidemark.yaml:1:37: the store's own password cannot stand in the store",
                          "tidemark.yaml:3:17: a stored secret stands only where a secret is taken",
                          "tidemark.yaml:4:35: `a b` cannot be the name of a secret"));
}

TEST_F(ReferencesTest, FaultsOfVaultSayWhere) {
  project_.set("TOKEN", "t");
  const std::string connections =
      "connections:\n  a: {postgres: host=a, password: \"${vault:kv/a#b}\"}\n";
  project_.write("tidemark.yaml", connections);
  EXPECT_THAT(
      project_.faults(),
      ElementsAre("tidemark.yaml:2:35: `${vault:...}` is used, and the project names no Vault"));
  const auto faults = [&](const std::string& vault) {
    project_.write("tidemark.yaml", "secrets: {vault: " + vault + "}\n" + connections);
    return project_.faults();
  };
  for (const char* good : {"https://vault.example:8200", "http://127.0.0.1:8200",
                           "http://localhost:8200", "\"http://[::1]:8200\""})
    EXPECT_THAT(faults(std::string("{address: ") + good + ", token: \"${env:TOKEN}\"}"),
                ElementsAre());
  EXPECT_THAT(faults("{address: http://vault.example, token: \"${env:TOKEN}\"}"),
              ElementsAre("tidemark.yaml:1:28: `http://vault.example` is no https: the token and "
                          "every secret could be read"));
  EXPECT_THAT(faults("{address: https://vault.example/v1, token: \"${env:TOKEN}\"}"),
              ElementsAre("tidemark.yaml:1:28: the address of Vault ends with its host and port"));
  EXPECT_THAT(faults("{address: https://vault.example, token: \"${vault:a/b#c}\"}"),
              ElementsAre("tidemark.yaml:1:58: the token of Vault cannot stand in Vault"));
  project_.write(
      "tidemark.yaml",
      "store: {postgres: host=a, password: \"${vault:kv/a#b}\"}\n"
      "secrets: {vault: {address: https://v, token: \"${secret:v}\"}}\nconnections: {}\n");
  EXPECT_THAT(project_.faults(),
              ElementsAre("tidemark.yaml:1:37: the store's password stands in Vault, and the token "
                          "of Vault in the store"));
}

}  // namespace
}  // namespace tidemark

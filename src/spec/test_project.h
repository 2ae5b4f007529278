// A project folder for the tests of this folder, with connectors and SQL that exist for them only.
//
// Each TestProject owns a fresh folder and removes it; one thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "spec/project_load.h"

namespace tidemark {

struct FakePostgres {
  WrittenText dsn;
  Secret password;
};

struct FakePath {
  std::string path;
};

// `postgres` (source, target, guard), `duckdb` (target), `files` (source of files only).
ConnectorCatalog fake_catalog();

// Finds the word `wrong` wherever it stands.
class FakeSqlCheck final : public SqlCheck {
 public:
  std::optional<SqlFault> check_query(std::string_view text) override { return find(text); }
  std::optional<SqlFault> check_expression(std::string_view text) override { return find(text); }

 private:
  static std::optional<SqlFault> find(std::string_view text);
};

class TestProject {
 public:
  TestProject();
  ~TestProject();
  TestProject(const TestProject&) = delete;
  TestProject& operator=(const TestProject&) = delete;

  const std::filesystem::path& root() const { return root_; }
  TestProject& write(const std::string& file, const std::string& content);
  // tidemark.yaml with the connections shop (postgres), landing (files), warehouse (duckdb).
  TestProject& with_connections();
  // A job that stands in the store.
  TestProject& store(const std::string& name, const std::string& text);
  TestProject& set(const std::string& variable, const std::string& value);
  LoadedProject load() const;
  // Headlines of all faults.
  std::vector<std::string> faults() const;
  // The only job, which must be without faults.
  JobSpec job() const;

 private:
  std::filesystem::path root_;
  std::map<std::string, std::string> environment_;
  std::vector<StoredJobText> stored_;
};

// A good job around one changed part.
std::string job_with(const std::string& from, const std::string& to, const std::string& rest = {});
extern const char* const good_from;
extern const char* const good_to;

}  // namespace tidemark

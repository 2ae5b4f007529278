// The table of routes and docs/api/openapi.yaml say the same.
#include "api/routes.h"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "api/openapi_text.h"
#include "api/router.h"
#include "drivers/yaml/document.h"
#include "store/sqlite_database.h"

namespace tidemark {
namespace {

class RoutesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-api-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    const auto database = [&] { return open_sqlite_database(dir_ / "store.db", clock_).value(); };
    access_ = StoreAccess::open(database(), std::nullopt, clock_).value();
    store_ = database();
    streams_ = std::make_unique<RunStreams>(*store_, clock_, [](const RunId&) { return false; });
    context_.reset(new ApiContext{project_, jobs_, *store_, *access_, operations_, *streams_,
                                  clock_, [](const RunId&, const std::string&) { return false; },
                                  [] { return Status(); }});
    routes_ = all_routes(*context_);
    document_ = YamlDocument::parse(std::string(openapi_text));
    ASSERT_NE(document_.root().find("paths"), nullptr);
  }
  void TearDown() override {
    streams_.reset();
    access_.reset();
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  // `GET /v1/jobs`
  static std::string key(const Route& route) {
    return std::string(route.method) + " " + route.pattern;
  }
  std::map<std::string, const YamlNode*> documented() const {
    std::map<std::string, const YamlNode*> found;
    for (const YamlEntry& path : document_.root().find("paths")->entries) {
      for (const YamlEntry& method : path.value.entries) {
        std::string name = method.key;
        for (char& c : name)
          c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        found[name + " " + path.key] = &method.value;
      }
    }
    return found;
  }
  // The parameters of an operation that stand in `place`, by their names.
  std::set<std::string> parameters(const YamlNode& operation, const std::string& place) const {
    std::set<std::string> names;
    const YamlNode* list = operation.find("parameters");
    if (list == nullptr) return names;
    const YamlNode* all = document_.root().find("components")->find("parameters");
    for (const YamlNode& item : list->items) {
      const std::string reference = item.find("$ref")->text;
      const YamlNode* parameter = all->find(reference.substr(reference.rfind('/') + 1));
      EXPECT_NE(parameter, nullptr) << reference;
      if (parameter->find("in")->text == place) names.insert(parameter->find("name")->text);
    }
    return names;
  }
  static std::set<std::string> in_path(const std::string& pattern) {
    std::set<std::string> names;
    for (std::size_t at = pattern.find('{'); at != std::string::npos;
         at = pattern.find('{', at + 1))
      names.insert(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
    return names;
  }

  SystemClock clock_;
  std::filesystem::path dir_;
  ProjectSpec project_;
  ServedJobs jobs_;
  Operations operations_{clock_};
  std::unique_ptr<StoreAccess> access_;
  std::unique_ptr<SqlDatabase> store_;
  std::unique_ptr<RunStreams> streams_;
  std::unique_ptr<ApiContext> context_;
  std::vector<Route> routes_;
  YamlDocument document_ = YamlDocument::parse("");
};

TEST_F(RoutesTest, TheDocumentAndTheTableNameTheSameRoutes) {
  std::set<std::string> served;
  for (const Route& route : routes_)
    EXPECT_TRUE(served.insert(key(route)).second) << key(route) << " is there twice";
  std::set<std::string> said;
  for (const auto& [name, operation] : documented())
    said.insert(name);
  EXPECT_EQ(served, said);
  EXPECT_GT(served.size(), 40U);
}

TEST_F(RoutesTest, EachIsAsTheDocumentSaysIt) {
  const auto operations = documented();
  for (const Route& route : routes_) {
    SCOPED_TRACE(key(route));
    const auto found = operations.find(key(route));
    ASSERT_NE(found, operations.end());
    const YamlNode& operation = *found->second;
    EXPECT_EQ(operation.find("operationId")->text, route.operation);
    const YamlNode* role = operation.find("x-role");
    ASSERT_EQ(role != nullptr, route.role.has_value());
    if (role != nullptr) {
      EXPECT_EQ(role->text, to_string(*route.role));
      EXPECT_EQ(operation.find("security"), nullptr);
    } else {
      EXPECT_TRUE(operation.find("security")->items.empty());
    }
    EXPECT_EQ(parameters(operation, "query"),
              std::set<std::string>(route.query.begin(), route.query.end()));
    EXPECT_EQ(parameters(operation, "path"), in_path(route.pattern));
    EXPECT_EQ(operation.find("requestBody") != nullptr, route.body_max > 0);
    EXPECT_EQ(parameters(operation, "header").contains("Idempotency-Key"), route.once);
    EXPECT_NE(route.answer != nullptr, route.stream != nullptr);
  }
}

TEST_F(RoutesTest, OnlyHealthIsOpenAndAJobIsReachedByItsName) {
  for (const Route& route : routes_) {
    SCOPED_TRACE(key(route));
    const std::string pattern = route.pattern;
    EXPECT_EQ(!route.role, pattern.starts_with("/health/"));
    EXPECT_EQ(route.reach == Reach::job, in_path(pattern).contains("job"));
    // Who changes something, or sees rows, is accounted for; tokens and silences keep an account of
    // their own.
    const bool changes = std::string(route.method) != "GET" && route.role > Role::viewer &&
                         !pattern.starts_with("/v1/tokens") && !pattern.starts_with("/v1/silences");
    if (changes) {
      EXPECT_NE(std::string(route.deed), "");
    }
  }
}

}  // namespace
}  // namespace tidemark

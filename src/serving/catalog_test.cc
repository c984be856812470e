#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "serving/model_repository.h"

namespace triune::serving {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Catalog Make(const std::vector<std::pair<std::string, std::string>>& names) {
  std::vector<std::shared_ptr<ServedModel>> models;
  for (const auto& [model_namespace, name] : names) {
    ModelConfig config;
    config.name = name;
    config.model_namespace = model_namespace;
    models.push_back(std::make_shared<ServedModel>(std::move(config), Clock::System()));
  }
  return Catalog(std::move(models));
}

/// "namespace/name" of what is found, or the error's code.
std::string Found(const Catalog& catalog, std::string_view name, std::string_view model_namespace) {
  auto found = catalog.Find(name, model_namespace);
  if (!found.ok()) return std::string(StatusCodeName(found.status().code()));
  return (*found)->config().model_namespace + "/" + (*found)->config().name;
}

TEST(CatalogTest, SortsByNameThenNamespace) {
  Catalog catalog = Make({{"b", "x"}, {"a", "y"}, {"a", "x"}});
  std::string order;
  for (const auto& model : catalog.models()) order += model->config().model_namespace + model->config().name + " ";
  EXPECT_EQ(order, "ax bx ay ");
}

TEST(CatalogTest, AnEmptyOneFindsNothing) { EXPECT_EQ(Found(Make({}), "x", ""), "NOT_FOUND"); }

TEST(CatalogTest, TheOnlyModelOfANameIsFoundInAnyNamespace) {
  Catalog catalog = Make({{"team", "iris"}, {"team", "iris-2"}, {"default", "digits"}});
  EXPECT_EQ(Found(catalog, "iris", ""), "team/iris");
  EXPECT_EQ(Found(catalog, "iris", "team"), "team/iris");
  EXPECT_EQ(Found(catalog, "iris", "default"), "NOT_FOUND");
  EXPECT_EQ(Found(catalog, "iri", ""), "NOT_FOUND");
  EXPECT_EQ(Found(catalog, "iris-22", ""), "NOT_FOUND");
  EXPECT_EQ(Found(catalog, "", ""), "NOT_FOUND");
}

TEST(CatalogTest, OfSeveralTheDefaultNamespacesIsMeant) {
  Catalog catalog = Make({{"a", "iris"}, {"default", "iris"}, {"z", "iris"}});
  EXPECT_EQ(Found(catalog, "iris", ""), "default/iris");
  EXPECT_EQ(Found(catalog, "iris", "a"), "a/iris");
  EXPECT_EQ(Found(catalog, "iris", "z"), "z/iris");
  EXPECT_EQ(Found(catalog, "iris", "m"), "NOT_FOUND");
}

TEST(CatalogTest, SeveralWithoutADefaultAreAmbiguous) {
  Catalog catalog = Make({{"a", "iris"}, {"z", "iris"}});
  EXPECT_EQ(Found(catalog, "iris", "z"), "z/iris");
  auto found = catalog.Find("iris", "");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(found.status().message()), AllOf(HasSubstr("'iris'"), HasSubstr("a, z")));
}

TEST(CatalogTest, TheErrorNamesWhatWasLookedFor) {
  Catalog catalog = Make({{"a", "iris"}});
  EXPECT_THAT(std::string(catalog.Find("rose", "").status().message()),
              AllOf(HasSubstr("'rose'"), Not(HasSubstr("namespace"))));
  EXPECT_THAT(std::string(catalog.Find("rose", "b").status().message()), AllOf(HasSubstr("'rose'"), HasSubstr("'b'")));
}

}  // namespace
}  // namespace triune::serving

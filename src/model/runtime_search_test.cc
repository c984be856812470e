#include "model/runtime_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "model/runtime_registry.h"

namespace triune::model {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kNames[] = {"libfake.so*", nullptr};
constexpr const char* kLocations[] = {"fake/lib/libfake.so*", nullptr};
const triune_runtime_plugin kPlugin = [] {
  triune_runtime_plugin plugin{};
  plugin.name = "fake";
  plugin.library_names = kNames;
  plugin.python_locations = kLocations;
  return plugin;
}();

RuntimeSearch SearchPaths(std::vector<std::string> paths) {
  RuntimeSearch search;
  search.paths = std::move(paths);
  return search;
}
RuntimeSearch SearchPlugins(std::string folder) {
  RuntimeSearch search;
  search.plugin_folder = std::move(folder);
  return search;
}

class ScopedVariable {
 public:
  ScopedVariable(const char* name, std::optional<std::string> value) : name_(name) {
    if (const char* before = getenv(name); before != nullptr) before_ = before;
    Set(value);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { Set(before_); }

 private:
  void Set(const std::optional<std::string>& value) { value ? setenv(name_, value->c_str(), 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

class RuntimeSearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "triune-search-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = fs::canonical(name);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Make(const std::string& name, const std::string& text = "") {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    fs::permissions(root_ / name, fs::perms::owner_all);
    return root_ / name;
  }

  fs::path root_;
};

TEST_F(RuntimeSearchTest, LooksInThePlacesInTheirOrder) {
  RuntimeSearch search = SearchPaths({root_ / "a", root_ / "b"});
  search.user_folder = root_ / "user";
  search.site_packages = {root_ / "site"};
  search.system_folders = {root_ / "lib"};
  std::string system = Make("lib/libfake.so.3");
  std::string site = Make("site/fake/lib/libfake.so");
  std::string user_old = Make("user/fake/1.9/fake/lib/libfake.so");
  std::string user_new = Make("user/fake/1.10/fake/lib/libfake.so");
  std::string second = Make("b/libfake.so.1");
  std::string first = Make("a/fake/0.1/fake/lib/libfake.so");
  Make("user/fake/.installing-1/fake/lib/libfake.so");
  Make("user/other/2.0/fake/lib/libfake.so");
  EXPECT_THAT(search.Libraries(kPlugin), ElementsAre(first, second, user_new, user_old, site, system));
}

TEST_F(RuntimeSearchTest, TakesALibraryAWheelOrAFolderOfVersionsAsPath) {
  std::string library = Make("x/libfake.so.2");
  std::string wheel = Make("wheel/fake/lib/libfake.so");
  Make("x/libother.so");
  RuntimeSearch search = SearchPaths({library, root_ / "wheel", root_ / "x/libother.so", root_ / "missing"});
  EXPECT_THAT(search.Libraries(kPlugin), ElementsAre(library, wheel));
  EXPECT_THAT(search.Places(), HasSubstr("missing"));
}

TEST_F(RuntimeSearchTest, CountsLinksToOneLibraryOnce) {
  std::string library = Make("x/libfake.so.2.1");
  fs::create_symlink(library, root_ / "x/libfake.so");
  fs::create_symlink(library, root_ / "x/libfake.so.2");
  RuntimeSearch search = SearchPaths({root_ / "x"});
  EXPECT_THAT(search.Libraries(kPlugin), ElementsAre(library));
}

TEST_F(RuntimeSearchTest, ReadsTheEnvironment) {
  ScopedVariable paths("TRIUNE_RUNTIME_PATH", "/r/a::/r/b");
  ScopedVariable data("XDG_DATA_HOME", "/data");
  RuntimeSearch search = RuntimeSearch::FromEnvironment();
  EXPECT_THAT(search.paths, ElementsAre("/r/a", "/r/b"));
  EXPECT_EQ(search.user_folder, "/data/triune/runtimes");
  EXPECT_THAT(search.system_folders, Contains("/usr/local/lib"));
  ScopedVariable no_data("XDG_DATA_HOME", std::nullopt);
  ScopedVariable home("HOME", "/home/me");
  EXPECT_EQ(RuntimeSearch::FromEnvironment().user_folder, "/home/me/.local/share/triune/runtimes");
}

TEST_F(RuntimeSearchTest, FindsThePackagesOfPythonWithoutRunningIt) {
  ScopedVariable no_venv("VIRTUAL_ENV", std::nullopt);
  ScopedVariable no_conda("CONDA_PREFIX", std::nullopt);
  ScopedVariable home("HOME", root_ / "home");
  ScopedVariable no_pyenv("PYENV_VERSION", std::nullopt);
  fs::create_directories(root_ / "python/lib/python3.12/site-packages");
  std::string bin = fs::path(Make("python/bin/python3")).parent_path();
  std::string packages = root_ / "python/lib/python3.12/site-packages";
  EXPECT_THAT(PythonSitePackages("/nowhere:" + bin), ElementsAre(packages));
  EXPECT_THAT(PythonSitePackages("/nowhere"), ElementsAre());

  // A link to it elsewhere on the PATH.
  fs::create_directories(root_ / "links");
  fs::create_symlink(bin + "/python3", root_ / "links/python3");
  EXPECT_THAT(PythonSitePackages((root_ / "links").string()), ElementsAre(packages));

  // A virtual environment, active or only first on the PATH.
  fs::create_directories(root_ / "venv/lib/python3.12/site-packages");
  fs::create_directories(root_ / "venv/bin");
  fs::create_symlink(bin + "/python3", root_ / "venv/bin/python3");
  Make("venv/pyvenv.cfg");
  std::string in_venv = root_ / "venv/lib/python3.12/site-packages";
  EXPECT_THAT(PythonSitePackages((root_ / "venv/bin").string()), ElementsAre(in_venv));
  {
    ScopedVariable venv("VIRTUAL_ENV", root_ / "venv");
    EXPECT_THAT(PythonSitePackages(bin), ElementsAre(in_venv));
  }

  // pyenv's shim.
  fs::create_directories(root_ / "pyenv/versions/3.11.7/lib/python3.11/site-packages");
  std::string shims = fs::path(Make("pyenv/shims/python3")).parent_path();
  Make("pyenv/version", "3.11.7\n");
  EXPECT_THAT(PythonSitePackages(shims),
              ElementsAre((root_ / "pyenv/versions/3.11.7/lib/python3.11/site-packages").string()));
}

TEST_F(RuntimeSearchTest, RegistryWithoutPluginsSaysSo) {
  RuntimeRegistry registry(SearchPlugins(root_));
  EXPECT_TRUE(registry.List().empty());
  Status status = registry.ForFormat("onnx").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(root_.string()));
}

TEST_F(RuntimeSearchTest, RegistryNamesAPluginThatIsBroken) {
  Make("triune_runtime_broken.so", "not a shared object");
  RuntimeRegistry registry(SearchPlugins(root_));
  std::vector<RuntimeInfo> runtimes = registry.List();
  ASSERT_EQ(runtimes.size(), 1U);
  EXPECT_EQ(runtimes[0].name, "broken");
  EXPECT_EQ(runtimes[0].status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(runtimes[0].status.message(), HasSubstr("triune_runtime_broken.so"));
}

}  // namespace
}  // namespace triune::model

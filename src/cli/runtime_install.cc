#include "cli/runtime_install.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cli/child_process.h"

namespace triune::cli {
namespace {

namespace fs = std::filesystem;

/// Deleted with all that is in it, unless renamed before.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> Make(const fs::path& parent) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) return Unavailable(StrCat("can't make folder ", parent.string(), ": ", error.message()));
    std::string name = (parent / ".installing-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return Unavailable(StrCat("can't make a folder in ", parent.string(), ": ", std::strerror(errno)));
    }
    return TemporaryFolder(name);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  fs::path path_;
};

/// "manylinux_2_28_x86_64" of "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl", and the like: pip is asked
/// for the wheel of that name, whatever Python it runs under.
struct WheelTags {
  std::string python;
  std::string platform;
};

Result<WheelTags> TagsOf(const std::string& file) {
  std::vector<std::string> parts;
  size_t start = 0;
  std::string stem = file.substr(0, file.rfind(".whl"));
  for (size_t dash = stem.find('-'); dash != stem.npos; dash = stem.find('-', start)) {
    parts.push_back(stem.substr(start, dash - start));
    start = dash + 1;
  }
  parts.push_back(stem.substr(start));
  if (parts.size() < 5) return Internal("name of a wheel is malformed: " + file);
  return WheelTags{parts[parts.size() - 3], parts.back()};
}

Status CheckPip() {
  Status status = RunChild({"python3", "-m", "pip", "--version"});
  if (status.ok()) return {};
  return FailedPrecondition(
      StrCat("python3 with pip is needed to fetch runtimes (Debian: apt install python3-pip): ", status.message()));
}

Result<fs::path> Download(const PinnedRuntime& runtime, const PinnedWheel& wheel, const fs::path& folder) {
  TRIUNE_ASSIGN_OR_RETURN(WheelTags tags, TagsOf(wheel.file));
  std::vector<std::string> command = {"python3",       "-m",
                                      "pip",           "download",
                                      "--no-deps",     "--only-binary",
                                      ":all:",         "--progress-bar",
                                      "off",           "--disable-pip-version-check",
                                      "--quiet",       "--dest",
                                      folder.string(), "--platform",
                                      tags.platform};
  // "cp311": that version; "py3": any.
  if (tags.python.starts_with("cp")) {
    for (const std::string& argument :
         {std::string("--python-version"), tags.python.substr(2), std::string("--implementation"), std::string("cp")}) {
      command.push_back(argument);
    }
  }
  command.push_back(StrCat(runtime.package, "==", runtime.version));
  Status fetched = RunChild(command);
  if (!fetched.ok()) {
    TRIUNE_RETURN_IF_ERROR(CheckPip());
    return fetched.WithContext(StrCat("pip could not fetch ", runtime.package, "==", runtime.version));
  }
  fs::path file = folder / wheel.file;
  std::error_code error;
  if (fs::is_regular_file(file, error)) return file;
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder, error)) found += " " + entry.path().filename().string();
  return Internal(StrCat("pip fetched another file than the list names: got", found.empty() ? " none" : found,
                         ", want ", wheel.file));
}

Status CheckHash(const fs::path& file, const PinnedWheel& wheel) {
  TRIUNE_ASSIGN_OR_RETURN(std::string hash, Sha256OfFile(file));
  if (hash == wheel.sha256) return {};
  return Internal(StrCat("SHA-256 of ", wheel.file, " differs from the list, nothing was installed: got ", hash,
                         ", want ", wheel.sha256));
}

Status Rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  // Another installation may have been faster: what it put there is as good.
  if (!error || fs::is_directory(to)) return {};
  return Unavailable(StrCat("can't rename ", from.string(), " to ", to.string(), ": ", error.message()));
}

}  // namespace

Result<std::string> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(StrCat("can't open ", path, ": ", std::strerror(errno)));
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return Internal("OpenSSL has no SHA-256");
  }
  std::vector<char> block(1U << 20U);
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    if (EVP_DigestUpdate(context.get(), block.data(), static_cast<size_t>(file.gcount())) != 1) {
      return Internal("OpenSSL failed to hash " + path);
    }
  }
  if (!file.eof()) return Unavailable("can't read " + path);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) return Internal("OpenSSL failed to hash " + path);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

Result<InstalledRuntime> InstallRuntime(const PinnedRuntime& runtime, const std::string& folder,
                                        const std::function<void(std::string_view)>& progress) {
  fs::path parent = fs::path(folder) / runtime.name;
  fs::path target = parent / runtime.version;
  std::string library = (target / runtime.library).string();
  std::error_code error;
  if (fs::is_regular_file(library, error)) return InstalledRuntime{library, true};
  const PinnedWheel* wheel = runtime.WheelForThisMachine();
  if (wheel == nullptr) {
    return Unimplemented(
        StrCat("runtime ", runtime.name, " ", runtime.version, " has no wheel for this machine: ", ThisPlatform()));
  }
  TRIUNE_ASSIGN_OR_RETURN(TemporaryFolder temporary, TemporaryFolder::Make(parent));
  fs::path unpacked = temporary.path() / "unpacked";
  progress(StrCat("fetching ", runtime.package, " ", runtime.version));
  TRIUNE_ASSIGN_OR_RETURN(fs::path file, Download(runtime, *wheel, temporary.path() / "download"));
  progress("verifying " + wheel->file);
  TRIUNE_RETURN_IF_ERROR(CheckHash(file, *wheel));
  progress("unpacking into " + target.string());
  TRIUNE_RETURN_IF_ERROR(RunChild({"python3", "-m", "zipfile", "-e", file.string(), unpacked.string()})
                             .WithContext("can't unpack " + wheel->file));
  if (!fs::is_regular_file(unpacked / runtime.library, error)) {
    return Internal(StrCat("wheel has no file ", runtime.library, ": ", wheel->file));
  }
  TRIUNE_RETURN_IF_ERROR(Rename(unpacked, target));
  return InstalledRuntime{library, false};
}

}  // namespace triune::cli

#include "serve/load/bodies.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>

#include "base/strings.h"

namespace triune::bench {
namespace {

constexpr size_t kMagicBytes = 8;

/// Reads fixed-width numbers from the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool Has(size_t numbers) const { return text_.size() / sizeof(uint64_t) >= numbers; }
  uint64_t Next() {
    uint64_t number = 0;
    std::memcpy(&number, text_.data(), sizeof(number));
    text_.remove_prefix(sizeof(number));
    return number;
  }

 private:
  std::string_view text_;
};

/// A cursor behind the count, and the count, which is as large as the file has room for `numbers_each` per item.
Result<Cursor> OpenTable(const std::string& path, std::string_view file, std::string_view magic, size_t numbers_each,
                         uint64_t* count) {
  if (file.substr(0, kMagicBytes) != magic) return InvalidArgument(StrCat("not a ", magic, " file: ", path));
  Cursor cursor(file.substr(kMagicBytes));
  if (!cursor.Has(1)) return InvalidArgument("file ends early: " + path);
  *count = cursor.Next();
  if (*count == 0) return InvalidArgument("file has no rows: " + path);
  if (*count > file.size() || !cursor.Has(*count * numbers_each)) return InvalidArgument("file ends early: " + path);
  return cursor;
}

}  // namespace

Result<std::string_view> MapFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NotFound(StrCat("cannot open ", path, ": ", std::strerror(errno)));
  struct stat info {};
  if (fstat(fd, &info) != 0 || info.st_size == 0) return close(fd), InvalidArgument("empty file: " + path);
  const size_t size = static_cast<size_t>(info.st_size);
  // MAP_POPULATE: no page fault may fall into a measured request.
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  close(fd);
  if (data == MAP_FAILED) return Internal(StrCat("cannot map ", path, ": ", std::strerror(errno)));
  return std::string_view(static_cast<const char*>(data), size);
}

Result<std::vector<Body>> ReadBodies(const std::string& path) {
  TRIUNE_ASSIGN_OR_RETURN(const std::string_view file, MapFile(path));
  uint64_t count = 0;
  TRIUNE_ASSIGN_OR_RETURN(Cursor cursor, OpenTable(path, file, "TRNBODY1", 2 * Body::kPieces, &count));
  std::vector<Body> bodies(count);
  for (Body& body : bodies) {
    for (std::string_view& piece : body.pieces) {
      const uint64_t offset = cursor.Next();
      const uint64_t length = cursor.Next();
      if (offset > file.size() || length > file.size() - offset) return InvalidArgument("file ends early: " + path);
      piece = file.substr(offset, length);
      body.size += length;
    }
  }
  return bodies;
}

bool Expectation::Matches(std::string_view answer) const {
  return answer.size() == size &&
         ::crc32_z(0, reinterpret_cast<const unsigned char*>(answer.data()), answer.size()) == crc32;
}

Result<std::vector<Expectation>> ReadExpectations(const std::string& path) {
  TRIUNE_ASSIGN_OR_RETURN(const std::string_view file, MapFile(path));
  uint64_t count = 0;
  TRIUNE_ASSIGN_OR_RETURN(Cursor cursor, OpenTable(path, file, "TRNEXPC1", 2, &count));
  std::vector<Expectation> expectations(count);
  for (Expectation& expectation : expectations) {
    expectation.size = cursor.Next();
    expectation.crc32 = static_cast<uint32_t>(cursor.Next());
  }
  return expectations;
}

}  // namespace triune::bench

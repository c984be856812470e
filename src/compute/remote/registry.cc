#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <typeindex>
#include <utility>

#include "triune/core/detail/remote_function.h"

namespace triune::detail {
namespace {

struct Order {
  bool operator()(const RemoteKey& a, const RemoteKey& b) const {
    auto parts = [](const RemoteKey& key) {
      return std::tuple(key.words, std::type_index(*key.type), std::type_index(key.actor ? *key.actor : typeid(void)));
    };
    return parts(a) < parts(b);
  }
};
struct Entry {
  RemoteFunction function;
  size_t number;
};
struct Registry {
  std::shared_mutex mutex;
  std::deque<Entry> entries;
  std::map<RemoteKey, const Entry*, Order> by_key;
  std::map<std::string_view, const Entry*> by_name;
  std::map<std::type_index, const ValueCodec*> codecs;
};
/// Static initialisers use it, and threads to the very end.
Registry& registry() {
  static auto* all = new Registry;
  return *all;
}

/// From "constexpr const char* triune::detail::RawName() [with auto F = app::Square]", or with "T = ".
std::string NameIn(std::string_view raw) {
  size_t begin = raw.find(" = ");
  if (begin == std::string_view::npos) return std::string(raw);
  begin += 3;
  size_t end = raw.find(';', begin);
  if (end == std::string_view::npos) end = raw.rfind(']');
  std::string_view name = raw.substr(begin, end - begin);
  if (name.starts_with('&')) name.remove_prefix(1);
  return std::string(name);
}

}  // namespace

void RemoteRegistry::Add(const char* raw, RemoteFunction function) {
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  function.name = NameIn(raw);
  // Twice: the linker may have made one function of two that do the same.
  if (all.by_key.contains(function.key)) return;
  const Entry& entry = all.entries.emplace_back(Entry{std::move(function), all.entries.size()});
  all.by_key.emplace(entry.function.key, &entry);
  all.by_name.emplace(entry.function.name, &entry);
  for (const ValueCodec* codec : entry.function.parameters) all.codecs.emplace(*codec->type, codec);
  if (entry.function.element != nullptr) all.codecs.emplace(*entry.function.element->type, entry.function.element);
  if (entry.function.result != nullptr) all.codecs.emplace(*entry.function.result->type, entry.function.result);
}

const RemoteFunction* RemoteRegistry::Find(const RemoteKey& key) {
  if (!key) return nullptr;
  Registry& all = registry();
  std::shared_lock lock(all.mutex);
  auto found = all.by_key.find(key);
  return found == all.by_key.end() ? nullptr : &found->second->function;
}

const RemoteFunction* RemoteRegistry::Find(std::string_view name) {
  Registry& all = registry();
  std::shared_lock lock(all.mutex);
  auto found = all.by_name.find(name);
  return found == all.by_name.end() ? nullptr : &found->second->function;
}

const RemoteFunction* RemoteRegistry::At(size_t number) {
  Registry& all = registry();
  std::shared_lock lock(all.mutex);
  return number < all.entries.size() ? &all.entries[number].function : nullptr;
}

const ValueCodec* RemoteRegistry::CodecOf(const std::type_info& type) {
  Registry& all = registry();
  std::shared_lock lock(all.mutex);
  auto found = all.codecs.find(type);
  return found == all.codecs.end() ? nullptr : found->second;
}

size_t RemoteRegistry::NumberOf(const RemoteFunction& function) {
  return reinterpret_cast<const Entry*>(&function)->number;  // the first member of its entry
}

size_t RemoteRegistry::size() {
  Registry& all = registry();
  std::shared_lock lock(all.mutex);
  return all.entries.size();
}

}  // namespace triune::detail

// Functions that other processes know by their names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>

#include "triune/core/detail/encoder.h"
#include "triune/status.h"

namespace triune {

struct ActorOptions;

}  // namespace triune

namespace triune::detail {

/// Identifies a function, or a method or constructor of an actor, of this process. Empty for what has no name.
struct RemoteKey {
  std::array<uintptr_t, 2> words{};      ///< The bytes of the pointer.
  const std::type_info* type = nullptr;  ///< Of the pointer; for a constructor of the class.
  const std::type_info* actor = nullptr;

  explicit operator bool() const { return type != nullptr; }
};
/// `actor`: whose method it is, which may be inherited.
template <typename Pointer>
RemoteKey RemoteKeyOf(Pointer pointer, const std::type_info* actor = nullptr) {
  static_assert(sizeof(Pointer) <= sizeof(RemoteKey::words));
  RemoteKey key{.type = &typeid(Pointer), .actor = actor};
  std::memcpy(key.words.data(), &pointer, sizeof(pointer));
  return key;
}
template <typename A>
RemoteKey ConstructorKeyOf() {
  return {.type = &typeid(A), .actor = &typeid(A)};
}

class Object;

/// An argument as the caller has it.
struct ArgumentView {
  const void* value = nullptr;
  const std::type_info* type = nullptr;
  Object* object = nullptr;             ///< Whose value it is, if any. The others say nothing before it is ready.
  const StoredValue* stored = nullptr;  ///< In place of value.
};

/// An instance of an actor's class in the process that it lives in.
struct RemoteInstance {
  void* object = nullptr;
  void (*destroy)(void* object) = nullptr;
};

class ActorCore;
class Engine;

struct RemoteFunction {
  RemoteKey key;
  std::string name;
  std::span<const ValueCodec* const> parameters;
  const ValueCodec* result;  ///< Null: none.
  /// Calls it with arguments of the parameters' types, and gives away the result. A constructor fills in the instance,
  /// a method has it. Throws what the function throws.
  Status (*call)(RemoteInstance& instance, std::span<const Decoder> arguments, Encoder& result);
  /// Of a constructor: an actor of the class, which nobody has created yet.
  ActorCore* (*make_cell)(Engine& engine, ActorOptions options) = nullptr;
  const ValueCodec* element = nullptr;  ///< Of a generator: what it yields, to the YieldSink of its thread.
};

/// All of this program, in the order in which they were registered, which is the same in each process that runs it.
/// Thread-safe; what was registered stays where it is.
class RemoteRegistry {
 public:
  /// The name is made from `raw`, which is what the compiler calls a template with the function as its argument.
  static void Add(const char* raw, RemoteFunction function);
  /// Null when it was not registered.
  static const RemoteFunction* Find(const RemoteKey& key);
  static const RemoteFunction* Find(std::string_view name);
  static const RemoteFunction* At(size_t number);
  /// Of values that some registered function takes or returns; null for others.
  static const ValueCodec* CodecOf(const std::type_info& type);
  static size_t NumberOf(const RemoteFunction& function);
  static size_t size();
};

}  // namespace triune::detail

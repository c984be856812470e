// Functions and classes that may run in other processes.
//
//   int Square(int x) { return x * x; }
//   TRIUNE_REMOTE(Square);
//
//   class Counter { public: explicit Counter(int start); int Add(int amount); };
//   TRIUNE_REMOTE_ACTOR(Counter(int), &Counter::Add);
//
// In a source file, outside of functions; each function once in a program. Parameters and results: numbers, enums,
// strings, Buffer, references, handles of actors, containers of the standard library, and structs that say
// MSGPACK_DEFINE(members...). A function may return a Generator of these.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include "triune/core/actor.h"
#include "triune/core/detail/actor_reference.h"
#include "triune/core/detail/bound_task.h"
#include "triune/core/detail/codec.h"
#include "triune/core/detail/remote_function.h"
#include "triune/core/detail/yield_sink.h"
#include "triune/core/generator.h"

namespace triune::detail {

/// Gives away what a function has returned, or is its error.
template <typename Call>
Status CallAndEncode(Call&& call, Encoder& encoder) {
  using R = decltype(call());
  if constexpr (std::is_void_v<R>) {
    call();
    return {};
  } else if constexpr (std::is_same_v<std::remove_cvref_t<R>, Status>) {
    return call();
  } else if constexpr (IsAsync<std::remove_cvref_t<R>>::value) {
    return CallAndEncode([&] { return RunToEnd(call()); }, encoder);
  } else if constexpr (IsResult<std::remove_cvref_t<R>>::value) {
    auto result = call();
    if (!result.ok()) return std::move(result).status();
    EncodeResult(encoder, *std::move(result));
    return {};
  } else {
    EncodeResult(encoder, call());
    return {};
  }
}

template <typename R>
constexpr const ValueCodec* ResultCodec() {
  using Value = typename ResultOf<R>::Type;
  if constexpr (std::is_void_v<Value>) {
    return nullptr;
  } else {
    return &kCodecOf<Value>;
  }
}

template <typename R>
constexpr const ValueCodec* ElementCodec() {
  if constexpr (IsGenerator<R>::value) {
    return &kCodecOf<typename IsGenerator<R>::Element>;
  } else {
    return nullptr;
  }
}

/// What has become of a call when its arguments are not needed any more: a generator is run, since it may refer to
/// them.
template <typename R>
using OutcomeOf = std::conditional_t<IsGenerator<R>::value, Status, R>;
template <typename R, typename Call>
OutcomeOf<R> Outcome(Call&& call) {
  if constexpr (IsGenerator<R>::value) {
    return YieldAll(call().Release());
  } else {
    return call();
  }
}

/// Calls with decoded arguments. Braces: in their order.
template <typename... P, typename Call, size_t... I>
decltype(auto) WithArguments(std::index_sequence<I...>, [[maybe_unused]] std::span<const Decoder> arguments,
                             Call&& call) {
  std::tuple<P...> values{DecodeValue<P>(arguments[I])...};
  return std::apply(std::forward<Call>(call), std::move(values));
}

template <typename... P>
inline constexpr std::array<const ValueCodec*, sizeof...(P)> kParameterCodecs{&kCodecOf<P>...};

template <auto F>
constexpr const char* RawName() {
  return __PRETTY_FUNCTION__;
}
template <typename T>
constexpr const char* RawTypeName() {
  return __PRETTY_FUNCTION__;
}

template <auto F, typename R, typename... P>
void RegisterAs(R (*)(P...)) {
  RemoteRegistry::Add(
      RawName<F>(),
      {.key = RemoteKeyOf(F),
       .name = {},
       .parameters = kParameterCodecs<std::decay_t<P>...>,
       .result = ResultCodec<R>(),
       .call = [](RemoteInstance&, std::span<const Decoder> arguments, Encoder& encoder) -> Status {
         return CallAndEncode(
             [&]() -> OutcomeOf<R> {
               return WithArguments<std::decay_t<P>...>(
                   std::index_sequence_for<P...>(), arguments, [](auto&&... values) -> OutcomeOf<R> {
                     return Outcome<R>([&]() -> R { return F(std::forward<decltype(values)>(values)...); });
                   });
             },
             encoder);
       },
       .element = ElementCodec<R>()});
}
template <typename A, auto F, typename R, typename... P>
void RegisterMethod() {
  RemoteRegistry::Add(
      RawName<F>(),
      {.key = RemoteKeyOf(F, &typeid(A)),
       .name = {},
       .parameters = kParameterCodecs<std::decay_t<P>...>,
       .result = ResultCodec<R>(),
       .call = [](RemoteInstance& instance, std::span<const Decoder> arguments, Encoder& encoder) -> Status {
         return CallAndEncode(
             [&]() -> OutcomeOf<R> {
               return WithArguments<std::decay_t<P>...>(
                   std::index_sequence_for<P...>(), arguments, [&](auto&&... values) -> OutcomeOf<R> {
                     return Outcome<R>([&]() -> R {
                       return std::invoke(F, *static_cast<A*>(instance.object),
                                          std::forward<decltype(values)>(values)...);
                     });
                   });
             },
             encoder);
       },
       .element = ElementCodec<R>()});
}
template <typename A, auto F, typename R, typename B, typename... P>
void RegisterMethodAs(R (B::*)(P...)) {
  RegisterMethod<A, F, R, P...>();
}
template <typename A, auto F, typename R, typename B, typename... P>
void RegisterMethodAs(R (B::*)(P...) const) {
  RegisterMethod<A, F, R, P...>();
}
template <typename A, auto F, typename R, typename B, typename... P>
void RegisterMethodAs(R (B::*)(P...) noexcept) {
  RegisterMethod<A, F, R, P...>();
}
template <typename A, auto F, typename R, typename B, typename... P>
void RegisterMethodAs(R (B::*)(P...) const noexcept) {
  RegisterMethod<A, F, R, P...>();
}

template <typename A, auto... Methods, typename... P>
void RegisterActor(A (*)(P...)) {
  RemoteRegistry::Add(RawTypeName<A>(),
                      {.key = ConstructorKeyOf<A>(),
                       .name = {},
                       .parameters = kParameterCodecs<std::decay_t<P>...>,
                       .result = nullptr,
                       .call = [](RemoteInstance& instance, std::span<const Decoder> arguments, Encoder&) -> Status {
                         instance.object = WithArguments<std::decay_t<P>...>(
                             std::index_sequence_for<P...>(), arguments, [](auto&&... values) {
                               return static_cast<void*>(new A(std::forward<decltype(values)>(values)...));
                             });
                         instance.destroy = [](void* object) { delete static_cast<A*>(object); };
                         return {};
                       },
                       .make_cell = [](Engine& engine, ActorOptions options) -> ActorCore* {
                         return new ActorCell<A>(engine, std::move(options));
                       }});
  (RegisterMethodAs<A, Methods>(Methods), ...);
}

template <typename Constructor>
struct ActorOfSignature;
template <typename A, typename... P>
struct ActorOfSignature<A(P...)> {
  using Type = A;
};
template <typename Constructor>
using ActorOf = typename ActorOfSignature<Constructor>::Type;

struct Registration {
  template <auto... Functions>
  static bool OfFunctions() {
    (RegisterAs<Functions>(Functions), ...);
    return true;
  }
  template <typename Constructor, auto... Methods>
  static bool OfActor() {
    RegisterActor<ActorOf<Constructor>, Methods...>(static_cast<Constructor*>(nullptr));
    return true;
  }
};

}  // namespace triune::detail

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  template <typename A>
  struct pack<triune::ActorHandle<A>> {
    template <typename Stream>
    packer<Stream>& operator()(packer<Stream>& out, const triune::ActorHandle<A>& handle) const {
      return out.pack_uint32(triune::detail::AttachActor(handle.cell()));
    }
  };
  template <typename A>
  struct convert<triune::ActorHandle<A>> {
    const msgpack::object& operator()(const msgpack::object& in, triune::ActorHandle<A>& handle) const {
      auto cell = triune::detail::TakeActor(in.as<uint32_t>(), typeid(A), &triune::detail::MakeActorCell<A>);
      using Cell = triune::detail::ActorCell<A>;
      handle = triune::ActorHandle<A>(triune::detail::Pointer<Cell>::Adopt(static_cast<Cell*>(cell.Release())));
      return in;
    }
  };

  }  // namespace adaptor
}
}  // namespace msgpack

/// Functions that other processes may call. An overloaded one needs a static_cast.
#define TRIUNE_REMOTE(...)                                                        \
  [[maybe_unused]] static const bool TRIUNE_CONCAT(triune_remote_, __COUNTER__) = \
      ::triune::detail::Registration::OfFunctions<__VA_ARGS__>()
/// A class that actors in other processes may be of: its constructor with its parameters, and pointers to its methods.
#define TRIUNE_REMOTE_ACTOR(...)                                                  \
  [[maybe_unused]] static const bool TRIUNE_CONCAT(triune_remote_, __COUNTER__) = \
      ::triune::detail::Registration::OfActor<__VA_ARGS__>()

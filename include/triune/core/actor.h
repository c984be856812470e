// References to actors.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "triune/core/dag.h"
#include "triune/core/detail/actor.h"
#include "triune/core/detail/actor_reference.h"
#include "triune/core/detail/generator_task.h"
#include "triune/core/generator.h"
#include "triune/core/object_ref.h"
#include "triune/core/task_options.h"

namespace triune {

/// Refers to an actor: an object that lives in the session and runs one call at a time (more with max_concurrency), in
/// the order in which each caller makes them. The actor ends when no handle refers to it and all calls are done, unless
/// it is detached. Empty when default-constructed or moved from. Thread-compatible; copies may be used on any thread,
/// and be arguments and results of tasks, also in processes: there its methods must be registered
/// (TRIUNE_REMOTE_ACTOR), wherever the actor lives.
template <typename A>
class ActorHandle {
 public:
  using Actor = A;
  ActorHandle() = default;
  explicit ActorHandle(detail::Pointer<detail::ActorCell<A>> cell) : cell_(std::move(cell)) {}
  explicit operator bool() const noexcept { return static_cast<bool>(cell_); }

  /// Calls a method with these arguments, soon; as with Session::Submit, ObjectRefs stand for their values. Calls of
  /// one caller run in order, also when the arguments of an earlier one are ready later. Overloaded methods need a
  /// cast.
  template <typename Method, typename... Arguments>
  auto Call(Method method, Arguments&&... arguments) const {
    return CallMethod(nullptr, method, std::forward<Arguments>(arguments)...);
  }

  /// A call of the method as a node of a DAG, with nodes among the arguments; see dag.h.
  template <typename Method, typename... Arguments>
  auto Bind(Method method, Arguments&&... arguments) const {
    return detail::BindMethod(*cell_, nullptr, method, std::forward<Arguments>(arguments)...);
  }

  /// Call and Bind with other options than the default ones.
  class Caller {
   public:
    template <typename Method, typename... Arguments>
    auto Call(Method method, Arguments&&... arguments) const {
      return handle_.CallMethod(options_, method, std::forward<Arguments>(arguments)...);
    }
    template <typename Method, typename... Arguments>
    auto Bind(Method method, Arguments&&... arguments) const {
      return detail::BindMethod(*handle_.cell_, options_, method, std::forward<Arguments>(arguments)...);
    }

   private:
    friend class ActorHandle;
    Caller(ActorHandle handle, TaskOptions options)
        : handle_(std::move(handle)), options_(std::make_shared<const TaskOptions>(std::move(options))) {}
    ActorHandle handle_;
    std::shared_ptr<const TaskOptions> options_;
  };
  Caller With(TaskOptions options) const { return Caller(*this, std::move(options)); }

  /// Ready when the actor is there; the error says why it is not, when its constructor threw.
  ObjectRef<void> Ready() const {
    return ObjectRef<void>(cell_->stands_for() ? cell_->engine().driver_actors()->Ready(*cell_)
                                               : detail::ObjectPointer(&cell_->creation()));
  }
  /// Ends the actor: calls that wait or run fail with kActorDied. With `restart` there is a new one, made with the same
  /// arguments, as often as max_restarts allows; then only calls that run fail, with kActorUnavailable. A method that
  /// runs can't be stopped, but nobody waits for it any more; the actor is destroyed when it returns.
  void Kill(bool restart = false) const { cell_->Kill(restart); }

  friend bool operator==(const ActorHandle& a, const ActorHandle& b) noexcept { return a.cell_.get() == b.cell_.get(); }
  detail::ActorCell<A>* cell() const noexcept { return cell_.get(); }

 private:
  template <typename R, typename B, typename... Parameters, typename... Arguments>
  auto CallMethod(std::shared_ptr<const TaskOptions> options, R (B::*method)(Parameters...),
                  Arguments&&... arguments) const {
    return Start<R, std::tuple<Parameters...>>(std::move(options), method, std::forward<Arguments>(arguments)...);
  }
  template <typename R, typename B, typename... Parameters, typename... Arguments>
  auto CallMethod(std::shared_ptr<const TaskOptions> options, R (B::*method)(Parameters...) const,
                  Arguments&&... arguments) const {
    return Start<R, std::tuple<Parameters...>>(std::move(options), method, std::forward<Arguments>(arguments)...);
  }
  template <typename R, typename B, typename... Parameters, typename... Arguments>
  auto CallMethod(std::shared_ptr<const TaskOptions> options, R (B::*method)(Parameters...) noexcept,
                  Arguments&&... arguments) const {
    return Start<R, std::tuple<Parameters...>>(std::move(options), method, std::forward<Arguments>(arguments)...);
  }
  template <typename R, typename B, typename... Parameters, typename... Arguments>
  auto CallMethod(std::shared_ptr<const TaskOptions> options, R (B::*method)(Parameters...) const noexcept,
                  Arguments&&... arguments) const {
    return Start<R, std::tuple<Parameters...>>(std::move(options), method, std::forward<Arguments>(arguments)...);
  }

  template <typename R, typename Parameters, typename Method, typename... Arguments>
  auto Start(std::shared_ptr<const TaskOptions> options, Method method, Arguments&&... arguments) const {
    static_assert(std::tuple_size_v<Parameters> == sizeof...(Arguments),
                  "one argument for each parameter of the method");
    return Submit<R, Method>(static_cast<Parameters*>(nullptr), std::move(options), method,
                             std::forward<Arguments>(arguments)...);
  }
  template <typename R, typename Method, typename... Parameters, typename... Arguments>
  auto Submit(std::tuple<Parameters...>*, std::shared_ptr<const TaskOptions> options, Method method,
              Arguments&&... arguments) const {
    using Value = typename detail::ResultOf<R>::Type;
    using Base = typename detail::TaskBase<R>::OfMethod;
    using Task = detail::BoundTask<Base, detail::MethodCall<Method, A>, Value,
                                   typename detail::StoredAs<Parameters, std::decay_t<Arguments>>::Type...>;
    auto* task = new Task(std::forward_as_tuple(*cell_, std::move(options)),
                          detail::MethodCall<Method, A>{cell_.get(), method}, std::forward<Arguments>(arguments)...);
    if constexpr (detail::IsGenerator<R>::value) {
      return ObjectRefGenerator<typename Base::Element>(
          detail::StartGenerator(*cell_, detail::Pointer<detail::GeneratorCall>::Adopt(task)));
    } else {
      ObjectRef<Value> reference(detail::ObjectPointer::Adopt(task));
      if (cell_->stands_for()) [[unlikely]] {
        auto* result = new detail::TypedReceivedObject<Value>();
        ObjectRef<Value> received(detail::ObjectPointer::Adopt(result));
        cell_->engine().driver_actors()->Call(*cell_, *task, *result);
        return received;
      }
      detail::StartCall(*cell_, *task);
      return reference;
    }
  }

  detail::Pointer<detail::ActorCell<A>> cell_;
};

}  // namespace triune

// The fields of Kubernetes' Container and PodSpec, which KServe lets stand inside its own objects.
#pragma once

#include <span>

#include "resource/schema.h"

namespace triune::resource {

/// Of a container that holds a model. args, env and resources.limits.cpu act, the others do not yet.
std::span<const FieldSpec> ContainerFields();

/// Of a pod; none acts here.
std::span<const FieldSpec> PodFields();

}  // namespace triune::resource

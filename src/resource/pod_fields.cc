#include "resource/pod_fields.h"

namespace triune::resource {
namespace {

constexpr FieldSpec kOtherResource = QuantityField("").NoEffect();
constexpr FieldSpec kLimitFields[] = {QuantityField("cpu")};
constexpr Schema kLimits{{kLimitFields}, &kOtherResource};
constexpr Schema kRequests{{}, &kOtherResource};
constexpr FieldSpec kResourceFields[] = {
    ObjectField("limits", &kLimits),
    ObjectField("requests", &kRequests).NoEffect(),
    ObjectListField("claims").NoEffect(),
};
constexpr Schema kResources{{kResourceFields}};

constexpr FieldSpec kEnvFields[] = {
    StringField("name"),
    StringField("value"),
    ObjectField("valueFrom").NoEffect(),
};
constexpr Schema kEnv{{kEnvFields}};

constexpr std::string_view kPullPolicies[] = {"Always", "IfNotPresent", "Never"};

constexpr FieldSpec kContainerFields[] = {
    StringListField("args"),
    ObjectListField("env", &kEnv),
    ObjectField("resources", &kResources),
    StringField("name").NoEffect(),
    StringField("image").NoEffect(),
    StringListField("command").NoEffect(),
    StringField("workingDir").NoEffect(),
    ObjectListField("ports").NoEffect(),
    ObjectListField("envFrom").NoEffect(),
    ObjectListField("resizePolicy").NoEffect(),
    StringField("restartPolicy").NoEffect(),
    ObjectListField("restartPolicyRules").NoEffect(),
    ObjectListField("volumeMounts").NoEffect(),
    ObjectListField("volumeDevices").NoEffect(),
    ObjectField("livenessProbe").NoEffect(),
    ObjectField("readinessProbe").NoEffect(),
    ObjectField("startupProbe").NoEffect(),
    ObjectField("lifecycle").NoEffect(),
    StringField("terminationMessagePath").NoEffect(),
    StringField("terminationMessagePolicy").NoEffect(),
    ChoiceField("imagePullPolicy", kPullPolicies).NoEffect(),
    ObjectField("securityContext").NoEffect(),
    BoolField("stdin").NoEffect(),
    BoolField("stdinOnce").NoEffect(),
    BoolField("tty").NoEffect(),
};
constexpr Schema kContainer{{kContainerFields}};

// Named here too, though their wants are Kubernetes' affair, so that a misspelt one is told from one without effect.
constexpr FieldSpec kPodFields[] = {
    ObjectListField("containers", &kContainer).NoEffect(),
    ObjectListField("initContainers", &kContainer).NoEffect(),
    ObjectListField("ephemeralContainers").NoEffect(),
    ObjectListField("volumes").NoEffect(),
    StringField("restartPolicy").NoEffect(),
    IntegerField("terminationGracePeriodSeconds").NoEffect(),
    IntegerField("activeDeadlineSeconds").NoEffect(),
    StringField("dnsPolicy").NoEffect(),
    ObjectField("dnsConfig").NoEffect(),
    StringMapField("nodeSelector").NoEffect(),
    StringField("nodeName").NoEffect(),
    StringField("serviceAccountName").NoEffect(),
    StringField("serviceAccount").NoEffect(),
    BoolField("automountServiceAccountToken").NoEffect(),
    BoolField("hostNetwork").NoEffect(),
    BoolField("hostPID").NoEffect(),
    BoolField("hostIPC").NoEffect(),
    BoolField("hostUsers").NoEffect(),
    StringField("hostname").NoEffect(),
    StringField("hostnameOverride").NoEffect(),
    StringField("subdomain").NoEffect(),
    BoolField("setHostnameAsFQDN").NoEffect(),
    ObjectListField("hostAliases").NoEffect(),
    BoolField("shareProcessNamespace").NoEffect(),
    ObjectField("securityContext").NoEffect(),
    ObjectListField("imagePullSecrets").NoEffect(),
    ObjectField("affinity").NoEffect(),
    StringField("schedulerName").NoEffect(),
    ObjectListField("schedulingGates").NoEffect(),
    ObjectListField("tolerations").NoEffect(),
    ObjectListField("topologySpreadConstraints").NoEffect(),
    StringField("priorityClassName").NoEffect(),
    IntegerField("priority").NoEffect(),
    StringField("preemptionPolicy").NoEffect(),
    ObjectListField("readinessGates").NoEffect(),
    StringField("runtimeClassName").NoEffect(),
    BoolField("enableServiceLinks").NoEffect(),
    ObjectField("overhead").NoEffect(),
    ObjectField("os").NoEffect(),
    ObjectListField("resourceClaims").NoEffect(),
    ObjectField("resources", &kResources).NoEffect(),
    ObjectField("workloadRef").NoEffect(),
};

}  // namespace

std::span<const FieldSpec> ContainerFields() { return kContainerFields; }
std::span<const FieldSpec> PodFields() { return kPodFields; }

}  // namespace triune::resource

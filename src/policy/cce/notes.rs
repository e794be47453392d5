//! The assumptions and gaps that presets share, each printed with the preset it belongs to.

pub(super) const ANY: &str = "[INFERRED] The tables name no address family: `any` is taken as every IPv4 \
     and every IPv6 address.";

pub(super) const PRIORITY: &str = "[UNKNOWN] The tables name no priority: every rule is an allow at \
     priority 1. This changes no verdict until deny rules of your own stand beside them; then take the \
     priorities from your account.";

pub(super) const MEMBERS: &str = "[UNKNOWN] Whether a group named as remote covers pod addresses behind \
     its members is not documented; it is taken as the members' own addresses.";

pub(super) const BREAKS: &str = "[INFERRED] What breaks without a rule is worked out from the documented \
     packet paths and supposes that all other rules of the preset stay.";

pub(super) const NODEPORT: &str = "The NodePort range 30000-32767 is the cluster's default; where \
     `service-node-port-range` was changed, the rules have to follow.";

pub(super) const CLOUDSHELL: &str = "[CONFLICT] CloudShell connects from 198.19.0.0/16 by the newer page \
     and from 198.19.128.0/20 by the older one; the endpoint range 198.19.128.0/17 overlaps both. Set \
     `cloudshell` to what your region uses.";

pub(super) const LOAD_BALANCER: &str = "No rule names `load-balancer` or `cloudshell`: they are there so \
     that a change can, such as `node/ssh: { from: cloudshell }`.";

pub(super) const MERGED_CELL: &str = "[CONFLICT] `node/tcp-vpc`: the source cell is merged with its \
     neighbour on the page; a sister cloud's page confirms the VPC. A retelling has the control group \
     instead, which is taken as its error.";

pub(super) const ICMP_SOURCE: &str = "[CONFLICT] `node/icmp-control`: the page names the control group as \
     source, a partner cloud's copy the masters' addresses.";

pub(super) const KUBELET: &str = "[CONFLICT] The newer page has no rule of its own for 10250 in this \
     model, the older one has it in every model: whoever narrows `node/tcp-vpc` has to add `allow tcp \
     10250 from` the masters.";

pub(super) const POD_GROUPS: &str = "[INFERRED] The page has `node/container` beside `node/self`, which \
     suggests that a group named as remote does not stand for the pods behind its members.";

pub(super) const OUTER: &str = "Groups see the outer header alone: whatever pods say to each other across \
     hosts is UDP 4789 between hosts.";

pub(super) const BOTH_5444: &str = "[INFERRED] A pod's call to the API server may arrive with the node's \
     address or with the pod's; the control group admits 5444 from both.";

pub(super) const TURBO_CONTAINER: &str = "[INFERRED] Where the page says container CIDR and this model \
     knows only container subnets, `container-subnet` stands for it.";

pub(super) const SEVERAL_ENI: &str = "A pod's own groups (annotation, SecurityGroup object, node pool) \
     replace or precede the cluster's ENI group; bind them to the pod's interface in that order.";

pub(super) const REGION: &str = "[CONFLICT] The ranges 100.125.0.0/16 and 198.19.128.0/17 depend on the \
     region (a sister cloud's page once had 100.126.0.0/16): set `service` and `endpoints` to yours.";

pub(super) const GAP_6443: &str = "[UNKNOWN] The page asks for 6443 to the masters without saying what \
     for, and no control group's table opens that port: such a connection leaves the node and is dropped \
     at the master.";

pub(super) const GAP_VPC: &str = "[INFERRED] Taken literally the outbound list leaves out ICMP, node to \
     node on 10250 (metrics-server), the second hop of a NodePort connection, and the Internet: all of \
     these are dropped at the node.";

pub(super) const GAP_TUNNEL: &str = "[INFERRED] Taken literally the outbound list leaves out ICMP, \
     whatever nodes say to nodes unwrapped (10250 for metrics-server) and the Internet: these are dropped \
     at the node. Pods to pods, and the second hop of a NodePort connection, pass inside UDP 4789.";

pub(super) const GAP_TURBO: &str = "[INFERRED] Taken literally the outbound list leaves out ICMP, node to \
     node on 10250, the second hop of a NodePort connection (node to pod), and the Internet: all of these \
     are dropped at the node. Pods leave by the ENI group, which the list does not touch.";

pub(super) const GAP_PODS: &str = "[INFERRED] Taken literally the outbound list also drops pods talking to \
     pods on other nodes, except on 5353 and 5444: here their packets leave by the node's interface with \
     the pods' addresses.";

pub(super) const GAP_LOGS: &str = "[CONFLICT] A newer Chinese text adds TCP 8102 to 100.125.0.0/16, for \
     the log add-on; the page read here does not have it, and neither has this preset.";

pub(super) const OR_VPC: &str = "[CONFLICT] The older page admits everything from \"own group or VPC\" in \
     one row, which may mean both or either: it is two rules here, `self` and `vpc`; remove the one you do \
     not hold.";

pub(super) const OR_WIDE: &str = "[INFERRED] With `vpc` read as a rule of its own, the rules for single \
     ports from the VPC decide nothing that it would not allow.";

pub(super) const OLDER_EGRESS: &str = "[INFERRED] The older page has no list for narrowing outbound \
     traffic and no advice on it: `keep` is taken.";

pub(super) const OLDER_PODS: &str = "[CONFLICT] Unlike the newer page, the older one has no rule that lets \
     pods with addresses of the container range into nodes: unless `vpc` covers that range, pods reach no \
     pod on another node.";

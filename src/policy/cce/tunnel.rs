//! The container tunnel model (`overlay_l2`): pods of different hosts talk inside VXLAN.

use super::common::{
    APISERVER_5443, APISERVER_5444_CONTAINER, APISERVER_5444_VPC, CONTROL_ALL_OUT, CONTROL_SELF, KUBELET,
    NETWORK_ADDON, NODE_ALL_OUT, NODE_SELF, NODEPORT_TCP, NODEPORT_UDP, SSH, STORAGE_ADDON, VXLAN_CONTROL,
    VXLAN_NODE,
};
use super::parameters::{CLOUDSHELL, CONTAINER, DNS, ENDPOINTS, LOAD_BALANCER, MASTER, SERVICE, VPC};
use super::{NEWER, Preset, PresetGroup, PresetRule, READ, notes, outbound};

/// Most pods' calls arrive with the node's address here.
const APISERVER_5444_POD: PresetRule = PresetRule {
    breaks: "pods whose calls to the API server keep the pod's address time out; those that take the \
             node's pass by `apiserver-5444-vpc`",
    ..APISERVER_5444_CONTAINER
};

const NODE: PresetGroup = PresetGroup {
    name: "node",
    about: "worker nodes, {cluster}-cce-node-{id}; table T3",
    ingress: &[VXLAN_NODE, KUBELET, NODEPORT_TCP, NODEPORT_UDP, SSH, NODE_SELF],
    egress: &[NODE_ALL_OUT],
};

const CONTROL: PresetGroup = PresetGroup {
    name: "control",
    about: "masters, {cluster}-cce-control-{id}; table T4",
    ingress: &[
        VXLAN_CONTROL,
        APISERVER_5444_VPC,
        APISERVER_5444_POD,
        NETWORK_ADDON,
        APISERVER_5443,
        STORAGE_ADDON,
        CONTROL_SELF,
    ],
    egress: &[CONTROL_ALL_OUT],
};

pub(super) const TUNNEL: Preset = Preset {
    name: "cce/tunnel",
    title: "container tunnel model: pods of different hosts talk inside VXLAN",
    source: NEWER,
    date: READ,
    parameters: &[VPC, CONTAINER, MASTER, LOAD_BALANCER, CLOUDSHELL],
    groups: &[NODE, CONTROL],
    notes: &[
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::OUTER,
        notes::BOTH_5444,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
};

pub(super) const TUNNEL_HARDENED: Preset = Preset {
    name: "cce/tunnel-hardened",
    title: "container tunnel model, outbound traffic of nodes narrowed to the page's list",
    parameters: &[VPC, CONTAINER, MASTER, DNS, SERVICE, ENDPOINTS, LOAD_BALANCER, CLOUDSHELL],
    groups: &[
        PresetGroup {
            about: "worker nodes, {cluster}-cce-node-{id}; tables T3 and T8",
            egress: outbound::TUNNEL,
            ..NODE
        },
        CONTROL,
    ],
    notes: &[
        notes::GAP_6443,
        notes::GAP_TUNNEL,
        notes::GAP_LOGS,
        notes::REGION,
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::OUTER,
        notes::BOTH_5444,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
    ..TUNNEL
};

//! The VPC network model (`vpc-router`): pod addresses are routed by the VPC, nothing is wrapped.

use super::common::{
    APISERVER_5443, APISERVER_5444_CONTAINER, APISERVER_5444_VPC, CONTROL_ALL_OUT, CONTROL_SELF,
    NETWORK_ADDON, NODE_ALL_OUT, NODE_SELF, NODEPORT_TCP, NODEPORT_UDP, SSH, STORAGE_ADDON,
};
use super::parameters::{
    CLOUDSHELL, CONTAINER, DNS, ENDPOINTS, LOAD_BALANCER, MASTER, SERVICE, VPC as VPC_RANGE,
};
use super::{Advice, NEWER, Preset, PresetGroup, PresetRule, READ, notes, outbound};

const UDP_VPC: PresetRule = PresetRule {
    id: "udp-vpc",
    words: "allow udp from vpc",
    purpose: "UDP from masters, nodes and other hosts of the VPC to nodes and the pods behind them",
    advice: Advice::Keep,
    admit: "",
    breaks: "UDP from masters and from VPC hosts outside the group is dropped: they query no CoreDNS and \
             no other UDP service in a pod",
};

const TCP_VPC: PresetRule = PresetRule {
    id: "tcp-vpc",
    words: "allow tcp from vpc",
    purpose: "TCP from masters, nodes and other hosts of the VPC to nodes and the pods behind them, the \
              kubelet included",
    breaks: "masters cannot reach 10250 (`kubectl logs` and `exec` time out) nor webhooks in pods; hosts \
             of the VPC reach no pod",
    ..UDP_VPC
};

const ICMP_CONTROL: PresetRule = PresetRule {
    id: "icmp-control",
    words: "allow icmp from group control",
    purpose: "masters probe nodes by ICMP",
    breaks: "masters get no echo from nodes: the check before a cluster upgrade fails",
    ..UDP_VPC
};

const POD_RANGE: PresetRule = PresetRule {
    id: "container",
    words: "allow all from container",
    purpose: "pods reach nodes, and pods on other nodes, with their own addresses",
    breaks: "pods cannot reach pods or host ports on other nodes: names stop resolving wherever CoreDNS \
             runs elsewhere",
    ..UDP_VPC
};

/// The VPC rules already cover TCP and UDP between nodes.
const SELF: PresetRule = PresetRule {
    breaks: "ICMP and every protocol but TCP and UDP is dropped between nodes; TCP and UDP still pass by \
             `tcp-vpc` and `udp-vpc`",
    ..NODE_SELF
};

const NODEPORT_TCP_VPC: PresetRule = PresetRule {
    breaks: "TCP Services of type NodePort time out from outside VPC and pods, and those of type \
             LoadBalancer behind a balancer outside the VPC's ranges",
    ..NODEPORT_TCP
};

const NODEPORT_UDP_VPC: PresetRule = PresetRule {
    breaks: "UDP Services of type NodePort get no packets from outside VPC and pods, nor those of type \
             LoadBalancer behind a balancer outside the VPC's ranges",
    ..NODEPORT_UDP
};

const SSH_VPC: PresetRule = PresetRule {
    breaks: "SSH to nodes times out from outside VPC and pods; inside it passes by `tcp-vpc`",
    ..SSH
};

const NODE: PresetGroup = PresetGroup {
    name: "node",
    about: "worker nodes, {cluster}-cce-node-{id}; table T1",
    ingress: &[UDP_VPC, TCP_VPC, ICMP_CONTROL, NODEPORT_TCP_VPC, NODEPORT_UDP_VPC, POD_RANGE, SELF, SSH_VPC],
    egress: &[NODE_ALL_OUT],
};

const CONTROL: PresetGroup = PresetGroup {
    name: "control",
    about: "masters, {cluster}-cce-control-{id}; table T2",
    ingress: &[
        APISERVER_5444_VPC,
        APISERVER_5444_CONTAINER,
        NETWORK_ADDON,
        APISERVER_5443,
        STORAGE_ADDON,
        CONTROL_SELF,
    ],
    egress: &[CONTROL_ALL_OUT],
};

pub(super) const VPC: Preset = Preset {
    name: "cce/vpc",
    title: "VPC network model: routed pod addresses",
    source: NEWER,
    date: READ,
    parameters: &[VPC_RANGE, CONTAINER, LOAD_BALANCER, CLOUDSHELL],
    groups: &[NODE, CONTROL],
    notes: &[
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::POD_GROUPS,
        notes::MERGED_CELL,
        notes::ICMP_SOURCE,
        notes::KUBELET,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
};

pub(super) const VPC_HARDENED: Preset = Preset {
    name: "cce/vpc-hardened",
    title: "VPC network model, outbound traffic of nodes narrowed to the page's list",
    parameters: &[VPC_RANGE, CONTAINER, MASTER, DNS, SERVICE, ENDPOINTS, LOAD_BALANCER, CLOUDSHELL],
    groups: &[
        PresetGroup {
            about: "worker nodes, {cluster}-cce-node-{id}; tables T1 and T8",
            egress: outbound::VPC,
            ..NODE
        },
        CONTROL,
    ],
    notes: &[
        notes::GAP_6443,
        notes::GAP_VPC,
        notes::GAP_PODS,
        notes::GAP_LOGS,
        notes::REGION,
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::POD_GROUPS,
        notes::MERGED_CELL,
        notes::ICMP_SOURCE,
        notes::KUBELET,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
    ..VPC
};

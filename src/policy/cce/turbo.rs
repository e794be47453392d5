//! The Cloud Native 2.0 model (`eni`, Turbo clusters): every pod has an interface of its own in the VPC.

use super::common::{
    APISERVER_5443, APISERVER_5444_VPC, CONTROL_ALL_OUT, CONTROL_SELF, ENI_ALL_OUT, ENI_SELF, ENI_VPC,
    KUBELET, NETWORK_ADDON, NODE_ALL_OUT, NODE_SELF, NODEPORT_TCP, NODEPORT_UDP, SSH, STORAGE_ADDON,
};
use super::parameters::{CLOUDSHELL, CONTAINER_SUBNET, DNS, ENDPOINTS, LOAD_BALANCER, MASTER, SERVICE, VPC};
use super::{Advice, NEWER, Preset, PresetGroup, PresetRule, READ, notes, outbound};

const NODE_POD_SUBNET: PresetRule = PresetRule {
    id: "container-subnet",
    words: "allow all from container-subnet",
    purpose: "pods reach nodes and what listens on the nodes' own addresses",
    advice: Advice::Keep,
    admit: "",
    breaks: "pods cannot reach host ports or hostNetwork pods: metrics-server reads no kubelet (`kubectl \
             top` stays empty)",
};

const CONTROL_POD_SUBNET: PresetRule = PresetRule {
    purpose: "whatever has an address of the container subnets reaches the masters",
    breaks: "pods reach masters on the other rules' ports alone",
    ..NODE_POD_SUBNET
};

const APISERVER_5444_ANY: PresetRule = PresetRule {
    id: "apiserver-5444-any",
    words: "allow tcp 5444 from any",
    purpose: "everyone who knows the address reaches kube-apiserver, which manages every resource's life \
              cycle",
    breaks: "kube-apiserver on 5444 times out from outside VPC and container subnets; those pass by the \
             rules below",
    ..APISERVER_5444_VPC
};

const APISERVER_5444_ALSO_VPC: PresetRule = PresetRule {
    breaks: "nothing as long as `apiserver-5444-any` stands; after it is narrowed, nodes cannot reach \
             kube-apiserver on 5444",
    ..APISERVER_5444_VPC
};

/// Nodes pass by `self`, pods by `container-subnet`.
const NODEPORT_TCP_TURBO: PresetRule = PresetRule {
    breaks: "TCP Services of type NodePort and LoadBalancer time out for everyone but nodes and pods",
    ..NODEPORT_TCP
};

const NODEPORT_UDP_TURBO: PresetRule = PresetRule {
    breaks: "UDP Services of type NodePort and LoadBalancer get no packets from anyone but nodes and pods",
    ..NODEPORT_UDP
};

const SSH_TURBO: PresetRule =
    PresetRule { breaks: "SSH to nodes times out for everyone but nodes and pods", ..SSH };

const SELF_TURBO: PresetRule = PresetRule {
    breaks: "node to node fails outside the other rules' ports: host ports, ICMP and what hostNetwork pods \
             ask of kubelets on other nodes",
    ..NODE_SELF
};

const NODE: PresetGroup = PresetGroup {
    name: "node",
    about: "worker nodes, {cluster}-cce-node-{id}; table T5",
    ingress: &[KUBELET, NODEPORT_TCP_TURBO, NODEPORT_UDP_TURBO, SSH_TURBO, SELF_TURBO, NODE_POD_SUBNET],
    egress: &[NODE_ALL_OUT],
};

const CONTROL: PresetGroup = PresetGroup {
    name: "control",
    about: "masters, {cluster}-cce-control-{id}; table T6",
    ingress: &[
        APISERVER_5444_ANY,
        APISERVER_5444_ALSO_VPC,
        NETWORK_ADDON,
        APISERVER_5443,
        STORAGE_ADDON,
        CONTROL_SELF,
        CONTROL_POD_SUBNET,
    ],
    egress: &[CONTROL_ALL_OUT],
};

const ENI: PresetGroup = PresetGroup {
    name: "eni",
    about: "network interfaces of pods, {cluster}-cce-eni-{id}; table T7",
    ingress: &[ENI_SELF, ENI_VPC],
    egress: &[ENI_ALL_OUT],
};

pub(super) const TURBO: Preset = Preset {
    name: "cce/turbo",
    title: "Cloud Native 2.0 model (Turbo): every pod has a VPC interface of its own",
    source: NEWER,
    date: READ,
    parameters: &[VPC, CONTAINER_SUBNET, MASTER, LOAD_BALANCER, CLOUDSHELL],
    groups: &[NODE, CONTROL, ENI],
    notes: &[
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::SEVERAL_ENI,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
};

pub(super) const TURBO_HARDENED: Preset = Preset {
    name: "cce/turbo-hardened",
    title: "Cloud Native 2.0 model (Turbo), outbound traffic of nodes narrowed to the page's list",
    parameters: &[VPC, CONTAINER_SUBNET, MASTER, DNS, SERVICE, ENDPOINTS, LOAD_BALANCER, CLOUDSHELL],
    groups: &[
        PresetGroup {
            about: "worker nodes, {cluster}-cce-node-{id}; tables T5 and T8",
            egress: outbound::TURBO,
            ..NODE
        },
        CONTROL,
        ENI,
    ],
    notes: &[
        notes::GAP_6443,
        notes::GAP_TURBO,
        notes::TURBO_CONTAINER,
        notes::GAP_LOGS,
        notes::REGION,
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::SEVERAL_ENI,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
    ..TURBO
};

//! The older page's groups: one table for all network models, of which only the tunnel model has VXLAN.
//!
//! The page lets everything in from "own group or VPC" in one row. A row that may mean both or either is two
//! rules here, and says so.

use super::common::{
    APISERVER_5443, APISERVER_5444_CONTAINER, APISERVER_5444_VPC, CONTROL_ALL_OUT, CONTROL_SELF, ENI_ALL_OUT,
    ENI_SELF, ENI_VPC, KUBELET, NETWORK_ADDON, NODE_ALL_OUT, NODE_SELF, NODEPORT_TCP, NODEPORT_UDP, SSH,
    STORAGE_ADDON, VXLAN_CONTROL, VXLAN_NODE,
};
use super::parameters::{
    CLOUDSHELL_OLDER, CONTAINER, CONTAINER_SUBNET, LOAD_BALANCER, MASTER, VPC as VPC_RANGE,
};
use super::{Advice, OLDER, Preset, PresetGroup, PresetRule, READ, notes};

/// What a rule is worth beside `vpc`, which admits the same and more from the VPC.
macro_rules! beside_vpc {
    ($after:literal) => {
        concat!("nothing for peers inside `vpc` while the rule `vpc` stands; for others: ", $after)
    };
}

/// What a rule is worth whose every peer `vpc` admits too.
macro_rules! under_vpc {
    ($after:literal) => {
        concat!("nothing while the rule `vpc` stands, which admits the same; after that is removed: ", $after)
    };
}

/// One half of "own group or VPC".
const ALL_VPC: PresetRule = PresetRule {
    id: "vpc",
    words: "allow all from vpc",
    purpose: "hosts of the VPC reach nodes; one half of the row that says own group or VPC, which may mean \
              either",
    advice: Advice::Keep,
    admit: "",
    breaks: "the VPC reaches nodes on the other rules' ports alone, as the newer page has it",
};

const CONTROL_VPC: PresetRule = PresetRule {
    purpose: "hosts of the VPC reach masters; one half of the row that says own group or VPC, which may \
              mean either",
    breaks: "the VPC reaches masters on the other rules' ports alone, as the newer page has it",
    ..ALL_VPC
};

const POD_VPC: PresetRule = PresetRule {
    purpose: "hosts of the VPC reach pods; one half of the row that says own group or VPC, which may mean \
              either",
    ..ENI_VPC
};

const NODE_OWN: PresetRule = PresetRule {
    purpose: "nodes talk to nodes; one half of the row that says own group or VPC, which may mean either",
    breaks: beside_vpc!("node to node fails outside the other rules' ports"),
    ..NODE_SELF
};

const CONTROL_OWN: PresetRule = PresetRule {
    purpose: "masters talk to masters; one half of the row that says own group or VPC, which may mean \
              either",
    breaks: beside_vpc!("masters reach each other on the other rules' ports alone"),
    ..CONTROL_SELF
};

const POD_OWN: PresetRule = PresetRule {
    purpose: "pods talk to pods; one half of the row that says own group or VPC, which may mean either",
    ..ENI_SELF
};

const VXLAN_INTO_NODE: PresetRule =
    PresetRule { breaks: beside_vpc!("nothing arrives over the overlay"), ..VXLAN_NODE };

const VXLAN_INTO_CONTROL: PresetRule = PresetRule {
    breaks: beside_vpc!("what pods send to masters over the overlay is dropped"),
    ..VXLAN_CONTROL
};

const KUBELET_ANY_MODEL: PresetRule =
    PresetRule { breaks: beside_vpc!("`kubectl logs`, `exec` and `port-forward` time out"), ..KUBELET };

const NODEPORT_TCP_OUTSIDE: PresetRule = PresetRule {
    breaks: beside_vpc!("TCP Services of type NodePort and LoadBalancer time out"),
    ..NODEPORT_TCP
};

const NODEPORT_UDP_OUTSIDE: PresetRule = PresetRule {
    breaks: beside_vpc!("UDP Services of type NodePort and LoadBalancer get no packets"),
    ..NODEPORT_UDP
};

const SSH_CLOUDSHELL: PresetRule = PresetRule {
    admit: "at least CloudShell's range, where CloudShell logs in to nodes",
    breaks: beside_vpc!("SSH to nodes times out, from CloudShell too"),
    ..SSH
};

const FROM_VPC_5444: PresetRule =
    PresetRule { breaks: under_vpc!("nodes cannot reach kube-apiserver on 5444"), ..APISERVER_5444_VPC };

const APISERVER_5444_POD_SUBNET: PresetRule =
    PresetRule { words: "allow tcp 5444 from container-subnet", ..APISERVER_5444_CONTAINER };

const FROM_VPC_9443: PresetRule =
    PresetRule { breaks: under_vpc!("the network add-on loses the masters"), ..NETWORK_ADDON };

const FROM_VPC_8445: PresetRule =
    PresetRule { breaks: under_vpc!("the storage add-on loses the masters"), ..STORAGE_ADDON };

const APISERVER_5443_MAY: PresetRule = PresetRule {
    advice: Advice::May,
    breaks: beside_vpc!("kubectl and pods that use this port time out"),
    ..APISERVER_5443
};

/// The page has no advice on outbound traffic: everything is the default.
const NODE_OUT: PresetRule = PresetRule { advice: Advice::Keep, admit: "", ..NODE_ALL_OUT };

const NODE: PresetGroup = PresetGroup {
    name: "node",
    about: "worker nodes, {cluster}-cce-node-{id}; older page",
    ingress: &[
        KUBELET_ANY_MODEL,
        NODEPORT_TCP_OUTSIDE,
        NODEPORT_UDP_OUTSIDE,
        SSH_CLOUDSHELL,
        NODE_OWN,
        ALL_VPC,
    ],
    egress: &[NODE_OUT],
};

const CONTROL: PresetGroup = PresetGroup {
    name: "control",
    about: "masters, {cluster}-cce-control-{id}; older page",
    ingress: &[
        FROM_VPC_5444,
        APISERVER_5444_CONTAINER,
        FROM_VPC_9443,
        APISERVER_5443_MAY,
        FROM_VPC_8445,
        CONTROL_OWN,
        CONTROL_VPC,
    ],
    egress: &[CONTROL_ALL_OUT],
};

pub(super) const VPC: Preset = Preset {
    name: "cce/older-vpc",
    title: "older page, VPC network model",
    source: OLDER,
    date: READ,
    parameters: &[VPC_RANGE, CONTAINER, MASTER, LOAD_BALANCER, CLOUDSHELL_OLDER],
    groups: &[NODE, CONTROL],
    notes: &[
        notes::OR_VPC,
        notes::OR_WIDE,
        notes::OLDER_PODS,
        notes::OLDER_EGRESS,
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
};

pub(super) const TUNNEL: Preset = Preset {
    name: "cce/older-tunnel",
    title: "older page, container tunnel model",
    groups: &[
        PresetGroup {
            ingress: &[
                VXLAN_INTO_NODE,
                KUBELET_ANY_MODEL,
                NODEPORT_TCP_OUTSIDE,
                NODEPORT_UDP_OUTSIDE,
                SSH_CLOUDSHELL,
                NODE_OWN,
                ALL_VPC,
            ],
            ..NODE
        },
        PresetGroup {
            ingress: &[
                FROM_VPC_5444,
                APISERVER_5444_CONTAINER,
                VXLAN_INTO_CONTROL,
                FROM_VPC_9443,
                APISERVER_5443_MAY,
                FROM_VPC_8445,
                CONTROL_OWN,
                CONTROL_VPC,
            ],
            ..CONTROL
        },
    ],
    notes: &[
        notes::OR_VPC,
        notes::OR_WIDE,
        notes::OLDER_EGRESS,
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
    ..VPC
};

pub(super) const TURBO: Preset = Preset {
    name: "cce/older-turbo",
    title: "older page, Cloud Native 2.0 model (Turbo)",
    parameters: &[VPC_RANGE, CONTAINER_SUBNET, MASTER, LOAD_BALANCER, CLOUDSHELL_OLDER],
    groups: &[
        NODE,
        PresetGroup {
            ingress: &[
                FROM_VPC_5444,
                APISERVER_5444_POD_SUBNET,
                FROM_VPC_9443,
                APISERVER_5443_MAY,
                FROM_VPC_8445,
                CONTROL_OWN,
                CONTROL_VPC,
            ],
            ..CONTROL
        },
        PresetGroup {
            name: "eni",
            about: "network interfaces of pods, {cluster}-cce-eni-{id}; older page",
            ingress: &[POD_OWN, POD_VPC],
            egress: &[ENI_ALL_OUT],
        },
    ],
    notes: &[
        notes::OR_VPC,
        notes::OR_WIDE,
        notes::TURBO_CONTAINER,
        notes::OLDER_EGRESS,
        notes::ANY,
        notes::PRIORITY,
        notes::MEMBERS,
        notes::SEVERAL_ENI,
        notes::NODEPORT,
        notes::CLOUDSHELL,
        notes::LOAD_BALANCER,
        notes::BREAKS,
    ],
    ..VPC
};

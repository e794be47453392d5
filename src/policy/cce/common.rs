//! The rows that several tables share. A table that gives a row another meaning says only what differs.

use super::{Advice, PresetRule};

/// Everything out: what every group has until it is narrowed.
pub(super) const ALL_OUT: PresetRule = PresetRule {
    id: "all-out",
    words: "allow all to any",
    purpose: "every connection opened from inside",
    advice: Advice::Keep,
    admit: "",
    breaks: "",
};

pub(super) const NODE_ALL_OUT: PresetRule = PresetRule {
    purpose: "every connection that nodes, and what runs on them, open",
    advice: Advice::May,
    admit: "at least the page's outbound list, which the hardened presets hold",
    breaks: "nodes cannot reach the API server, DNS or other nodes: they go NotReady",
    ..ALL_OUT
};

pub(super) const CONTROL_ALL_OUT: PresetRule = PresetRule {
    purpose: "every connection that masters open",
    breaks: "masters cannot reach kubelets, webhooks or each other: logs and exec time out, the control \
             plane falls apart",
    ..ALL_OUT
};

pub(super) const ENI_ALL_OUT: PresetRule = PresetRule {
    purpose: "every connection that pods open",
    breaks: "pods can open no connection: no name resolves, no Service answers them",
    ..ALL_OUT
};

pub(super) const NODEPORT_TCP: PresetRule = PresetRule {
    id: "nodeport-tcp",
    words: "allow tcp 30000-32767 from any",
    purpose: "clients and load balancers reach TCP Services by their NodePort",
    advice: Advice::May,
    admit: "at least VPC, pods and load balancers",
    breaks: "TCP Services of type NodePort and LoadBalancer time out for everyone but the nodes",
};

pub(super) const NODEPORT_UDP: PresetRule = PresetRule {
    id: "nodeport-udp",
    words: "allow udp 30000-32767 from any",
    purpose: "clients and load balancers reach UDP Services by their NodePort",
    breaks: "UDP Services of type NodePort and LoadBalancer get no packets from anyone but the nodes",
    ..NODEPORT_TCP
};

pub(super) const SSH: PresetRule = PresetRule {
    id: "ssh",
    words: "allow tcp 22 from any",
    purpose: "administrators log in to nodes by SSH",
    advice: Advice::Should,
    admit: "no more than the fixed addresses or ranges that administrators come from",
    breaks: "SSH to nodes times out for everyone but other nodes",
};

pub(super) const NODE_SELF: PresetRule = PresetRule {
    id: "self",
    words: "allow all from group node",
    purpose: "nodes talk to nodes, others stay out",
    advice: Advice::Keep,
    admit: "",
    breaks: "node to node fails outside the other rules' ports: metrics-server reads no kubelet on another \
             node (`kubectl top` stays empty), host ports and ICMP do not answer",
};

pub(super) const KUBELET: PresetRule = PresetRule {
    id: "kubelet",
    words: "allow tcp 10250 from master",
    purpose: "masters call the kubelet: logs, exec, port-forward",
    advice: Advice::Keep,
    admit: "",
    breaks: "`kubectl logs`, `exec` and `port-forward` time out",
};

pub(super) const VXLAN_NODE: PresetRule = PresetRule {
    id: "vxlan",
    words: "allow udp 4789 from any",
    purpose: "the overlay: traffic of pods between hosts arrives in VXLAN",
    advice: Advice::Keep,
    admit: "",
    breaks: "nothing arrives over the overlay from masters (webhooks and aggregated APIs time out) or from \
             nodes of other groups; nodes of this group still pass by `self`",
};

pub(super) const VXLAN_CONTROL: PresetRule = PresetRule {
    purpose: "the overlay: masters exchange traffic with pods in VXLAN",
    breaks: "what pods send to masters over the overlay is dropped, answers included, since a VXLAN answer \
             is no reply to the group: webhooks and aggregated APIs time out",
    ..VXLAN_NODE
};

pub(super) const APISERVER_5444_VPC: PresetRule = PresetRule {
    id: "apiserver-5444-vpc",
    words: "allow tcp 5444 from vpc",
    purpose: "nodes and other hosts of the VPC reach kube-apiserver, which manages every resource's life \
              cycle",
    advice: Advice::Keep,
    admit: "",
    breaks: "nodes, and pods that come with a node's address, cannot reach kube-apiserver on 5444: they \
             stop following the cluster",
};

pub(super) const APISERVER_5444_CONTAINER: PresetRule = PresetRule {
    id: "apiserver-5444-container",
    words: "allow tcp 5444 from container",
    purpose: "pods reach kube-apiserver with their own address, as calls of the Service `kubernetes` \
              become",
    breaks: "pods that call the API server time out: controllers, CoreDNS and in-cluster clients see no \
             objects",
    ..APISERVER_5444_VPC
};

pub(super) const APISERVER_5443: PresetRule = PresetRule {
    id: "apiserver-5443",
    words: "allow tcp 5443 from any",
    purpose: "nodes and clients such as kubectl reach kube-apiserver",
    advice: Advice::Should,
    admit: "at least VPC, pods, a hosted service mesh's control plane, and CloudShell where it is used",
    breaks: "kubectl times out and nodes lose the API server: they go NotReady",
};

pub(super) const NETWORK_ADDON: PresetRule = PresetRule {
    id: "network-addon",
    words: "allow tcp 9443 from vpc",
    purpose: "the network add-on of nodes reaches the masters",
    advice: Advice::Keep,
    admit: "",
    breaks: "the network add-on loses the masters: new pods wait for a network",
};

pub(super) const STORAGE_ADDON: PresetRule = PresetRule {
    id: "storage-addon",
    words: "allow tcp 8445 from vpc",
    purpose: "the storage add-on of nodes reaches the masters",
    breaks: "the storage add-on loses the masters: pods wait for their volumes",
    ..NETWORK_ADDON
};

pub(super) const CONTROL_SELF: PresetRule = PresetRule {
    id: "self",
    words: "allow all from group control",
    purpose: "masters talk to masters, others stay out",
    advice: Advice::Keep,
    admit: "",
    breaks: "masters reach each other on the other rules' ports alone: a control plane of several masters \
             loses its quorum",
};

pub(super) const ENI_SELF: PresetRule = PresetRule {
    id: "self",
    words: "allow all from group eni",
    purpose: "pods talk to pods, others stay out; even on one node they meet by way of the VPC",
    advice: Advice::Keep,
    admit: "",
    breaks: "pods whose addresses lie outside `vpc` cannot reach other pods; those inside still pass by \
             `vpc`",
};

pub(super) const ENI_VPC: PresetRule = PresetRule {
    id: "vpc",
    words: "allow all from vpc",
    purpose: "nodes, masters and other hosts of the VPC reach pods",
    breaks: "NodePort connections die at the second hop to a pod, webhooks time out, hosts of the VPC \
             reach no pod",
    ..ENI_SELF
};

//! Table T8: what a node must still reach after its outbound traffic is narrowed.
//!
//! The list is meant for nodes; what it leaves out is said in the notes of the presets that use it.

use super::{Advice, PresetRule};

const DNS_TCP: PresetRule = PresetRule {
    id: "dns-tcp",
    words: "allow tcp 53 to dns",
    purpose: "name resolution by the subnet's DNS servers, over TCP",
    advice: Advice::Keep,
    admit: "",
    breaks: "answers too long for UDP cannot be asked for again over TCP: those names fail",
};

const DNS_UDP: PresetRule = PresetRule {
    id: "dns-udp",
    words: "allow udp 53 to dns",
    purpose: "name resolution by the subnet's DNS servers",
    breaks: "nodes, and CoreDNS for names outside the cluster, resolve nothing: images cannot be pulled by \
             name",
    ..DNS_TCP
};

const DNS_TCP_TURBO: PresetRule = PresetRule {
    breaks: "answers too long for UDP cannot be asked for again over TCP by nodes; CoreDNS leaves by the \
             ENI group",
    ..DNS_TCP
};

const DNS_UDP_TURBO: PresetRule = PresetRule {
    breaks: "nodes resolve nothing: images cannot be pulled by name; CoreDNS leaves by the ENI group",
    ..DNS_UDP
};

const COREDNS_TCP: PresetRule = PresetRule {
    id: "coredns-tcp",
    words: "allow tcp 5353 to container",
    purpose: "name resolution by CoreDNS, which listens on 5353 in its pods, over TCP",
    breaks: "long answers of a CoreDNS pod on another node cannot be asked for again over TCP: those names \
             fail",
    ..DNS_TCP
};

const COREDNS_UDP: PresetRule = PresetRule {
    id: "coredns-udp",
    words: "allow udp 5353 to container",
    purpose: "name resolution by CoreDNS, which listens on 5353 in its pods",
    breaks: "pods cannot resolve names wherever CoreDNS runs on another node",
    ..DNS_TCP
};

const COREDNS_TCP_TUNNEL: PresetRule = PresetRule {
    breaks: "little: queries of pods are inside UDP 4789 here, and only what leaves a node unwrapped needs \
             this rule",
    ..COREDNS_TCP
};

const COREDNS_UDP_TUNNEL: PresetRule = PresetRule { breaks: COREDNS_TCP_TUNNEL.breaks, ..COREDNS_UDP };

const COREDNS_TCP_TURBO: PresetRule = PresetRule {
    words: "allow tcp 5353 to container-subnet",
    breaks: "long answers cannot be asked for again over TCP by nodes and hostNetwork pods; other pods \
             leave by the ENI group",
    ..COREDNS_TCP
};

const COREDNS_UDP_TURBO: PresetRule = PresetRule {
    words: "allow udp 5353 to container-subnet",
    breaks: "nodes and hostNetwork pods resolve no names of the cluster; other pods leave by the ENI group",
    ..COREDNS_UDP
};

const VXLAN: PresetRule = PresetRule {
    id: "vxlan-out",
    words: "allow udp 4789 to any",
    purpose: "the overlay: traffic of pods to other hosts leaves in VXLAN",
    breaks: "pods reach no pod on another node: names stop resolving wherever CoreDNS runs elsewhere",
    ..DNS_TCP
};

const APISERVER_5443: PresetRule = PresetRule {
    id: "apiserver-5443-out",
    words: "allow tcp 5443 to master",
    purpose: "nodes reach kube-apiserver",
    breaks: "kubelets lose the API server: nodes go NotReady",
    ..DNS_TCP
};

const APISERVER_5444_VPC: PresetRule = PresetRule {
    id: "apiserver-5444-vpc-out",
    words: "allow tcp 5444 to vpc",
    purpose: "nodes, and pods behind them, reach kube-apiserver at the masters' VPC addresses",
    breaks: "calls of the Service `kubernetes`, which become 5444 at a master, time out: controllers and \
             in-cluster clients see no objects",
    ..DNS_TCP
};

const APISERVER_5444_VPC_TURBO: PresetRule = PresetRule {
    purpose: "nodes reach kube-apiserver at the masters' VPC addresses",
    breaks: "nodes and hostNetwork pods cannot call kube-apiserver on 5444; other pods leave by the ENI \
             group",
    ..APISERVER_5444_VPC
};

const APISERVER_5444_CONTAINER: PresetRule = PresetRule {
    id: "apiserver-5444-container-out",
    words: "allow tcp 5444 to container",
    purpose: "kube-apiserver at addresses of the pods' range, as the page lists it",
    breaks: "connections to 5444 at pod addresses time out; masters with VPC addresses do not need this \
             rule",
    ..DNS_TCP
};

const APISERVER_5444_CONTAINER_TURBO: PresetRule =
    PresetRule { words: "allow tcp 5444 to container-subnet", ..APISERVER_5444_CONTAINER };

const APISERVER_6443: PresetRule = PresetRule {
    id: "apiserver-6443-out",
    words: "allow tcp 6443 to master",
    purpose: "[UNKNOWN] the page names no purpose",
    breaks: "[UNKNOWN] nothing that the tables show: no control group opens this port",
    ..DNS_TCP
};

const STORAGE_ADDON: PresetRule = PresetRule {
    id: "storage-addon-out",
    words: "allow tcp 8445 to vpc",
    purpose: "the storage add-on of nodes reaches the masters",
    breaks: "the storage add-on loses the masters: pods wait for their volumes",
    ..DNS_TCP
};

const NETWORK_ADDON: PresetRule = PresetRule {
    id: "network-addon-out",
    words: "allow tcp 9443 to vpc",
    purpose: "the network add-on of nodes reaches the masters",
    breaks: "the network add-on loses the masters: new pods wait for a network",
    ..DNS_TCP
};

const ENDPOINTS: PresetRule = PresetRule {
    id: "endpoints",
    words: "allow all to endpoints",
    purpose: "nodes reach cloud services by their VPC endpoints",
    breaks: "cloud services that are reached by VPC endpoints time out",
    ..DNS_TCP
};

const NTP: PresetRule = PresetRule {
    id: "ntp",
    words: "allow udp 123 to service",
    purpose: "nodes set their clocks by the cloud's NTP servers",
    breaks: "clocks drift apart, until certificates look not yet or no longer valid",
    ..DNS_TCP
};

const PACKAGES: PresetRule = PresetRule {
    id: "packages-443",
    words: "allow tcp 443 to service",
    purpose: "nodes fetch installation packages from object storage",
    breaks: "packages cannot be fetched: new nodes do not finish installing",
    ..DNS_TCP
};

const REPORT: PresetRule = PresetRule {
    id: "report-6443",
    words: "allow tcp 6443 to service",
    purpose: "new nodes report that they are installed",
    breaks: "new nodes are never seen as installed",
    ..DNS_TCP
};

pub(super) const VPC: &[PresetRule] = &[
    DNS_TCP,
    DNS_UDP,
    COREDNS_TCP,
    COREDNS_UDP,
    APISERVER_5443,
    APISERVER_5444_VPC,
    APISERVER_5444_CONTAINER,
    APISERVER_6443,
    STORAGE_ADDON,
    NETWORK_ADDON,
    ENDPOINTS,
    NTP,
    PACKAGES,
    REPORT,
];

pub(super) const TUNNEL: &[PresetRule] = &[
    DNS_TCP,
    DNS_UDP,
    COREDNS_TCP_TUNNEL,
    COREDNS_UDP_TUNNEL,
    VXLAN,
    APISERVER_5443,
    APISERVER_5444_VPC,
    APISERVER_5444_CONTAINER,
    APISERVER_6443,
    STORAGE_ADDON,
    NETWORK_ADDON,
    ENDPOINTS,
    NTP,
    PACKAGES,
    REPORT,
];

pub(super) const TURBO: &[PresetRule] = &[
    DNS_TCP_TURBO,
    DNS_UDP_TURBO,
    COREDNS_TCP_TURBO,
    COREDNS_UDP_TURBO,
    APISERVER_5443,
    APISERVER_5444_VPC_TURBO,
    APISERVER_5444_CONTAINER_TURBO,
    APISERVER_6443,
    STORAGE_ADDON,
    NETWORK_ADDON,
    ENDPOINTS,
    NTP,
    PACKAGES,
    REPORT,
];

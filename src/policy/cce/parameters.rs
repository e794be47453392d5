//! What presets have to be told, and what they assume when told nothing.

use super::Parameter;

pub(super) const VPC: Parameter =
    Parameter { name: "vpc", about: "address ranges of the cluster's VPC", default: &[] };

pub(super) const CONTAINER: Parameter =
    Parameter { name: "container", about: "address ranges of the pods (container CIDR)", default: &[] };

pub(super) const CONTAINER_SUBNET: Parameter = Parameter {
    name: "container-subnet",
    about: "subnets that pods take their addresses from (container subnet CIDR)",
    default: &[],
};

pub(super) const MASTER: Parameter = Parameter {
    name: "master",
    about: "the masters: their CIDR block, or their addresses alone",
    default: &[],
};

pub(super) const DNS: Parameter =
    Parameter { name: "dns", about: "DNS servers that the nodes' subnet names", default: &[] };

pub(super) const LOAD_BALANCER: Parameter = Parameter {
    name: "load-balancer",
    about: "where load balancers forward from: the range of the shared ones unless said; a dedicated one \
            uses its backend subnet",
    default: &["100.125.0.0/16"],
};

pub(super) const SERVICE: Parameter = Parameter {
    name: "service",
    about: "the cloud's own services (time, packages, installation reports); depends on the region",
    default: &["100.125.0.0/16"],
};

pub(super) const ENDPOINTS: Parameter = Parameter {
    name: "endpoints",
    about: "VPC endpoints of cloud services; depends on the region",
    default: &["198.19.128.0/17"],
};

pub(super) const CLOUDSHELL: Parameter = Parameter {
    name: "cloudshell",
    about: "where CloudShell connects from; the pages disagree, this is the newer one's range",
    default: &["198.19.0.0/16"],
};

/// The older page's narrower range.
pub(super) const CLOUDSHELL_OLDER: Parameter = Parameter {
    name: "cloudshell",
    about: "where CloudShell connects from; the pages disagree, this is the older one's range",
    default: &["198.19.128.0/20"],
};

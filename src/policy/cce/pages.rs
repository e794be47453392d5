//! The two pages the presets stand on, and where they disagree.

/// The newer page: one set of tables per network model.
pub const NEWER: &str = "Huawei Cloud CCE FAQ, cce_faq_00265";

/// The older page: one table for all models.
pub const OLDER: &str = "Huawei Cloud CCE FAQ, older page on hardening node groups";

/// The day both pages were read, ISO 8601; neither names a date of its own in what was kept of it.
pub const READ: &str = "2026-11-21";

/// Where the older page says something else than the newer one, in our own words.
pub const DISAGREEMENTS: &[&str] = &[
    "**Shape.** The older page has one table for all models and only marks UDP 4789 as belonging to tunnel \
     clusters; the newer one has tables for each model.",
    "**10250.** The older page opens the kubelet's port in every model. The newer one has no such row for \
     the VPC model, where TCP from the whole VPC covers it: narrowing that rule cuts the masters off from \
     the kubelets.",
    "**Everything, into nodes.** Older: from the own group *or the VPC*. Newer: from the own group, plus \
     the pods' range in the VPC and Cloud Native 2.0 models; the VPC itself only by TCP and UDP, and only \
     in the VPC model.",
    "**Everything, into masters.** Older: from the own group *or the VPC*, which would make the single \
     ports opened to the VPC needless. Newer: from the own group, plus the container subnet in Cloud \
     Native 2.0.",
    "**5444.** Older: VPC and pods in all models. Newer: the same, but anywhere and the VPC in Cloud \
     Native 2.0.",
    "**ICMP from masters to nodes.** Newer only, and only in the VPC model.",
    "**Everything from pods to nodes.** Newer only: the container CIDR in the VPC model, the container \
     subnet in Cloud Native 2.0.",
    "**ENI group.** Newer: two rows, own group and VPC. Older: one row that says own group or VPC. The \
     \"or\" may mean both or either; the older presets hold two rules.",
    "**CloudShell.** Newer: 198.19.0.0/16, on 5443. Older: 198.19.128.0/20, on 5443 and on the nodes' 22. \
     The newer page's endpoint range, 198.19.128.0/17, overlaps both.",
    "**Who calls 10250.** Newer: the masters' CIDR block. Older: a master's address. Both are what you \
     give as `master`.",
    "**Outbound.** Only the newer page says what must stay open when outbound traffic is narrowed.",
    "**SSH.** The newer page wants fixed addresses; the older one says only which range CloudShell needs.",
    "**NodePort.** No disagreement but of words: both let the source be narrowed as long as VPC, pods and \
     load balancers stay in.",
    "**5443.** Both want VPC, pods and a hosted service mesh's control plane admitted. The newer \
     recommends narrowing, the older permits it, and still speaks of two ports because an earlier text \
     named 5444 beside it.",
];

/// What copies and successors of the newer page say otherwise; none of it is in a preset.
pub const RETELLINGS: &[&str] = &[
    "The source of all TCP into nodes of the VPC model is a merged table cell. A sister cloud's page \
     confirms that it is the VPC; a retelling of the Chinese page has the control group, which is taken as \
     an error.",
    "A partner cloud's copy names the masters' addresses, not the control group, as source of ICMP in the \
     VPC model.",
    "In 2024 the sister cloud's outbound list had no TCP 53, no 5353, and 100.126.0.0/16 for \
     100.125.0.0/16: the service ranges depend on the region.",
    "A newer Chinese text adds TCP 8102 to 100.125.0.0/16 to the outbound list, for shipping logs.",
    "The sister cloud's latest page calls 5443 a load-balancing port in front of the API servers, and 5444 \
     the API server itself.",
];

//! Workloads that come with the program: one for each network model of CCE.
//!
//! Each is a file of the workload language, so that it can be printed, changed and run again.

/// A workload that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// How it is asked for: `cce/tunnel`.
    pub name: &'static str,
    /// One line about it.
    pub title: &'static str,
    /// The file.
    pub text: &'static str,
}

/// All of them.
pub const BUILTINS: [Builtin; 3] = [
    Builtin {
        name: "cce/vpc",
        title: "VPC network model: every line of tables T1 and T2, and what must not pass",
        text: include_str!("cce-vpc.yaml"),
    },
    Builtin {
        name: "cce/tunnel",
        title: "container tunnel model: every line of tables T3 and T4, and what must not pass",
        text: include_str!("cce-tunnel.yaml"),
    },
    Builtin {
        name: "cce/turbo",
        title: "Cloud Native 2.0 model: every line of tables T5 to T7, and what must not pass",
        text: include_str!("cce-turbo.yaml"),
    },
];

impl Builtin {
    /// The workload of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        BUILTINS.iter().find(|builtin| builtin.name == name)
    }
}

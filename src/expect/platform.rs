//! What the cloud itself needs of a cluster's groups, as suites: one for each network model of CCE.
//!
//! The suites are files of the repository (`suites/`), so that they can be read, copied and changed.

use super::SuiteFile;

/// A suite that comes with `sgsim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The preset whose cluster it is about.
    pub preset: &'static str,
    name: &'static str,
    text: &'static str,
}

/// All of them.
pub static ALL: [Platform; 3] = [
    Platform {
        preset: "cce/vpc",
        name: "suites/cce-vpc.yaml",
        text: include_str!("../../suites/cce-vpc.yaml"),
    },
    Platform {
        preset: "cce/tunnel",
        name: "suites/cce-tunnel.yaml",
        text: include_str!("../../suites/cce-tunnel.yaml"),
    },
    Platform {
        preset: "cce/turbo",
        name: "suites/cce-turbo.yaml",
        text: include_str!("../../suites/cce-turbo.yaml"),
    },
];

/// The suite for a preset; a hardened or older preset of a model has the model's.
pub fn find(preset: &str) -> Option<&'static Platform> {
    let model = preset.strip_prefix("cce/")?;
    let model = model.strip_prefix("older-").or_else(|| model.strip_suffix("-hardened")).unwrap_or(model);
    ALL.iter().find(|platform| platform.preset.strip_prefix("cce/") == Some(model))
}

impl Platform {
    /// The suite; what a scenario has nothing for (a group, a range that nobody told) is left out.
    pub fn suite(&self) -> SuiteFile {
        SuiteFile::parse(self.name, self.text).optional()
    }
}

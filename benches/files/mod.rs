//! Files of the benches.

use std::path::Path;
use std::process::Command;

/// The text of a file, or of its `.xz`.
pub(crate) fn text(path: &Path) -> String {
    if path.exists() {
        return std::fs::read_to_string(path).unwrap();
    }
    let packed = format!("{}.xz", path.display());
    let output = Command::new("xz").args(["-dc", &packed]).output().expect("xz is installed");
    assert!(output.status.success(), "cannot read {packed}");
    String::from_utf8(output.stdout).unwrap()
}

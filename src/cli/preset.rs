//! `sgsim preset`: the security groups that clouds make, as scenarios.

use std::io::Write;

use crate::report::preset::{self, PresetError};

use super::{Error, ExitStatus, output};

/// The security groups that clouds make for a cluster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List the presets.
    List,
    /// Print a preset as a scenario that can be edited and used.
    Show {
        /// Name, such as cce/tunnel.
        name: String,
        /// Set a parameter: an address, CIDR or range, or several separated by commas.
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
        settings: Vec<(String, String)>,
    },
}

pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as vpc=192.168.0.0/16")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn run(verb: &Verb) -> Result<ExitStatus, Error> {
    let mut out = output::stdout();
    match verb {
        Verb::List => preset::write_list(&mut out)?,
        Verb::Show { name, settings } => {
            let settings: Vec<_> =
                settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let shown = preset::find(name).and_then(|found| preset::write_show(&mut out, found, &settings));
            shown.map_err(|error| match error {
                PresetError::Write(error) => Error::Write(error),
                error => Error::Message(error.to_string()),
            })?;
        }
    }
    out.flush()?;
    Ok(ExitStatus::Done)
}

//! Address texts of a scenario, with what is wrong about them said in the file's own place.

use std::net::IpAddr;

use crate::diag::{Diagnostic, codes};
use crate::packet::{AddressRange, ParseAddressError};
use crate::policy::tree::Piece;

/// Whether a word means to be an address, and so a mistake in it is not an unknown name.
///
/// Names have no `/` or `:`, and the names that are made of digits and dots alone are refused.
pub(crate) fn looks_like(word: &str) -> bool {
    word.contains(['/', ':'])
        || word.parse::<AddressRange>().is_ok()
        || word.starts_with(|c: char| c.is_ascii_digit())
            && word.contains('.')
            && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | 'x'))
}

/// Reads an address, CIDR or range.
pub(crate) fn range(text: &Piece, findings: &mut Vec<Diagnostic>) -> Option<AddressRange> {
    match text.text.parse::<AddressRange>() {
        Ok(range) => {
            if AddressRange::host_bits_set(&text.text) {
                let message = format!("`{}` has bits set behind its prefix", text.text.trim());
                let finding = Diagnostic::new(codes::HOST_BITS, message);
                let single = text.text.split('/').next().unwrap_or("").trim();
                findings.push(
                    finding
                        .at(text.span.clone(), format!("read as {range}"))
                        .help(format!("write `{range}` for the network, or `{single}` for the one address")),
                );
            }
            mapped(text, range, findings);
            Some(range)
        }
        Err(error) => {
            let code = match error {
                ParseAddressError::Backwards(..) => codes::BACKWARDS_RANGE,
                _ => codes::BAD_CIDR,
            };
            let finding = Diagnostic::new(code, error.to_string()).at(text.span.clone(), "");
            let help = match error {
                ParseAddressError::Backwards(first, last) => format!("write `{last}-{first}`"),
                ParseAddressError::MixedFamilies(..) => "write one range for each family".to_owned(),
                _ => "write an address, a CIDR such as 10.0.0.0/8 or fd00::/64, or a range such as \
                      10.0.0.1-10.0.0.9"
                    .to_owned(),
            };
            findings.push(finding.help(help));
            None
        }
    }
}

/// Warns of `::ffff:10.0.0.1`.
fn mapped(text: &Piece, range: AddressRange, findings: &mut Vec<Diagnostic>) {
    let of = |address| match address {
        IpAddr::V6(address) => address.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    if let (Some(first), Some(last)) = (of(range.first()), of(range.last())) {
        let message = format!("`{}` matches no IPv4 packet", text.text.trim());
        let finding = Diagnostic::new(codes::MAPPED_ADDRESS, message).at(text.span.clone(), "");
        findings
            .push(finding.help(format!("write `{}` for the IPv4 addresses", AddressRange::V4(first, last))));
    }
}

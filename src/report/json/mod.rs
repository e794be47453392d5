//! One JSON document with everything the text has, and full lists. Field by field in `docs/output.md`.

mod build;
pub(super) mod schema;
mod step;

use std::io::{self, Write};

use super::{Options, Results};

pub(super) use build::{
    connections, document, groups, header, matrix_rows, outside, rules, summary, workload,
};
pub(super) use step::{groups_of, packet_step};

/// The name and version of the format. Fields are only ever added to it.
pub const SCHEMA: &str = "sgsim/replay/v1";

/// Writes the document, and a line feed.
pub fn write(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(results, options))?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Sample;
    use super::*;

    fn json(sample: &Sample) -> String {
        sample.written(|results, out| write(results, Options { matrix: true, ..Options::default() }, out))
    }

    /// The numbers are those counted by hand in `fixture::frames`.
    #[test]
    fn cluster() {
        let text = json(&Sample::cluster());
        insta::assert_snapshot!(text);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], SCHEMA);
        assert_eq!(value["summary"]["connections"]["blocked"]["connections"], 16);
        assert_eq!(value["connections"].as_array().unwrap().len(), 3 + 16 + 1 + 1 + 3);
        assert_eq!(value["connections"][0]["steps"][1]["groups"]["node"], "node/kubelet");
        assert_eq!(value["connections"][0]["steps"][1]["groups"]["extra"], serde_json::Value::Null);
    }

    #[test]
    fn the_inside_of_tunnels() {
        let value: serde_json::Value = serde_json::from_str(&json(&Sample::tunnels())).unwrap();
        let inside = &value["summary"]["tunnels"]["inside"];
        assert_eq!((&inside["connections"], &inside["packets"]), (&3.into(), &5.into()));
        let connections = value["connections"].as_array().unwrap();
        let tie = |connection: &serde_json::Value| {
            let tunnel = connection.get("tunnels").map(|tunnels| tunnels[0]["id"].as_u64());
            (connection["service"].as_str().map(str::to_owned), tunnel, connection.get("outer").cloned())
        };
        let ties: Vec<_> = connections.iter().map(tie).collect();
        let (vxlan, web) = (Some("udp 4789".to_owned()), Some("tcp 8080".to_owned()));
        assert_eq!(
            ties,
            [
                (vxlan.clone(), None, None),
                (web.clone(), Some(Some(7)), Some(1.into())),
                (web.clone(), Some(Some(8)), Some(1.into())),
                (vxlan.clone(), None, None),
                (Some("icmp 8/0".to_owned()), Some(Some(7)), Some(4.into())),
                (vxlan, None, None),
                (web, None, None),
            ],
            "the same five-tuple in two tunnels and outside: three connections"
        );
        assert_eq!(connections[1]["later_drops"], 1, "in the stranger's tunnel");
        assert_eq!(value["blocked"][0].get("tunnels"), None);
    }

    #[test]
    fn a_workload() {
        let value: serde_json::Value = serde_json::from_str(&json(&Sample::made())).unwrap();
        let flow = |name: &str, expected: Option<&str>, met: Option<bool>, counts: [u64; 5]| {
            serde_json::json!({
                "flow": name, "expected": expected, "as_expected": met, "allowed": counts[0], "blocked": counts[1],
                "assumed": counts[2], "undecided": counts[3], "outside": counts[4],
            })
        };
        let flows = [
            flow("ssh", Some("allowed"), Some(true), [1, 0, 0, 0, 0]),
            flow("web", Some("allowed"), Some(false), [0, 1, 0, 0, 0]),
            flow("scan", None, None, [0, 2, 0, 0, 3]),
        ];
        assert_eq!(value["workload"], serde_json::json!({ "seed": 7, "as_expected": false, "flows": flows }));
        let cluster: serde_json::Value = serde_json::from_str(&json(&Sample::cluster())).unwrap();
        assert_eq!(cluster.get("workload"), None);
    }

    #[test]
    fn nothing_and_hostile_names_are_valid_too() {
        let nothing: serde_json::Value = serde_json::from_str(&json(&Sample::nothing())).unwrap();
        assert_eq!(nothing["summary"]["first"], serde_json::Value::Null);
        let hostile: serde_json::Value = serde_json::from_str(&json(&Sample::hostile())).unwrap();
        assert_eq!(hostile["groups"][0]["group"], "a|b\n`c`\u{1b}[31m,\"d\"");
    }
}

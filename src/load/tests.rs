//! What is measured is complete, and stops when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::synth::ClusterRules;

fn wish() -> Wish {
    Wish {
        threads: vec![1, 2],
        factors: vec![1, 2],
        limit: Duration::from_mins(10),
        seed: 1,
        packets: 20_000,
    }
}

#[test]
fn a_whole_measurement_has_every_figure() {
    let policy = ClusterRules::new(20).policy();
    let (mut told, wish) = (vec![], wish());
    let mut tell = |done: usize, all: usize, _: &str| told.push((done, all));
    let report = measure(&policy, &wish, &mut Watch::new(&|| false, &mut tell, wish.limit));
    assert!(!report.incomplete && report.difference.is_none() && report.checked > 1000);
    assert_eq!(report.stages.iter().map(|stage| stage.rules).collect::<Vec<_>>(), [20, 40]);
    for stage in &report.stages {
        // Three mixes and the replay, by two numbers of threads, and once by the reference.
        assert_eq!(stage.speeds.len(), 4 * 3);
        assert!(
            stage.bytes > 0 && stage.speeds.iter().all(|speed| speed.per_second > 0.0 && speed.count > 0)
        );
    }
    assert_eq!((report.groups.len(), report.rules.len()), (3, 20));
    assert!(told.iter().all(|&(done, all)| done < all), "{told:?}");
    assert_eq!(told.last().map(|&(done, all)| all - done), Some(1), "every step was told");
}

/// Ctrl-C between two measurements: what there is stays.
#[test]
fn what_was_measured_is_kept() {
    let policy = ClusterRules::new(20).policy();
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 5;
    let wish = wish();
    let report = measure(&policy, &wish, &mut Watch::new(&stop, &mut |_, _, _| {}, wish.limit));
    assert!(report.incomplete);
    assert_eq!(report.stages.len(), 1);
    assert_eq!(report.stages[0].speeds.len(), 3);
}

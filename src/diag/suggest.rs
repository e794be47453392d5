//! Finds the word that was probably meant.

use super::Diagnostic;

/// Known words after this many are not looked at: a file with thousands of names may have thousands of mistakes.
const MOST: usize = 1000;

/// Mistakes from which on no advice is looked for.
const MANY: usize = 500;

/// The known word that is nearest to `word`, as a ready advice; `None` when nothing is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Longer words are not misspelt names, and comparing them costs.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let near = known
        .into_iter()
        .take(MOST)
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 8)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .min()?;
    let most = match lower.chars().count() {
        0..=3 => 1,
        4..=5 => 2,
        _ => 3,
    };
    (near.0 <= most && near.0 < near.1.chars().count()).then(|| format!("did you mean `{}`?", near.1))
}

/// Like [`did_you_mean`], but silent once many mistakes were found: of thousands only the first are shown, and looking
/// for what was meant is what costs.
pub fn did_you_mean_unless_many<'a>(
    found: &[Diagnostic],
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    if found.len() < MANY { did_you_mean(word, known) } else { None }
}

/// Edits (insert, delete, replace, swap of neighbours) that lead from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Three rows of the table of distances between prefixes: two ago for swaps, the last, the present.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let keys = ["ingress", "egress", "description"];
        assert_eq!(did_you_mean("ingres", keys).as_deref(), Some("did you mean `ingress`?"));
        assert_eq!(did_you_mean("Egerss", keys).as_deref(), Some("did you mean `egress`?"));
        assert_eq!(did_you_mean("rules", keys), None);
        assert_eq!(did_you_mean("", keys), None);
        assert_eq!(did_you_mean("ab", []), None);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("tpc", "tcp"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

//! Findings as text: the line, the underlined words, the advice.

use std::fmt::Write;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Label, Severity, Source, escape, escape_lines};

/// How findings are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Without colour: for files, pipes and tests.
    #[default]
    Plain,
    /// With terminal colours.
    Coloured,
}

/// Findings after this many are counted, not shown: nobody reads them, and drawing costs time.
const MOST: usize = 200;

/// One finding as text, without a line end.
pub fn render(diagnostic: &Diagnostic, source: &Source, style: Style) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(escape_lines(&diagnostic.message)).id(diagnostic.code.name);
    let mut group = Group::with_title(title);
    match &diagnostic.primary {
        Some(primary) => {
            let file = source.extent(primary.span.start);
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                diagnostic.secondary.iter().partition(|label| file.contains(&label.span.start));
            group = group.element(snippet(primary, AnnotationKind::Primary, &here, source));
            for label in elsewhere {
                group = group.element(snippet(label, AnnotationKind::Context, &[], source));
            }
        }
        None => group = group.element(Origin::path(escape(&source.name))),
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(escape_lines(help)));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

fn snippet<'a>(
    primary: &'a Label,
    kind: AnnotationKind,
    secondary: &[&'a Label],
    source: &'a Source,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let file = source.extent(source.clamp(&primary.span).start);
    let annotation = |kind: AnnotationKind, label: &'a Label| {
        let span = source.clamp(&label.span);
        let annotation = kind.span(span.start - file.start..span.end.min(file.end) - file.start);
        if label.text.is_empty() { annotation } else { annotation.label(escape_lines(&label.text)) }
    };
    Snippet::source(&source.text[file.clone()])
        .path(escape(source.file(file.start)))
        .annotation(annotation(kind, primary))
        .annotations(secondary.iter().map(|label| annotation(AnnotationKind::Context, label)))
}

/// All findings as text, with a blank line between them and a count at the end when there are too many.
pub fn render_all(diagnostics: &[Diagnostic], source: &Source, style: Style) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(MOST) {
        text += &render(diagnostic, source, style);
        text += "\n\n";
    }
    if let Some(more) = diagnostics.len().checked_sub(MOST).filter(|&more| more > 0) {
        _ = write!(text, "... and {more} more\n\n");
    }
    // One line end closes the text.
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use super::super::codes;
    use super::*;

    #[test]
    fn a_finding_shows_file_line_words_and_advice() {
        let source = Source::new("s.yaml", "groups:\n  node: { ingress: [allow tcp 70000] }\n");
        let diagnostic = Diagnostic::new(codes::BAD_PORT, "port 70000 is over 65535")
            .at(38..43, "not a port")
            .also(10..14, "in this group")
            .help("ports are numbers from 0 to 65535");
        insta::assert_snapshot!(render(&diagnostic, &source, Style::Plain), @r"
        error[bad-port]: port 70000 is over 65535
         --> s.yaml:2:31
          |
        2 |   node: { ingress: [allow tcp 70000] }
          |   ---- in this group          ^^^^^ not a port
          |
          = help: ports are numbers from 0 to 65535
        ");
        assert!(render(&diagnostic, &source, Style::Coloured).contains('\x1b'));
    }

    #[test]
    fn a_finding_without_a_place_names_the_file() {
        let source = Source::new("s.yaml", "");
        let diagnostic = Diagnostic::new(codes::UNREADABLE_FILE, "no such file");
        insta::assert_snapshot!(render(&diagnostic, &source, Style::Plain), @r"
        error[unreadable-file]: no such file
        --> s.yaml
        ");
    }

    #[test]
    fn spans_outside_the_text_and_very_many_findings_do_no_harm() {
        let source = Source::new("s.yaml", "ü");
        let at = |span| Diagnostic::new(codes::BAD_PORT, "x").at(span, "y");
        let all: Vec<_> = (0..300).map(|i| at(i..i + 5)).collect();
        assert!(render_all(&all, &source, Style::Plain).ends_with("... and 100 more\n"));
        assert_eq!(render_all(&[], &source, Style::Plain), "");
        assert!(!render(&at(0..1), &Source::new("", ""), Style::Plain).is_empty());
    }
}

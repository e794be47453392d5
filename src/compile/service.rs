//! From a protocol and a 16-bit detail (a port, an ICMP type and code) to a class, by a two-level table.

use super::bits::Interner;

/// Entries of a page: one for each low byte of the detail.
const PAGE: usize = 256;

/// Maps (row, detail) to a class. What a row stands for is the caller's: a protocol, or a kind of service.
///
/// Pages that are equal are stored once; most ports are told apart by no rule, so there are few.
#[derive(Debug, Clone)]
pub(in crate::compile) struct ServiceMap {
    /// By row, then high byte of the detail: the page.
    index: Vec<u16>,
    pages: Vec<[u16; PAGE]>,
}

impl ServiceMap {
    /// The map of these rows, each a list of (first detail, class) that starts at detail zero; `None` when the
    /// pages or classes are too many to number.
    pub(in crate::compile) fn new(rows: &[Vec<(u128, u32)>]) -> Option<Self> {
        let mut pages = Interner::new();
        let mut index = Vec::with_capacity(rows.len() * PAGE);
        for row in rows {
            let mut at = 0;
            for high in 0..PAGE {
                let mut page = [0u16; PAGE];
                for (low, class) in page.iter_mut().enumerate() {
                    let detail = (high * PAGE + low) as u128;
                    while row.get(at + 1).is_some_and(|&(start, _)| start <= detail) {
                        at += 1;
                    }
                    *class = u16::try_from(row[at].1).ok()?;
                }
                index.push(u16::try_from(pages.number(&page)).ok()?);
            }
        }
        Some(Self { index, pages: pages.into_values() })
    }

    /// The table as it is looked up, taken once outside a loop.
    #[inline(always)]
    pub(in crate::compile) fn view(&self) -> ServiceView<'_> {
        ServiceView { index: &self.index, pages: &self.pages }
    }

    /// Bytes of memory.
    pub(in crate::compile) fn bytes(&self) -> usize {
        size_of_val(&*self.index) + size_of_val(&*self.pages)
    }
}

/// A borrowed [`ServiceMap`].
#[derive(Debug, Clone, Copy)]
pub(in crate::compile) struct ServiceView<'m> {
    index: &'m [u16],
    pages: &'m [[u16; PAGE]],
}

impl ServiceView<'_> {
    /// The class of a detail in a row.
    #[inline(always)]
    pub(in crate::compile) fn get(self, row: usize, detail: u16) -> u16 {
        let page = self.index[row * PAGE + usize::from(detail >> 8)];
        self.pages[usize::from(page)][usize::from(detail & 0xff)]
    }
}

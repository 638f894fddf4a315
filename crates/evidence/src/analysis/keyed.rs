//! Expectations by what a webhook must hold to fulfil them; most keys lead to one expectation, some to very many.

use correlate::Sharded;

/// Set in a head that is the number of a list, not of an expectation.
const LIST: u32 = 1 << 31;

/// Keys to the indices of expectations, open ones apart from those that were fulfilled.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    heads: Sharded,
    lists: Vec<List>,
}

/// The expectations of one key.
#[derive(Debug, Default)]
struct List {
    open: Vec<u32>,
    /// In order.
    closed: Vec<u32>,
}

impl Keyed {
    /// The expectation of a key that has only one.
    pub(super) fn alone(&self, key: u64) -> Option<u32> {
        self.heads.get(key).filter(|head| head & LIST == 0)
    }

    /// Adds an expectation with a higher index than all before; in a list each counts as open until it is closed.
    pub(super) fn add(&mut self, key: u64, index: u32) {
        let Some(head) = self.heads.get(key) else {
            self.heads.insert(key, index);
            return;
        };
        if let Some(list) = self.list_mut(head) {
            list.open.push(index);
        } else {
            self.heads.insert(key, LIST | u32::try_from(self.lists.len()).unwrap_or(!LIST));
            self.lists.push(List { open: vec![head, index], closed: Vec::new() });
        }
    }

    /// Nothing more is to fulfil this one.
    pub(super) fn close(&mut self, key: u64, index: u32) {
        let Some(list) = self.heads.get(key).and_then(|head| self.list_mut(head)) else {
            return;
        };
        if let Some(at) = list.open.iter().position(|&i| i == index) {
            list.open.remove(at);
            let at = list.closed.partition_point(|&i| i < index);
            list.closed.insert(at, index);
        }
    }

    /// Those that may be open: all that are, and where a key has only one, that one.
    pub(super) fn open(&self, key: u64) -> &[u32] {
        self.heads.get_ref(key).map_or(&[], |head| match self.list(*head) {
            Some(list) => &list.open,
            None => std::slice::from_ref(head),
        })
    }

    /// Those that may be closed, in order: all that are, and where a key has only one, that one.
    pub(super) fn closed(&self, key: u64) -> &[u32] {
        self.heads.get_ref(key).map_or(&[], |head| match self.list(*head) {
            Some(list) => &list.closed,
            None => std::slice::from_ref(head),
        })
    }

    fn list(&self, head: u32) -> Option<&List> {
        (head & LIST != 0).then(|| self.lists.get((head & !LIST) as usize)).flatten()
    }

    fn list_mut(&mut self, head: u32) -> Option<&mut List> {
        if head & LIST == 0 { None } else { self.lists.get_mut((head & !LIST) as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_one_or_to_many() {
        let mut keyed = Keyed::default();
        keyed.add(7, 0);
        assert_eq!((keyed.open(7), keyed.closed(7), keyed.open(8)), (&[0][..], &[0][..], &[][..]));
        keyed.add(7, 4);
        keyed.add(7, 9);
        assert_eq!((keyed.open(7), keyed.closed(7)), (&[0, 4, 9][..], &[][..]));
        keyed.close(7, 9);
        keyed.close(7, 0);
        assert_eq!((keyed.open(7), keyed.closed(7)), (&[4][..], &[0, 9][..]));
    }
}

//! Comparison in constant time.

use subtle::ConstantTimeEq;

/// Whether two byte strings are equal, in a time that depends on their lengths only. Eight bytes at a time, for which `subtle`
/// takes as long as for one.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = a.iter().zip(b).map(|(a, b)| u64::from_ne_bytes(*a).ct_eq(&u64::from_ne_bytes(*b)));
    words.fold(a_rest.ct_eq(b_rest), |all, equal| all & equal).into()
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn what_is_compared_by_words_is_equal_when_each_byte_is() {
        for length in [0, 1, 7, 8, 9, 20, 32, 33, 64, 128] {
            let text: Vec<u8> = (0..length).collect();
            assert!(same(&text, &text.clone()), "{length}");
            for at in 0..text.len() {
                for bit in 0..8 {
                    let mut other = text.clone();
                    other[at] ^= 1 << bit;
                    assert!(!same(&text, &other), "byte {at} of {length}");
                }
            }
            let longer: Vec<u8> = (0..=length).collect();
            assert!(!same(&text, &longer) && !same(&longer, &text), "{length}");
        }
    }
}

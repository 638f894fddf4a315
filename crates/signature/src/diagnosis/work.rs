//! How much one diagnosis may do.

/// Work for one request, in bytes hashed; whatever else is done is counted as that many. A body of 64 KiB, the longest that
/// is written anew, gets all its candidates, and some 20 ms.
const LIMIT: usize = 16 * 1024 * 1024;

/// Of that, for making candidates.
const MAKING: usize = LIMIT / 2;

/// What a try costs beside its bytes: padding, the two outer blocks, and the comparison with what was given.
const TRY: usize = 256;

/// Writing a byte of JSON takes as long as hashing so many.
const WRITTEN: usize = 4;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Work {
    making: usize,
    trying: usize,
}

impl Work {
    pub(super) const fn new() -> Self {
        Self { making: MAKING, trying: LIMIT - MAKING }
    }

    /// Bytes of JSON that may still be written.
    pub(super) const fn room(&self) -> usize {
        self.making / WRITTEN
    }

    #[cfg(test)]
    pub(super) const fn making(&self) -> usize {
        self.making
    }

    /// A body of so many bytes was written.
    pub(super) const fn made(&mut self, bytes: usize) {
        self.making = self.making.saturating_sub(bytes.saturating_mul(WRITTEN));
    }

    /// Takes the cost of hashing `bytes`; `None` when it is spent.
    pub(super) const fn try_out(&mut self, bytes: usize) -> Option<()> {
        match self.trying.checked_sub(bytes.saturating_add(TRY)) {
            Some(left) => {
                self.trying = left;
                Some(())
            }
            None => None,
        }
    }
}

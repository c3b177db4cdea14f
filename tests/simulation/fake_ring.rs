//! What the fake kernel does that the real one does too rarely to be waited for.

//! Against real and faulty providers.

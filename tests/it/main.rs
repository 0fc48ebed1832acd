//! The end-to-end suite: one binary, one file an area, against the built programs.

mod layers;

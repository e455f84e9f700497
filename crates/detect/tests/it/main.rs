//! Vectors and properties of the public interface.

mod properties;
mod vectors;

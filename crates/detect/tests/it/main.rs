//! Vectors and properties of the public interface.

mod bypass;
mod properties;
mod vectors;

//! Vectors and properties of the public interface.

mod bypass;
mod encodings;
mod padding;
mod places;
mod properties;
mod vectors;

//! What is asked of hooks, and what their answers mean. A question is a value; somebody else asks it and brings the answer
//! to a later step, so a hook that takes minutes holds up nothing but the gate it was asked for.

mod asking;
mod standing;

//! How large a regular expression becomes: counted repetitions are written out by whoever compiles it.

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange, Visitor};

/// The largest product of the counts of repetitions that stand within each other, saturating.
pub(super) fn product(ast: &Ast) -> u32 {
    let mut largest = Largest {
        around: vec![1],
        most: 1,
    };
    match ast::visit(ast, &mut largest) {
        Ok(()) => largest.most,
        Err(never) => match never {},
    }
}

/// Walks the tree without going down the stack, as the parser does.
struct Largest {
    /// Products of what is around, innermost last.
    around: Vec<u32>,
    most: u32,
}

impl Visitor for &mut Largest {
    type Output = ();
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if let Ast::Repetition(repetition) = ast {
            let product = self
                .around
                .last()
                .copied()
                .unwrap_or(1)
                .saturating_mul(count(&repetition.op.kind));
            self.most = self.most.max(product);
            self.around.push(product);
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if matches!(ast, Ast::Repetition(_)) {
            self.around.pop();
        }
        Ok(())
    }
}

fn count(kind: &RepetitionKind) -> u32 {
    let RepetitionKind::Range(range) = kind else { return 1 };
    let most = match range {
        RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n) => *n,
        RepetitionRange::Bounded(_, most) => *most,
    };
    most.max(1)
}

#[cfg(test)]
mod tests {
    use regex_syntax::ast::parse::Parser;

    #[test]
    fn repetitions_within_each_other_multiply() {
        for (pattern, expected) in [
            ("a*b+(c?)*", 1),
            ("a{3}b{900}", 900),
            ("(a{10}b){10,20}", 200),
            ("((a{10}){10,}){0,11}", 1100),
            ("(((((a{4000000000}){9}){9}){9}){9}){9}", u32::MAX),
        ] {
            assert_eq!(
                super::product(&Parser::new().parse(pattern).unwrap()),
                expected,
                "{pattern}"
            );
        }
    }
}

//! The domain of the cluster, under which its Services have names: kubelet writes it into what a pod resolves names by.

/// Where kubelet writes it.
const RESOLVER: &str = "/etc/resolv.conf";

/// The domain that this pod looks for Services under; empty where nothing tells.
pub fn cluster_domain() -> String {
    let text = std::fs::read_to_string(RESOLVER).unwrap_or_default();
    searched(&text).unwrap_or_default()
}

// The one that is searched for `NAME.NAMESPACE`. Of several lists the last one counts.
fn searched(text: &str) -> Option<String> {
    let mut lists = text.lines().filter_map(|line| line.trim().strip_prefix("search"));
    let mut words = lists.next_back()?.split_whitespace();
    let domain = words.find_map(|word| word.strip_prefix("svc."))?;
    Some(domain.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::searched;

    #[test]
    fn the_domain_is_what_services_are_searched_under() {
        let found = |text: &str| searched(text);
        let written = "search coalmine.svc.k8s.example.com svc.k8s.example.com k8s.example.com office.example\n\
                       nameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(found(written).as_deref(), Some("k8s.example.com"));
        assert_eq!(
            found("search a.svc.one.test svc.one.test\nsearch svc.two.test."),
            Some("two.test".into())
        );
        for text in ["", "nameserver 10.0.0.1", "search office.example", "search"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}

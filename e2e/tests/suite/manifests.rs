//! What is committed for those who do not use Helm.

#[tokio::test]
async fn the_manifests_are_what_the_chart_renders() {
    let cluster = e2e::cluster::Cluster::attach().expect("the suite plays on a cluster that is up");
    e2e::manifests::check(&cluster.helm).await.expect("manifests/ is fresh");
}

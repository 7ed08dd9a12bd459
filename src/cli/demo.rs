//! stub
#[derive(clap::Args)]
pub(super) struct DemoArgs {}
pub(super) fn demo(_: &DemoArgs) -> u8 {
    0
}

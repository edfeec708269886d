mod deadline;
mod execute;
mod failing;
mod house;
mod interpret;
mod models;
mod new_app;
mod snapshot;

mod deadline;
mod execute;
mod house;
mod interpret;
mod models;
mod new_app;
mod snapshot;

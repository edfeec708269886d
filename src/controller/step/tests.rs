mod models;
mod new_app;

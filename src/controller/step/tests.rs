mod new_app;

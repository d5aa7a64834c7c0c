"""One module for each verb. What is heavy is imported when it is needed, so that help is quick."""

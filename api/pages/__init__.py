"""The pages that people look at: made on the server, whole without a script, under the same sessions as the API."""

"""A trained model over HTTP: answers, a page to try it on, and the runs beside it."""

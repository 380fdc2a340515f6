"""From a revision to the Kubernetes objects that run it and the ones that send it traffic; pure rendering."""

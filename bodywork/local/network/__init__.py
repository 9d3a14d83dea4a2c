"""One address for each version of a service, and the redirection to it inside the stages."""

"""The Kubernetes engine: stages as Jobs and Deployments of a cluster.

The only package that imports `kubernetes`, and of that only configuration and transport.
"""

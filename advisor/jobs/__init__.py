"""Durable jobs: a database, a driver process for each job, and worker processes that train."""

"""`python -m api`: the web process, on PORT. WEB_CONCURRENCY says how many processes answer."""

from api.server.run import serve

if __name__ == "__main__":
    serve()

"""The shadow proxy: takes copies of requests, asks both versions, and exports what it has compared."""

"""The MCP layer: thin tools, a prompt and resources over the `advisor` library."""

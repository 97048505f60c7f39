"""Answers of tools: a short text that a model can act on, the same as structured content, and pictures."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Image
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from pydantic import ConfigDict

from advisor_mcp.errors import tool_errors


def answer(text: str, structured: dict[str, Any], *pictures: bytes) -> CallToolResult:
    """A result of text, structured content and PNG pictures."""
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    content += [Image(data=picture, format="png").to_image_content() for picture in pictures]
    return CallToolResult(content=content, structured_content=structured)


def tool(title: str, *, read_only: bool, destructive: bool = False) -> Callable[[Callable[..., Any]], Tool]:
    """Make a function a tool that refuses unknown arguments, with its docstring as description."""

    def build(function: Callable[..., Any]) -> Tool:
        built = Tool.from_function(
            tool_errors(function),
            name=function.__name__,
            title=title,
            annotations=ToolAnnotations(
                read_only_hint=read_only,
                destructive_hint=destructive,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )
        model = built.fn_metadata.arg_model
        # The SDK drops arguments that it does not know, which hides a model's typing errors.
        strict: Any = type(
            model.__name__, (model,), {"model_config": ConfigDict(extra="forbid"), "__module__": __name__}
        )
        built.fn_metadata.arg_model = strict
        built.parameters = _without_titles(strict.model_json_schema(by_alias=True))
        return built

    return build


def _without_titles(schema: Any) -> Any:
    """The schema without pydantic's generated titles, which repeat the names and cost every client tokens."""
    if isinstance(schema, dict):
        return {
            key: {name: _without_titles(part) for name, part in value.items()}  # names here, not keywords
            if key == "properties"
            else _without_titles(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(item) for item in schema] if isinstance(schema, list) else schema

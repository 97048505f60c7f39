"""From a recipe to code: one module for each framework, its template beside it."""

from advisor.codegen.plain_pytorch import pytorch as pytorch

.PHONY: demo test check skill clean

PYTHON ?= python3
READY := .venv/.ready

# Installed once, and again only when what is installed changes.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	touch $(READY)

demo: $(READY)
	.venv/bin/regadvisor demo

test: $(READY)
	.venv/bin/python -m pytest

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m advisor.knowledge.skill --check
	.venv/bin/agentskills validate skill/regularization-expert

skill: $(READY)
	.venv/bin/python -m advisor.knowledge.skill

clean:
	rm -rf .venv dist build

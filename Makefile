.PHONY: demo test test-pairs test-kills check generated clean

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
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile

test-pairs: $(READY)
	REGADVISOR_ALL_PAIRS=1 .venv/bin/python -m pytest tests/techniques/test_pairs.py --numprocesses 2 --timeout 1800

test-kills: $(READY)
	REGADVISOR_ALL_KILLS=1 .venv/bin/python -m pytest tests/jobs/test_kill_and_resume.py -s

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m advisor.knowledge.skill --check
	.venv/bin/python -m advisor.knowledge.seed_map --check
	.venv/bin/python -m advisor.knowledge.plain_loops --check
	.venv/bin/agentskills validate skill/regularization-expert

generated: $(READY)
	.venv/bin/python -m advisor.knowledge.skill
	.venv/bin/python -m advisor.knowledge.seed_map
	.venv/bin/python -m advisor.knowledge.plain_loops

clean:
	rm -rf .venv dist build

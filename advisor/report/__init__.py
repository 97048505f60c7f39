"""The report: pictures for agents and people, and one self-contained HTML page."""

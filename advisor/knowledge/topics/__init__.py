"""The expert's rules, one file for each topic; `advisor.knowledge` collects them."""

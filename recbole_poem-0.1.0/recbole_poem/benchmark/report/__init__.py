"""The report of a benchmark: numbers, sections, charts, as Markdown and as a page."""

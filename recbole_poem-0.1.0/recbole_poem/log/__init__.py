"""The flat log, and what is read off it: conditions, watch times, exposures, trends."""

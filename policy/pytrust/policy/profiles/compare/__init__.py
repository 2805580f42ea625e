"""Two profiles held against each other: what one lets through and the other does not, their union and intersection."""

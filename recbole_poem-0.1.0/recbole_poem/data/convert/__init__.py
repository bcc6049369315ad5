"""Public data sets as they are published, to RecBole's atomic files: a module per data set."""

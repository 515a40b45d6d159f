"""Night report and portrait for one who never saw a notebook: a page, and its server on this machine alone."""

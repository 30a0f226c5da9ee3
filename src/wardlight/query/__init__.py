"""LogQL: lex, parse, typed tree, passes, SQL with bound parameters, answer."""

"""Who may see and do what: roles and their rights, people, sessions, tokens of machines."""

"""How the portal bears load: a seeder, people who read and write over HTTP, and what their processes cost."""

"""People as others want them: who is published, where they are in another frame, their boxes and headings."""

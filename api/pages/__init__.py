"""Pages for people: one screen a file, each one enquiry, one template, no more.

Everything works without JavaScript but playing and the live wall; forms are plain POSTs answered by a redirect.
"""

"""What a copy looks like beside its master: the gauge, what each recipe was measured to give, and which copies are
looked at while the work goes on. A copy below its floor is said to be, and is never withheld.
"""

def run(t):
    return {}

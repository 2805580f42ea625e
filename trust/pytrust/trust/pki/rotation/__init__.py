"""One generation of a CA after another, without anybody being refused."""

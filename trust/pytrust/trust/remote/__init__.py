"""Signing at a trust server elsewhere: what a stock client does, with our keys, pins and memory."""

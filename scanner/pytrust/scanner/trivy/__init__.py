"""Trivy's JSON reports, of every version from 0.6 on: bytes in, ``report.Report`` out."""

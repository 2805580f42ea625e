"""VEX: what of a scan does not affect an image, by whoever may say so. Pure."""

"""An engine takes the files of a server folder: what is changed on its host, what is changed back, what it serves."""

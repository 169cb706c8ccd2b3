"""Renderables for a terminal: values in, rich objects or text out. Nothing here prints."""

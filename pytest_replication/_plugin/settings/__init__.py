"""Settings of the command line, the ini file and the marker: declared once, resolved with their source."""

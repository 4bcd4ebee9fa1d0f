"""Check what README.md, docs/ and the other pages say."""

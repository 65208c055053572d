"""What a person looks at: HTML that the server renders, one module per page."""
